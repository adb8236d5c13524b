/* Ids, groups, sessions, orphans, times and descriptors of processes, from POSIX's text. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

static char *self;

/* Runs a function in a child: what it returns. */
static int in_child(int (*work)(void))
{
	int status = -1;
	pid_t child = fork();
	if (child == 0)
		_exit(work());
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int copy_self(const char *path, uid_t user, gid_t group, mode_t mode)
{
	char command[256];
	snprintf(command, sizeof command, "cp %s %s", self, path);
	return system(command) || chown(path, user, group) || chmod(path, mode);
}

/* What a set-id program finds: its ids as real, effective and saved. */
static int told_ids(void)
{
	uid_t users[3];
	gid_t groups[3];
	getresuid(&users[0], &users[1], &users[2]);
	getresgid(&groups[0], &groups[1], &groups[2]);
	return users[0] == 1000 && users[1] == 2000 && users[2] == 2000
		&& groups[0] == 1001 && groups[1] == 2001 && groups[2] == 2001 && getauxval(AT_SECURE) == 1
		&& !seteuid(1000) && !seteuid(2000) && seteuid(3000) == -1 && errno == EPERM ? 0 : 1;
}

static int execute_set_id(void)
{
	setgid(1001);
	setuid(1000);
	execl("/tmp/set-id", "set-id", "ids", NULL);
	return 99;
}

static int without_set_id(void)
{
	setgid(1001);
	setuid(1000);
	execl("/tmp/no-set-id", "no-set-id", "plain", NULL);
	return 99;
}

static int supplementary(void)
{
	gid_t groups[4] = { 10, 20, 30 }, read_back[8];
	int file = open("/tmp/of-a-group", O_CREAT | O_RDWR, 0040);
	fchown(file, 0, 20);
	fchmod(file, 0040);
	if (setgroups(3, groups) || getgroups(8, read_back) != 3 || read_back[1] != 20 || getgroups(0, NULL) != 3)
		return 1;
	if (getgroups(2, read_back) != -1 || errno != EINVAL)
		return 2;
	setgid(1001);
	setuid(1000);
	if (open("/tmp/of-a-group", O_RDONLY) < 0)
		return 3;
	if (setgroups(0, NULL) != -1 || errno != EPERM)
		return 4;
	execl(self, self, "groups", NULL);
	return 99;
}

static int sessions(void)
{
	if (setsid() != getpid() || getsid(0) != getpid() || getpgrp() != getpid())
		return 1;
	if (setsid() != -1 || errno != EPERM || setpgid(0, 0) != -1 || errno != EPERM)
		return 2;
	pid_t child = fork();
	if (child == 0) {
		if (setpgid(0, 0) || getpgrp() != getpid() || getsid(0) != getppid())
			_exit(1);
		pause();
	}
	while (getpgid(child) != child)
		;
	if (setpgid(child, getpid()) || getpgid(child) != getpid())
		return 3;
	if (setpgid(child, 1) != -1 || errno != EPERM || setpgid(1, 0) != -1 || errno != ESRCH)
		return 4;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return open("/dev/tty", O_RDWR) == -1 && errno == ENXIO ? 0 : 5;
}

static int *shared;

static int orphan(void)
{
	pid_t child = fork();
	if (child == 0) {
		pid_t inner = fork();
		if (inner == 0) {
			while (getppid() == shared[1] || shared[1] == 0)
				usleep(1000);
			shared[0] = getppid();
			_exit(0);
		}
		shared[1] = getpid();
		_exit(0);
	}
	waitpid(child, NULL, 0);
	for (int round = 0; round < 10000 && !shared[0]; round++)
		usleep(1000);
	return shared[0] == 1 ? 0 : 1;
}

static int burn(void)
{
	for (struct tms used = { 0 }; used.tms_utime + used.tms_stime < 5; times(&used))
		;
	return 0;
}

static long microseconds(struct timeval time)
{
	return time.tv_sec * 1000000 + time.tv_usec;
}

static void usage(void)
{
	struct rusage before, after, own;
	struct tms ticks;
	getrusage(RUSAGE_CHILDREN, &before);
	in_child(burn);
	getrusage(RUSAGE_CHILDREN, &after);
	getrusage(RUSAGE_SELF, &own);
	long used = microseconds(after.ru_utime) + microseconds(after.ru_stime)
		- microseconds(before.ru_utime) - microseconds(before.ru_stime);
	CHECK("getrusage counts a child's time once it is awaited", used >= 40000);
	times(&ticks);
	CHECK("and times tells the same", ticks.tms_cutime + ticks.tms_cstime >= 4);
	CHECK("its own faults are counted", own.ru_minflt > 0);
	CHECK("getrusage of nobody fails", getrusage(77, &own) == -1 && errno == EINVAL);
}

static void interval(void)
{
	struct itimerval timer = { { 0, 0 }, { 1000, 500000 } }, old;
	CHECK("setitimer tells what was left", !setitimer(ITIMER_REAL, &timer, NULL)
		&& !setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, &old) && old.it_value.tv_sec <= 1000
		&& old.it_value.tv_sec >= 900);
	CHECK("of an interval timer that there is", setitimer(9, &timer, NULL) == -1 && errno == EINVAL);
}

