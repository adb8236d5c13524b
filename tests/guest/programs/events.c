/* Descriptors of counters, timers, signals and processes. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include "sockets.h"
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

static void *add_later(void *fd)
{
	usleep(20000);
	eventfd_write(*(int *)fd, 7);
	return NULL;
}

static void counters(void)
{
	eventfd_t value = 0;
	pthread_t thread;
	int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);

	CHECK("eventfd", fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK("the first value", eventfd_read(fd, &value) == 0 && value == 3);
	CHECK("then EAGAIN", eventfd_read(fd, &value) == -1 && errno == EAGAIN);
	CHECK("writes add up", eventfd_write(fd, 5) == 0 && eventfd_write(fd, 6) == 0 && eventfd_read(fd, &value) == 0 && value == 11);
	CHECK("short reads", read(fd, &value, 7) == -1 && errno == EINVAL);
	CHECK("short writes", write(fd, &value, 7) == -1 && errno == EINVAL);
	value = UINT64_MAX;
	CHECK("the largest number is refused", write(fd, &value, 8) == -1 && errno == EINVAL);
	CHECK("overflow", eventfd_write(fd, UINT64_MAX - 1) == 0 && eventfd_write(fd, 1) == -1 && errno == EAGAIN);
	struct pollfd item = { fd, POLLIN | POLLOUT, 0 };
	CHECK("poll of a full one", poll(&item, 1, 0) == 1 && item.revents == POLLIN);
	eventfd_read(fd, &value);
	CHECK("poll of an empty one", poll(&item, 1, 0) == 1 && item.revents == POLLOUT);
	close(fd);
	fd = eventfd(2, EFD_SEMAPHORE);
	CHECK("a semaphore gives ones", eventfd_read(fd, &value) == 0 && value == 1 && eventfd_read(fd, &value) == 0 && value == 1
		&& readable(fd, 0) == 0);
	pthread_create(&thread, NULL, add_later, &fd);
	CHECK("a read waits", eventfd_read(fd, &value) == 0 && value == 1);
	pthread_join(thread, NULL);
	pid_t child = fork();
	if (child == 0)
		_exit(eventfd_read(fd, &value) == 0 ? 0 : 1);
	int status;
	waitpid(child, &status, 0);
	CHECK("fork shares it", status == 0);
	CHECK("no other flags", eventfd(0, 0x10) == -1 && errno == EINVAL);
	close(fd);
}

static void timers(void)
{
	uint64_t expiries = 0;
	struct itimerspec value = { { 0, 0 }, { 0, 10000000 } }, old;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

	CHECK("timerfd_create", fd >= 0);
	CHECK("not armed", timerfd_gettime(fd, &old) == 0 && old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);
	CHECK("nothing to read", read(fd, &expiries, 8) == -1 && errno == EAGAIN);
	CHECK("settime", timerfd_settime(fd, 0, &value, NULL) == 0);
	CHECK("it expires once", readable(fd, 5000) == 1 && read(fd, &expiries, 8) == 8 && expiries == 1 && readable(fd, 30) == 0);
	value.it_interval.tv_nsec = 5000000;
	timerfd_settime(fd, 0, &value, NULL);
	usleep(60000);
	CHECK("expiries are counted", read(fd, &expiries, 8) == 8 && expiries >= 2);
	value.it_value.tv_sec = 1000;
	CHECK("the old value", timerfd_settime(fd, 0, &value, &old) == 0 && old.it_interval.tv_nsec == 5000000);
	CHECK("what is left", timerfd_gettime(fd, &old) == 0 && old.it_value.tv_sec >= 900 && old.it_value.tv_sec <= 1000);
	clock_gettime(CLOCK_MONOTONIC, &value.it_value);
	CHECK("an absolute time that has passed", timerfd_settime(fd, TFD_TIMER_ABSTIME, &value, NULL) == 0 && readable(fd, 5000) == 1);
	memset(&value, 0, sizeof value);
	CHECK("disarming", timerfd_settime(fd, 0, &value, NULL) == 0 && readable(fd, 20) == 0);
	value.it_value.tv_nsec = 1000000000;
	CHECK("bad nanoseconds", timerfd_settime(fd, 0, &value, NULL) == -1 && errno == EINVAL);
	CHECK("no timer", timerfd_settime(0, 0, &value, NULL) == -1 && errno == EINVAL);
	CHECK("a bad clock", timerfd_create(999, 0) == -1 && errno == EINVAL);
	int real = timerfd_create(CLOCK_REALTIME, 0);
	value = (struct itimerspec){ { 0, 0 }, { 0, 1000000 } };
	CHECK("a relative time of the real-time clock", timerfd_settime(real, 0, &value, NULL) == 0 && read(real, &expiries, 8) == 8 && expiries == 1);
	close(fd); close(real);
}

static void signals(void)
{
	sigset_t set, both;
	struct signalfd_siginfo got[3];

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	both = set;
	sigaddset(&both, SIGUSR2);
	sigprocmask(SIG_BLOCK, &both, NULL);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK("signalfd", fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK("nothing pending", read(fd, got, sizeof got) == -1 && errno == EAGAIN && readable(fd, 0) == 0);
	kill(getpid(), SIGUSR2);
	CHECK("another signal", readable(fd, 0) == 0);
	kill(getpid(), SIGUSR1);
	CHECK("readable", readable(fd, 1000) == 1);
	CHECK("too short", read(fd, got, 100) == -1 && errno == EINVAL);
	CHECK("one record", read(fd, got, sizeof got) == sizeof got[0] && got[0].ssi_signo == SIGUSR1);
	CHECK("with its sender", got[0].ssi_pid == (uint32_t)getpid() && got[0].ssi_uid == getuid());
	CHECK("it is taken", readable(fd, 0) == 0);
	CHECK("another set", signalfd(fd, &both, 0) == fd && read(fd, got, sizeof got) == sizeof got[0] && got[0].ssi_signo == SIGUSR2);
	pid_t child = fork();
	if (child == 0) {
		usleep(20000);
		union sigval value = { .sival_int = 99 };
		sigqueue(getppid(), SIGUSR1, value);
		_exit(0);
	}
	int blocking = signalfd(-1, &set, 0);
	CHECK("a read waits", read(blocking, got, sizeof got) == sizeof got[0]);
	CHECK("a queued value", got[0].ssi_int == 99 && got[0].ssi_code == SI_QUEUE && got[0].ssi_pid == (uint32_t)child);
	waitpid(child, NULL, 0);
	CHECK("not of signals", signalfd(0, &set, 0) == -1 && errno == EINVAL);
	CHECK("closed", signalfd(999, &set, 0) == -1 && errno == EBADF);
	sigprocmask(SIG_UNBLOCK, &both, NULL);
	close(fd); close(blocking);
}

static void processes(void)
{
	int ends[2];
	siginfo_t information = { 0 };

	pipe(ends);
	pid_t child = fork();
	if (child == 0) {
		char byte;
		close(ends[1]);
		read(ends[0], &byte, 1);
		_exit(42);
	}
	int fd = pidfd_open(child, 0);
	CHECK("pidfd_open", fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK("it runs", readable(fd, 0) == 0);
	CHECK("nothing to wait for", waitid(P_PIDFD, fd, &information, WEXITED | WNOHANG) == 0 && information.si_pid == 0);
	CHECK("signal 0", pidfd_send_signal(fd, 0, NULL, 0) == 0);
	close(ends[1]);
	CHECK("readable when it has ended", readable(fd, 5000) == 1);
	CHECK("waitid", waitid(P_PIDFD, fd, &information, WEXITED) == 0 && information.si_pid == child && information.si_status == 42);
	CHECK("no process any more", pidfd_send_signal(fd, 0, NULL, 0) == -1 && errno == ESRCH);
	CHECK("nothing to wait for any more", waitid(P_PIDFD, fd, &information, WEXITED) == -1 && errno == ECHILD);
	CHECK("nor to open", pidfd_open(child, 0) == -1 && errno == ESRCH);
	CHECK("a bad number", pidfd_open(-1, 0) == -1 && errno == EINVAL);
	close(fd);
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	fd = pidfd_open(child, 0);
	CHECK("a signal through it", pidfd_send_signal(fd, SIGTERM, NULL, 0) == 0
		&& waitid(P_PIDFD, fd, &information, WEXITED) == 0 && information.si_status == SIGTERM);
	CHECK("of what is no process", pidfd_send_signal(ends[0], 0, NULL, 0) == -1 && errno == EBADF
		&& waitid(P_PIDFD, ends[0], &information, WEXITED) == -1);
	CHECK("refuses to be read", read(fd, &child, 4) == -1 && (errno == EINVAL || errno == EBADF));
	close(fd); close(ends[0]);
}

static void memory(void)
{
	char buffer[8] = "";
	struct stat status;
	int fd = memfd_create("name", MFD_CLOEXEC);

	CHECK("memfd_create", fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) & O_RDWR);
	CHECK("it is a file without a name", fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 0
		&& status.st_size == 0);
	CHECK("that grows", write(fd, "memory", 6) == 6 && pread(fd, buffer, 8, 0) == 6 && ftruncate(fd, 10000) == 0);
	char *mapped = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK("and is mapped", mapped != MAP_FAILED && memcmp(mapped, "memory", 6) == 0);
	mapped[0] = 'M';
	CHECK("as one", pread(fd, buffer, 1, 0) == 1 && buffer[0] == 'M');
	CHECK("no other flags", memfd_create("name", 0x4000) == -1 && errno == EINVAL);
	munmap(mapped, 10000);
	close(fd);
}

int main(void)
{
	memory();
	counters();
	timers();
	signals();
	processes();
	return report();
}
