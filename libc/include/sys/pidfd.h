/* <sys/pidfd.h>: processes as descriptors (Linux) */
#ifndef _SYS_PIDFD_H
#define _SYS_PIDFD_H

#include <features.h>
#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

int pidfd_open(pid_t, unsigned);
int pidfd_send_signal(int, int, siginfo_t *, unsigned);
pid_t pidfd_getpid(int);

#ifdef __cplusplus
}
#endif

#endif
