/* <sys/epoll.h>: scalable multiplexing (Linux) */
#ifndef _SYS_EPOLL_H
#define _SYS_EPOLL_H

#include <features.h>
#include <stdint.h>
#include <fcntl.h>
#include <bits/sigset.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EPOLL_CLOEXEC O_CLOEXEC
#define EPOLL_NONBLOCK O_NONBLOCK
#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3
enum EPOLL_EVENTS { __EPOLL_EVENTS_UNUSED };
#define EPOLLERR       8
#define EPOLLET        0x80000000U
#define EPOLLEXCLUSIVE 0x10000000U
#define EPOLLHUP       0x10
#define EPOLLIN        1
#define EPOLLMSG       0x400
#define EPOLLNVAL      0x20
#define EPOLLONESHOT   0x40000000U
#define EPOLLOUT       4
#define EPOLLPRI       2
#define EPOLLRDBAND    0x80
#define EPOLLRDHUP     0x2000
#define EPOLLRDNORM    0x40
#define EPOLLWAKEUP    0x20000000U
#define EPOLLWRBAND    0x200
#define EPOLLWRNORM    0x100
typedef union epoll_data {
	void *ptr;
	int fd;
	uint32_t u32;
	uint64_t u64;
} epoll_data_t;
struct epoll_event {
	uint32_t events;
	epoll_data_t data;
} __attribute__((__packed__));
int epoll_create(int);
int epoll_create1(int);
int epoll_ctl(int, int, int, struct epoll_event *);
int epoll_wait(int, struct epoll_event *, int, int);
int epoll_pwait(int, struct epoll_event *, int, int, const sigset_t *);
int epoll_pwait2(int, struct epoll_event *, int, const struct timespec *, const sigset_t *);

#ifdef __cplusplus
}
#endif

#endif
