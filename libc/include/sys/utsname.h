/* <sys/utsname.h>: the system's name (POSIX) */
#ifndef _SYS_UTSNAME_H
#define _SYS_UTSNAME_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

struct utsname {
	char sysname[65], nodename[65], release[65], version[65], machine[65];
#if __GNU_VISIBLE
	char domainname[65];
#else
	char __domainname[65];
#endif
};
int uname(struct utsname *);

#ifdef __cplusplus
}
#endif

#endif
