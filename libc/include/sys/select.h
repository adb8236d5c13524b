/* <sys/select.h>: synchronous multiplexing (POSIX) */
#ifndef _SYS_SELECT_H
#define _SYS_SELECT_H

#include <features.h>
#include <bits/timeval.h>
#include <bits/timespec.h>
#include <bits/sigset.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long size_t;
#define FD_SETSIZE 1024
typedef unsigned long fd_mask;
typedef struct { unsigned long fds_bits[FD_SETSIZE / 8 / sizeof(long)]; } fd_set;
#define __FD_WORD(descriptor, set) ((set)->fds_bits[(descriptor) / (8 * sizeof(long))])
#define __FD_BIT(descriptor) (1UL << ((descriptor) % (8 * sizeof(long))))
#define FD_ZERO(set) do { \
	for (unsigned __word = 0; __word < sizeof(fd_set) / sizeof(long); __word++) (set)->fds_bits[__word] = 0; \
} while (0)
#define FD_SET(descriptor, set) (__FD_WORD(descriptor, set) |= __FD_BIT(descriptor))
#define FD_CLR(descriptor, set) (__FD_WORD(descriptor, set) &= ~__FD_BIT(descriptor))
#define FD_ISSET(descriptor, set) ((__FD_WORD(descriptor, set) & __FD_BIT(descriptor)) != 0)
int select(int, fd_set *__restrict, fd_set *__restrict, fd_set *__restrict, struct timeval *__restrict);
int pselect(int, fd_set *__restrict, fd_set *__restrict, fd_set *__restrict, const struct timespec *__restrict, const sigset_t *__restrict);
#define NFDBITS (8 * (int)sizeof(long))

#ifdef __cplusplus
}
#endif

#endif
