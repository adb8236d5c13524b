/* <poll.h>: input and output multiplexing (POSIX) */
#ifndef _POLL_H
#define _POLL_H

#include <features.h>
#include <bits/timespec.h>
#include <bits/sigset.h>

#ifdef __cplusplus
extern "C" {
#endif

#define POLLERR    8
#define POLLHUP    0x10
#define POLLIN     1
#define POLLMSG    0x400
#define POLLNVAL   0x20
#define POLLOUT    4
#define POLLPRI    2
#define POLLRDBAND 0x80
#define POLLRDHUP  0x2000
#define POLLRDNORM 0x40
#define POLLWRBAND 0x200
#define POLLWRNORM 0x100
typedef unsigned long nfds_t;
struct pollfd {
	int fd;
	short events, revents;
};
int poll(struct pollfd *, nfds_t, int);
#if __GNU_VISIBLE || __POSIX_VISIBLE
int ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
#endif

#ifdef __cplusplus
}
#endif

#endif
