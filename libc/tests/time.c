/* Clocks, timers and waiting for descriptors. */
#define _GNU_SOURCE
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t fired;

static void fire(int number)
{
	(void)number;
	fired++;
}

static long long now(clockid_t id)
{
	struct timespec time;
	return clock_gettime(id, &time) ? -1 : time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void clocks(void)
{
	long long first = now(CLOCK_MONOTONIC);
	struct timespec wait = {0, 20000000}, rest;
	CHECK("nanosleep", nanosleep(&wait, &rest) == 0);
	CHECK("monotonic time went on by that much", now(CLOCK_MONOTONIC) - first >= 20000000);
	CHECK("real time is after 2020", now(CLOCK_REALTIME) > 1577836800LL * 1000000000 && time(NULL) > 1577836800);
	CHECK("CPU time is counted", now(CLOCK_PROCESS_CPUTIME_ID) > 0 && now(CLOCK_THREAD_CPUTIME_ID) > 0 && clock() >= 0);
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += 10000000;
	if (at.tv_nsec >= 1000000000)
		at.tv_nsec -= 1000000000, at.tv_sec++;
	CHECK("clock_nanosleep until a time", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0);
	CHECK("a bad clock", clock_gettime(99, &at) == -1 && errno == EINVAL);
	wait.tv_nsec = 1000000000;
	CHECK("bad nanoseconds", nanosleep(&wait, NULL) == -1 && errno == EINVAL);
	struct timeval old;
	struct tms spent;
	CHECK("gettimeofday and times", gettimeofday(&old, NULL) == 0 && old.tv_sec > 1577836800 && times(&spent) > 0);
	time_t known = 86400 * 365;
	char text[64];
	CHECK("strftime of a known day", strftime(text, sizeof text, "%Y-%m-%d %H:%M", gmtime(&known)) == 16 && !strcmp(text, "1971-01-01 00:00"));
}

static void descriptors(void)
{
	int ends[2];
	pipe(ends);
	struct pollfd items[2] = {{.fd = ends[0], .events = POLLIN}, {.fd = ends[1], .events = POLLOUT}};
	CHECK("an empty pipe can be written only", poll(items, 2, 0) == 1 && items[0].revents == 0 && items[1].revents == POLLOUT);
	CHECK("poll times out", poll(items, 1, 10) == 0);
	write(ends[1], "x", 1);
	CHECK("a filled pipe can be read", poll(items, 2, -1) == 2 && items[0].revents == POLLIN);
	fd_set readable;
	FD_ZERO(&readable);
	FD_SET(ends[0], &readable);
	struct timeval none = {0, 0};
	CHECK("select says the same", select(ends[0] + 1, &readable, NULL, NULL, &none) == 1 && FD_ISSET(ends[0], &readable));
	int set = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77}, got;
	CHECK("epoll reports with its data", epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) == 0 && epoll_wait(set, &got, 1, 0) == 1 && got.data.u64 == 77 && got.events & EPOLLIN);
	char byte;
	read(ends[0], &byte, 1);
	CHECK("and not when there is nothing", epoll_wait(set, &got, 1, 0) == 0);
	close(ends[1]);
	CHECK("a pipe without writers hangs up", poll(items, 1, -1) == 1 && items[0].revents & POLLHUP);
	items[0].fd = 99;
	CHECK("a bad descriptor is told", poll(items, 1, -1) == 1 && items[0].revents == POLLNVAL);
	items[0].fd = -1;
	CHECK("a negative one is skipped", poll(items, 1, 0) == 0);
	close(ends[0]), close(set);
}

static void timers(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	struct itimerspec soon = {.it_value = {0, 10000000}, .it_interval = {0, 10000000}};
	uint64_t count = 0;
	CHECK("a timer as a descriptor", fd >= 0 && timerfd_settime(fd, 0, &soon, NULL) == 0 && read(fd, &count, 8) == 8 && count >= 1);
	close(fd);
	signal(SIGALRM, fire);
	timer_t timer;
	soon.it_interval.tv_nsec = 0;
	CHECK("timer_create", timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0 && timer_settime(timer, 0, &soon, NULL) == 0);
	while (!fired)
		usleep(1000);
	CHECK("it fires, and is disarmed then", timer_gettime(timer, &soon) == 0 && soon.it_value.tv_nsec == 0 && timer_delete(timer) == 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	clocks();
	descriptors();
	timers();
	return report();
}
