/* A handler calls every async-signal-safe function (POSIX 2.4.3) while the main line is inside the
 * same ones, and inside malloc and printf. */
#define _GNU_SOURCE
#include "check.h"
#include <aio.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>
#include <wchar.h>

enum { WANTED = 40 };

static sem_t semaphore;
static timer_t timer;
static char base[64];
static int pair[2], terminal;
static volatile int caught, wrong;

/* Names what did not work without a function that may not be called here. */
static void must(const char *name, int holds)
{
	if (!holds) {
		wrong++;
		write(1, name, strlen(name));
		write(1, " did not work\n", 14);
	}
}

#define MUST(name, condition) must(name, condition)

static void path_of(char *path, const char *who, const char *name)
{
	strcpy(path, base);
	strcat(path, who);
	strcat(path, name);
}

static void files(const char *who)
{
	char one[96], two[96], text[32];
	struct stat status;
	struct timespec times[2] = { { 1, 0 }, { 2, 0 } };
	path_of(one, who, "one");
	path_of(two, who, "two");
	unlink(one);
	unlink(two);
	int fd = open(one, O_RDWR | O_CREAT | O_TRUNC, 0600);
	MUST("open", fd >= 0);
	MUST("write", write(fd, "abc", 3) == 3);
	MUST("lseek", lseek(fd, 0, SEEK_SET) == 0);
	MUST("read", read(fd, text, sizeof text) == 3);
	MUST("fstat", fstat(fd, &status) == 0 && status.st_size == 3);
	MUST("stat", stat(one, &status) == 0 && lstat(one, &status) == 0 && fstatat(AT_FDCWD, one, &status, 0) == 0);
	MUST("fchmod", fchmod(fd, 0644) == 0 && chmod(one, 0600) == 0 && fchmodat(AT_FDCWD, one, 0600, 0) == 0);
	MUST("fchown", fchown(fd, 0, 0) == 0 && chown(one, 0, 0) == 0 && fchownat(AT_FDCWD, one, 0, 0, 0) == 0);
	MUST("ftruncate", ftruncate(fd, 1) == 0);
	MUST("futimens", futimens(fd, times) == 0 && utimensat(AT_FDCWD, one, times, 0) == 0);
	MUST("utime", utime(one, NULL) == 0 && utimes(one, NULL) == 0);
	MUST("access", access(one, R_OK) == 0 && faccessat(AT_FDCWD, one, R_OK, 0) == 0);
	MUST("link", link(one, two) == 0 && unlink(two) == 0);
	MUST("linkat", linkat(AT_FDCWD, one, AT_FDCWD, two, 0) == 0 && unlinkat(AT_FDCWD, two, 0) == 0);
	MUST("symlink", symlink("x", two) == 0 && readlink(two, text, sizeof text) == 1 && unlink(two) == 0);
	MUST("symlinkat", symlinkat("x", AT_FDCWD, two) == 0 && readlinkat(AT_FDCWD, two, text, sizeof text) == 1);
	MUST("rename", rename(one, two) == 0 && renameat(AT_FDCWD, two, AT_FDCWD, one) == 0);
	MUST("mkdir", mkdir(two, 0700) == 0 && rmdir(two) == 0 && mkdirat(AT_FDCWD, two, 0700) == 0 && rmdir(two) == 0);
	MUST("mkfifo", mkfifo(two, 0600) == 0 && unlink(two) == 0 && mkfifoat(AT_FDCWD, two, 0600) == 0 && unlink(two) == 0);
	MUST("mknod", mknod(two, S_IFIFO | 0600, 0) == 0 && unlink(two) == 0);
	MUST("fcntl", fcntl(fd, F_GETFL) >= 0);
	int other = dup(fd);
	MUST("dup", other >= 0 && dup2(fd, other) == other && dup3(fd, other, O_CLOEXEC) == other);
	MUST("close", close(other) == 0 && close(fd) == 0);
	fd = openat(AT_FDCWD, "/tmp", O_RDONLY);
	MUST("fchdir", fchdir(fd) == 0 && chdir("/tmp") == 0 && close(fd) == 0);
	fd = creat(one, 0600);
	MUST("creat", fd >= 0 && fdatasync(fd) == 0 && fsync(fd) == 0 && close(fd) == 0);
	unlink(one);
	umask(umask(022));
}

