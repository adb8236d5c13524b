/* <sys/un.h>: local sockets (POSIX) */
#ifndef _SYS_UN_H
#define _SYS_UN_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned short sa_family_t;
typedef unsigned long size_t;
struct sockaddr_un {
	sa_family_t sun_family;
	char sun_path[108];
};
#if __BSD_VISIBLE
size_t strlen(const char *);
#define SUN_LEN(address) (__builtin_offsetof(struct sockaddr_un, sun_path) + strlen((address)->sun_path))
#endif

#ifdef __cplusplus
}
#endif

#endif
