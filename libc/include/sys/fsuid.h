/* <sys/fsuid.h>: file system identities (Linux) */
#ifndef _SYS_FSUID_H
#define _SYS_FSUID_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned int uid_t;
typedef unsigned int gid_t;
int setfsuid(uid_t);
int setfsgid(gid_t);

#ifdef __cplusplus
}
#endif

#endif
