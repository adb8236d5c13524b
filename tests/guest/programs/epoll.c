/* poll, select and epoll over all kinds of descriptors. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include "sockets.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <time.h>

static int add(int set, int fd, unsigned events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static int change(int set, int fd, unsigned events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	return epoll_ctl(set, EPOLL_CTL_MOD, fd, &event);
}

static void levels(void)
{
	struct epoll_event got[4];
	int set = epoll_create1(EPOLL_CLOEXEC), ends[2];

	pipe(ends);
	CHECK("epoll_create1", set >= 0 && fcntl(set, F_GETFD) == FD_CLOEXEC);
	CHECK("add", add(set, ends[0], EPOLLIN) == 0);
	CHECK("add again", add(set, ends[0], EPOLLIN) == -1 && errno == EEXIST);
	CHECK("change what is not there", change(set, ends[1], EPOLLOUT) == -1 && errno == ENOENT);
	CHECK("remove what is not there", epoll_ctl(set, EPOLL_CTL_DEL, ends[1], NULL) == -1 && errno == ENOENT);
	CHECK("nothing yet", epoll_wait(set, got, 4, 0) == 0);
	write(ends[1], "ab", 2);
	CHECK("readable", epoll_wait(set, got, 4, 0) == 1 && got[0].events == EPOLLIN && got[0].data.fd == ends[0]);
	CHECK("as long as it is", epoll_wait(set, got, 4, 0) == 1);
	char buffer[8];
	read(ends[0], buffer, 8);
	CHECK("no longer", epoll_wait(set, got, 4, 0) == 0);
	add(set, ends[1], EPOLLOUT);
	CHECK("writable", epoll_wait(set, got, 4, 0) == 1 && got[0].events == EPOLLOUT);
	CHECK("no interest", change(set, ends[1], 0) == 0 && epoll_wait(set, got, 4, 0) == 0);
	close(ends[0]);
	CHECK("EPOLLERR needs none", epoll_wait(set, got, 4, 0) == 1 && got[0].events & EPOLLERR);
	CHECK("remove", epoll_ctl(set, EPOLL_CTL_DEL, ends[1], NULL) == 0 && epoll_wait(set, got, 4, 0) == 0);
	close(ends[1]);
	CHECK("no room", epoll_wait(set, got, 0, 0) == -1 && errno == EINVAL);
	CHECK("no set", epoll_wait(0, got, 4, 0) == -1 && errno == EINVAL);
	CHECK("closed", epoll_wait(999, got, 4, 0) == -1 && errno == EBADF);
	CHECK("add a closed one", add(set, 999, EPOLLIN) == -1 && errno == EBADF);
	CHECK("add itself", add(set, set, EPOLLIN) == -1 && errno == EINVAL);
	int file = open("/tmp/regular", O_RDWR | O_CREAT, 0600);
	CHECK("add a file", add(set, file, EPOLLIN) == -1 && errno == EPERM);
	unlink("/tmp/regular");
	close(file); close(set);
}

static void edges(void)
{
	struct epoll_event got[4];
	int set = epoll_create1(0), ends[2];
	char buffer[8];

	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	add(set, ends[0], EPOLLIN | EPOLLET);
	write(ends[1], "a", 1);
	CHECK("an edge", epoll_wait(set, got, 4, 0) == 1);
	CHECK("comes once", epoll_wait(set, got, 4, 0) == 0);
	write(ends[1], "b", 1);
	CHECK("and for each arrival", epoll_wait(set, got, 4, 0) == 1 && epoll_wait(set, got, 4, 0) == 0);
	read(ends[0], buffer, 8);
	CHECK("one shot", change(set, ends[0], EPOLLIN | EPOLLONESHOT) == 0 && write(ends[1], "c", 1) == 1
		&& epoll_wait(set, got, 4, 0) == 1);
	write(ends[1], "d", 1);
	CHECK("is over then", epoll_wait(set, got, 4, 0) == 0);
	CHECK("until it is armed again", change(set, ends[0], EPOLLIN | EPOLLONESHOT) == 0 && epoll_wait(set, got, 4, 0) == 1);
	int exclusive = eventfd(1, 0);
	CHECK("EPOLLEXCLUSIVE", add(set, exclusive, EPOLLIN | EPOLLEXCLUSIVE) == 0 && epoll_wait(set, got, 4, 0) == 1);
	CHECK("is not for changes", change(set, exclusive, EPOLLIN | EPOLLEXCLUSIVE) == -1 && errno == EINVAL);
	close(exclusive);
	CHECK("a closed descriptor leaves", epoll_wait(set, got, 4, 0) == 0);
	int copy = dup(ends[0]);
	change(set, ends[0], EPOLLIN);
	close(ends[0]);
	CHECK("but not while there is a copy", epoll_wait(set, got, 4, 0) == 1);
	close(copy); close(ends[1]); close(set);
}

static void nested(void)
{
	struct epoll_event got[4];
	int inner = epoll_create1(0), outer = epoll_create1(0), event = eventfd(0, 0);

	CHECK("a set in a set", add(inner, event, EPOLLIN) == 0 && add(outer, inner, EPOLLIN) == 0);
	CHECK("not in a circle", add(inner, outer, EPOLLIN) == -1 && errno == ELOOP);
	CHECK("nothing", epoll_wait(outer, got, 4, 0) == 0 && readable(inner, 0) == 0);
	eventfd_write(event, 1);
	CHECK("through", epoll_wait(outer, got, 4, 0) == 1 && got[0].data.fd == inner && readable(inner, 0) == 1 && readable(outer, 0) == 1);
	eventfd_t value;
	eventfd_read(event, &value);
	CHECK("and back", epoll_wait(outer, got, 4, 0) == 0 && readable(outer, 0) == 0);
	close(inner); close(outer); close(event);
}

static volatile sig_atomic_t handled;
static void handler(int number) { (void)number; handled++; }

static void *raise_later(void *process)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	usleep(30000);
	kill(*(pid_t *)process, SIGUSR1);
	return NULL;
}

static void masks(void)
{
	struct epoll_event got[4];
	struct timespec wait = { 5, 0 }, bad = { 0, -1 }, none = { 0, 0 };
	sigset_t blocked, empty;
	int set = epoll_create1(0), event = eventfd(0, 0);
	pid_t self = getpid();
	fd_set reads;

	sigemptyset(&empty);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	signal(SIGUSR1, handler);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	kill(self, SIGUSR1);
	add(set, event, EPOLLIN);
	CHECK("blocked", epoll_pwait(set, got, 4, 0, NULL) == 0 && handled == 0);
	CHECK("epoll_pwait lets it in", epoll_pwait(set, got, 4, 5000, &empty) == -1 && errno == EINTR && handled == 1);
	kill(self, SIGUSR1);
	CHECK("epoll_pwait2 too", epoll_pwait2(set, got, 4, &wait, &empty) == -1 && errno == EINTR && handled == 2);
	CHECK("epoll_pwait2 times out", epoll_pwait2(set, got, 4, &none, NULL) == 0);
	CHECK("and checks its time", epoll_pwait2(set, got, 4, &bad, NULL) == -1 && errno == EINVAL);
	kill(self, SIGUSR1);
	struct pollfd item = { event, POLLIN, 0 };
	CHECK("ppoll too", ppoll(&item, 1, &wait, &empty) == -1 && errno == EINTR && handled == 3);
	kill(self, SIGUSR1);
	FD_ZERO(&reads);
	FD_SET(event, &reads);
	CHECK("pselect too", pselect(event + 1, &reads, NULL, NULL, &wait, &empty) == -1 && errno == EINTR && handled == 4);
	sigset_t now;
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK("the mask is back", sigismember(&now, SIGUSR1) == 1);
	CHECK("ppoll checks its time", ppoll(&item, 1, &bad, NULL) == -1 && errno == EINVAL);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	pthread_t thread;
	pthread_create(&thread, NULL, raise_later, &self);
	CHECK("poll is interrupted", poll(&item, 1, 5000) == -1 && errno == EINTR);
	pthread_join(thread, NULL);
	close(set); close(event);
}

static void polls(void)
{
	int ends[2], file = open("/tmp/regular", O_RDWR | O_CREAT, 0600), terminal = open("/dev/null", O_RDWR);
	fd_set reads, writes;
	struct timeval none = { 0, 0 };

	pipe(ends);
	struct pollfd items[5] = { { ends[0], POLLIN, 0 }, { ends[1], POLLOUT, 0 }, { file, POLLIN | POLLOUT, 0 },
		{ -1, POLLIN, 9 }, { 999, POLLIN, 0 } };
	CHECK("poll", poll(items, 5, 0) == 3 && items[0].revents == 0 && items[1].revents == POLLOUT
		&& items[2].revents == (POLLIN | POLLOUT) && items[3].revents == 0 && items[4].revents == POLLNVAL);
	CHECK("POLLRDNORM and POLLWRNORM", (items[2].events = POLLRDNORM | POLLWRNORM) && poll(items + 2, 1, 0) == 1
		&& items[2].revents == (POLLRDNORM | POLLWRNORM));
	items[2] = (struct pollfd){ terminal, POLLIN | POLLOUT, 0 };
	CHECK("a device", poll(items + 2, 1, 0) == 1 && items[2].revents == (POLLIN | POLLOUT));
	CHECK("no items wait", poll(NULL, 0, 10) == 0);
	FD_ZERO(&reads);
	FD_ZERO(&writes);
	FD_SET(ends[0], &reads);
	FD_SET(ends[1], &writes);
	FD_SET(file, &reads);
	CHECK("select", select(20, &reads, &writes, NULL, &none) == 2 && !FD_ISSET(ends[0], &reads) && FD_ISSET(file, &reads)
		&& FD_ISSET(ends[1], &writes));
	FD_SET(30, &reads);
	CHECK("select of a closed one", select(31, &reads, NULL, NULL, &none) == -1 && errno == EBADF);
	CHECK("select with a bad number", select(-1, NULL, NULL, NULL, &none) == -1 && errno == EINVAL);
	struct timeval bad = { -1, 0 };
	CHECK("select with a bad time", select(0, NULL, NULL, NULL, &bad) == -1 && errno == EINVAL);
	unlink("/tmp/regular");
	close(ends[0]); close(ends[1]); close(file); close(terminal);
}

int main(void)
{
	levels();
	edges();
	nested();
	masks();
	polls();
	return report();
}