static void descriptors(void)
{
	int ends[2];
	char byte;
	fd_set set;
	struct pollfd item = { .events = POLLOUT };
	struct timespec soon = { 0, 0 };
	struct timeval at_once = { 0, 0 };
	MUST("pipe", pipe(ends) == 0);
	item.fd = ends[1];
	FD_ZERO(&set);
	FD_SET(ends[1], &set);
	MUST("poll", poll(&item, 1, 0) == 1 && ppoll(&item, 1, &soon, NULL) == 1);
	MUST("select", select(ends[1] + 1, NULL, &set, NULL, &at_once) == 1);
	MUST("pselect", pselect(ends[1] + 1, NULL, &set, NULL, &soon, NULL) == 1);
	close(ends[0]);
	close(ends[1]);
	MUST("pipe2", pipe2(ends, O_CLOEXEC) == 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
	MUST("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	struct iovec piece = { &byte, 1 };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	struct sockaddr_un address;
	socklen_t length = sizeof address;
	int value;
	MUST("send", send(ends[0], "x", 1, 0) == 1 && sendto(ends[0], "y", 1, 0, NULL, 0) == 1 && sendmsg(ends[0], &message, 0) == 1);
	MUST("recv", recv(ends[1], &byte, 1, 0) == 1 && recvfrom(ends[1], &byte, 1, 0, NULL, NULL) == 1 && recvmsg(ends[1], &message, 0) == 1);
	MUST("getsockname", getsockname(ends[0], (void *)&address, &length) == 0);
	length = sizeof address;
	MUST("getpeername", getpeername(ends[0], (void *)&address, &length) == 0);
	length = sizeof value;
	MUST("getsockopt", getsockopt(ends[0], SOL_SOCKET, SO_TYPE, &value, &length) == 0);
	value = 1;
	MUST("setsockopt", setsockopt(ends[0], SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value) == 0);
	MUST("shutdown", shutdown(ends[0], SHUT_WR) == 0);
	close(ends[0]);
	close(ends[1]);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memset(&address, 0, sizeof address);
	address.sun_family = AF_UNIX;
	strcpy(address.sun_path, "/no/such/place");
	MUST("socket", fd >= 0);
	MUST("connect", connect(fd, (void *)&address, sizeof address) == -1 && errno == ENOENT);
	MUST("bind", bind(fd, (void *)&address, sizeof address) == -1 && errno == ENOENT);
	MUST("accept", accept(fd, NULL, NULL) == -1 && listen(fd, 1) == -1);
	close(fd);
}

static void terminals(void)
{
	struct termios modes;
	MUST("tcgetattr", tcgetattr(terminal, &modes) == 0 && tcsetattr(terminal, TCSANOW, &modes) == 0);
	MUST("cfsetispeed", cfsetispeed(&modes, cfgetispeed(&modes)) == 0 && cfsetospeed(&modes, cfgetospeed(&modes)) == 0);
	MUST("tcflush", tcflush(terminal, TCIFLUSH) == 0 && tcflow(terminal, TCOON) == 0);
	MUST("tcdrain", tcdrain(terminal) == 0 && tcsendbreak(terminal, 0) == 0);
	tcgetpgrp(terminal);
	tcsetpgrp(terminal, getpgrp());
}

static void unnoticed(int signal) { (void)signal; }

static void signals(void)
{
	sigset_t set, old;
	struct sigaction action;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	MUST("sigprocmask", sigprocmask(SIG_BLOCK, &set, &old) == 0);
	MUST("raise", raise(SIGUSR2) == 0 && kill(getpid(), SIGUSR2) == 0);
	MUST("pthread_kill", pthread_kill(pthread_self(), SIGUSR2) == 0);
	MUST("sigpending", sigpending(&set) == 0 && sigismember(&set, SIGUSR2) == 1);
	sigdelset(&set, SIGUSR2);
	sigfillset(&set);
	MUST("pthread_sigmask", pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
	MUST("sigaction", sigaction(SIGUSR2, NULL, &action) == 0);
	MUST("signal", signal(SIGUSR2, unnoticed) != SIG_ERR);
	union sigval value = { .sival_int = 1 };
	MUST("sigqueue", sigqueue(getpid(), SIGUSR2, value) == 0);
	MUST("sem_post", sem_post(&semaphore) == 0);
}

static void identity(void)
{
	struct timespec now;
	struct itimerspec left;
	struct tms used;
	struct utsname names;
	gid_t groups[64];
	MUST("getuid", getuid() == 0 && geteuid() == 0 && getgid() == 0 && getegid() == 0);
	MUST("getpid", getpid() > 1 && getppid() > 0 && getpgrp() > 0);
	MUST("getgroups", getgroups(64, groups) >= 0);
	MUST("setuid", setuid(0) == 0 && setgid(0) == 0);
	setpgid(0, getpgrp());
	MUST("clock_gettime", clock_gettime(CLOCK_MONOTONIC, &now) == 0 && time(NULL) > 0);
	MUST("times", times(&used) != (clock_t)-1 && uname(&names) == 0);
	MUST("timer_gettime", timer_gettime(timer, &left) == 0 && timer_getoverrun(timer) >= 0);
	MUST("htonl", ntohl(htonl(1)) == 1 && ntohs(htons(1)) == 1);
	MUST("sleep", sleep(0) == 0);
	struct aiocb block;
	memset(&block, 0, sizeof block);
	MUST("aio_error", aio_error(&block) == 0 && aio_return(&block) == 0);
	wchar_t wide[8];
	MUST("wcscpy", wcslen(wcscpy(wide, L"abc")) == 3 && wmemcmp(wide, L"abc", 3) == 0);
}

static void processes(void)
{
	int status;
	pid_t child = _Fork();
	if (child == 0) {
		execl("/no/such/program", "x", (char *)0);
		_exit(errno == ENOENT ? 7 : 8);
	}
	MUST("_Fork", child > 0);
	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	MUST("waitpid", WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void everything(const char *who, int with_processes)
{
	files(who);
	descriptors();
	terminals();
	signals();
	identity();
	if (with_processes)
		processes();
}

static void handler(int signal)
{
	(void)signal;
	int saved = errno;
	everything("h", caught % 10 == 0);
	caught++;
	errno = saved;
}

static int run(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } };
	struct sigevent silent = { .sigev_notify = SIGEV_NONE };
	FILE *sink = fopen("/dev/null", "w");
	signal(SIGUSR2, unnoticed);
	terminal = posix_openpt(O_RDWR | O_NOCTTY);
	if (!sink || terminal < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || timer_create(CLOCK_MONOTONIC, &silent, &timer))
		return 3;
	sem_init(&semaphore, 0, 0);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int round = 0; caught < WANTED; round++) {
		char *block = malloc(round * 37 % 5000);
		fprintf(sink, "%d %s %f\n", round, "text", round / 3.0);
		if (round % 3 == 0)
			everything("m", 0);
		free(block);
	}
	often = (struct itimerval){ 0 };
	setitimer(ITIMER_REAL, &often, NULL);
	return wrong != 0;
}

/* A deadlock must not keep the test from ending: the work is done in a child. */
int main(void)
{
	int status = -1;
	strcpy(base, "/tmp/safety-XXXXXX");
	if (!mkdtemp(base))
		return 1;
	strcat(base, "/");
	pid_t child = fork();
	if (child == 0)
		_exit(run());
	for (int tenths = 0; tenths < 1200; tenths++) {
		if (waitpid(child, &status, WNOHANG) == child)
			break;
		usleep(100000);
		status = -1;
	}
	if (status == -1)
		kill(child, SIGKILL);
	CHECK("a handler may call what is async-signal-safe wherever it interrupts", status == 0);
	rmdir(base);
	return report();
}
