/* <sys/klog.h>: the kernel's log (Linux) */
#ifndef _SYS_KLOG_H
#define _SYS_KLOG_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

int klogctl(int, char *, int);

#ifdef __cplusplus
}
#endif

#endif