static void descriptors(void)
{
	siginfo_t information;
	pid_t child = fork();
	if (child == 0)
		_exit(7);
	/* It stays a zombie until it is awaited. */
	waitid(P_PID, child, &information, WEXITED | WNOWAIT);
	int fd = pidfd_open(child, 0);
	struct pollfd item = { .fd = fd, .events = POLLIN };
	CHECK("a zombie has a descriptor", fd >= 0);
	CHECK("which is readable", poll(&item, 1, 0) == 1 && item.revents & POLLIN);
	CHECK("and can be awaited by it", !waitid(P_PIDFD, fd, &information, WEXITED)
		&& information.si_pid == child && information.si_status == 7 && information.si_code == CLD_EXITED);
	CHECK("once", waitid(P_PIDFD, fd, &information, WEXITED) == -1 && errno == ECHILD);
	CHECK("then its number is nobody's", pidfd_open(child, 0) == -1 && errno == ESRCH);
	close(fd);
}

static void truths(void)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	CHECK("sysconf tells the limit of descriptors", sysconf(_SC_OPEN_MAX) == (long)limit.rlim_cur);
	limit.rlim_cur = 99;
	setrlimit(RLIMIT_NOFILE, &limit);
	CHECK("as it is now", sysconf(_SC_OPEN_MAX) == 99);
	CHECK("and that of a user's processes", (getrlimit(RLIMIT_NPROC, &limit), sysconf(_SC_CHILD_MAX) == (long)limit.rlim_cur));
	CHECK("groups, page size and clock ticks", sysconf(_SC_NGROUPS_MAX) >= 8 && sysconf(_SC_PAGESIZE) == 4096 && sysconf(_SC_CLK_TCK) == 100);
	CHECK("processors that are there", sysconf(_SC_NPROCESSORS_ONLN) >= 1 && sysconf(_SC_NPROCESSORS_CONF) >= sysconf(_SC_NPROCESSORS_ONLN));
	CHECK("a name is as long as pathconf says", pathconf("/tmp", _PC_NAME_MAX) == 255 && pathconf("/tmp", _PC_PATH_MAX) == 4096);
	char name[300];
	memset(name, 'x', sizeof name);
	memcpy(name, "/tmp/", 5);
	name[5 + 256] = 0;
	CHECK("and no longer", open(name, O_CREAT | O_RDWR, 0600) == -1 && errno == ENAMETOOLONG);
	name[5 + 255] = 0;
	CHECK("but just as long", open(name, O_CREAT | O_RDWR, 0600) >= 0 && !unlink(name));
	int ends[2];
	pipe(ends);
	CHECK("a pipe's atomic write", fpathconf(ends[0], _PC_PIPE_BUF) == 4096);
	CHECK("nothing is told of what there is not", sysconf(-1) == -1 && errno == EINVAL && pathconf("/tmp", -1) == -1 && errno == EINVAL);
}

int main(int count, char **arguments)
{
	gid_t groups[4];
	self = arguments[0];
	if (count > 1 && !strcmp(arguments[1], "ids"))
		return told_ids();
	if (count > 1 && !strcmp(arguments[1], "plain"))
		return geteuid() == 1000 && getegid() == 1001 && !getauxval(AT_SECURE) ? 0 : 1;
	if (count > 1)
		return getgroups(4, groups) == 3 && groups[2] == 30 ? 0 : 1;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK("a program is made set-id", !copy_self("/tmp/set-id", 2000, 2001, 06755) && !copy_self("/tmp/no-set-id", 2000, 2001, 0755));
	CHECK("it runs with its owner's ids, and is marked secure", in_child(execute_set_id) == 0);
	CHECK("others do not", in_child(without_set_id) == 0);
	CHECK("supplementary groups open files and survive exec", in_child(supplementary) == 0);
	CHECK("sessions and groups keep to their rules", in_child(sessions) == 0);
	CHECK("an orphan gets the first process for its parent", in_child(orphan) == 0);
	usage();
	interval();
	descriptors();
	truths();
	return report();
}
