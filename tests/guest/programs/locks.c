/* Advisory locks: records of processes, of open files, and flock (POSIX.1-2024 fcntl, lockf). Its
 * argument is a folder on a file system whose server ("ext2") it kills. */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_for(pid_t child)
{
	int status = -1;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int lock(int file, int command, int kind, long start, long length)
{
	struct flock lock = {.l_type = kind, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
	return fcntl(file, command, &lock);
}

/* Whether a process of its own is kept from locking. */
static int is_locked(const char *name, long start, long length)
{
	pid_t child = fork();
	if (child == 0) {
		int file = open(name, O_RDWR);
		_exit(lock(file, F_SETLK, F_WRLCK, start, length) == -1 && errno == EAGAIN ? 0 : 1);
	}
	return wait_for(child) == 0;
}

static void nothing(int signal) { (void)signal; }

static void records(const char *name)
{
	int file = open(name, O_RDWR | O_CREAT, 0600), other = open(name, O_RDWR);
	CHECK("a range is locked, and no more", !lock(file, F_SETLK, F_WRLCK, 10, 10) && is_locked(name, 19, 1) && !is_locked(name, 0, 10) && !is_locked(name, 20, 0));
	CHECK("the middle is let go", !lock(file, F_SETLK, F_UNLCK, 13, 2) && is_locked(name, 12, 1) && !is_locked(name, 13, 2) && is_locked(name, 15, 1));
	pid_t child = fork();
	if (child == 0) {
		struct flock found = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
		int told = !fcntl(file, F_GETLK, &found) && found.l_type == F_WRLCK && found.l_start == 10 && found.l_len == 3 && found.l_pid == getppid();
		_exit(!told);
	}
	CHECK("F_GETLK tells the one in the way, and children own nothing", wait_for(child) == 0);
	close(other);
	CHECK("closing any descriptor ends them", !is_locked(name, 0, 0));
	lock(file, F_SETLK, F_WRLCK, 0, 0);
	other = open(name, O_RDWR);
	dup2(0, other);
	CHECK("so does dup2 over one", !is_locked(name, 0, 0));
	close(other);
	int ends[2];
	char byte;
	if (pipe(ends))
		return;
	child = fork();
	if (child == 0) {
		int own = open(name, O_RDWR);
		lock(own, F_SETLK, F_WRLCK, 0, 0);
		pid_t inner = fork();
		if (inner == 0) { /* It has the descriptor still when its parent is gone. */
			close(ends[0]);
			sleep(1000);
			_exit(0);
		}
		write(ends[1], &inner, sizeof inner);
		_exit(0);
	}
	pid_t inner = 0;
	read(ends[0], &inner, sizeof inner);
	wait_for(child);
	while (is_locked(name, 0, 0))
		usleep(1000);
	CHECK("the end of a process ends its locks", 1);
	kill(inner, SIGKILL);
	child = fork();
	if (child == 0) {
		int own = open(name, O_RDWR);
		lock(own, F_SETLK, F_WRLCK, 0, 1);
		write(ends[1], "x", 1);
		_exit(lock(own, F_SETLKW, F_WRLCK, 1, 1) != 0);
	}
	lock(file, F_SETLK, F_WRLCK, 1, 1);
	read(ends[0], &byte, 1);
	int deadlock = 0;
	for (int i = 0; i < 1000 && !deadlock; i++) {
		struct sigaction action = {.sa_handler = nothing};
		sigaction(SIGALRM, &action, NULL);
		ualarm(5000, 0);
		deadlock = lock(file, F_SETLKW, F_WRLCK, 0, 1) == -1 && errno == EDEADLK;
	}
	ualarm(0, 0);
	CHECK("a deadlock is refused, a wait interrupted", deadlock);
	lock(file, F_SETLK, F_UNLCK, 0, 0);
	CHECK("a waiting process gets its lock", wait_for(child) == 0);
	CHECK("lockf", !lockf(file, F_TLOCK, 5) && is_locked(name, 4, 1) && !is_locked(name, 5, 1) && !lockf(file, F_TEST, 5) && !lockf(file, F_ULOCK, 0) && !is_locked(name, 0, 0));
	CHECK("errors", lock(file, 99, 0, 0, 0) == -1 && errno == EINVAL && lock(file, F_SETLK, 9, 0, 0) == -1 && errno == EINVAL && lock(1000, F_SETLK, F_WRLCK, 0, 0) == -1 && errno == EBADF);
	close(file);
	file = open(name, O_RDONLY);
	CHECK("an exclusive one wants a writer", lock(file, F_SETLK, F_WRLCK, 0, 0) == -1 && errno == EBADF && !lock(file, F_SETLK, F_RDLCK, 0, 0));
	close(file);
	close(ends[0]);
	close(ends[1]);
}

static void open_files(const char *name)
{
	int file = open(name, O_RDWR), other = open(name, O_RDWR);
	CHECK("open files own theirs", !lock(file, F_OFD_SETLK, F_WRLCK, 0, 0) && lock(other, F_OFD_SETLK, F_RDLCK, 0, 1) == -1 && errno == EAGAIN);
	pid_t child = fork();
	if (child == 0)
		_exit(lock(file, F_OFD_SETLK, F_UNLCK, 0, 0) != 0);
	CHECK("children share them", wait_for(child) == 0 && !lock(other, F_OFD_SETLK, F_WRLCK, 0, 0));
	close(other);
	CHECK("closing others does not end them", !lock(file, F_OFD_SETLK, F_WRLCK, 0, 0));
	other = open(name, O_RDWR);
	CHECK("flock is of another kind", !flock(other, LOCK_EX | LOCK_NB) && flock(file, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	int same = dup(other);
	close(other);
	CHECK("a duplicate keeps it", flock(file, LOCK_SH | LOCK_NB) == -1 && !flock(same, LOCK_UN) && !flock(file, LOCK_EX));
	close(same);
	close(file);
}

static void survive(const char *name)
{
	int file = open(name, O_RDWR), other = open(name, O_RDWR);
	lock(file, F_SETLK, F_WRLCK, 0, 5);
	flock(other, LOCK_EX);
	int killed = !system("/sbin/svc kill ext2");
	int third = open(name, O_RDWR);
	CHECK("locks outlive the server", killed && is_locked(name, 4, 1) && flock(third, LOCK_SH | LOCK_NB) == -1);
	close(third);
	CHECK("and end as before", !is_locked(name, 4, 1));
}

int main(int count, char **arguments)
{
	char name[256];
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (count != 2)
		return 2;
	snprintf(name, sizeof name, "%s/locks", arguments[1]);
	records(name);
	open_files(name);
	survive(name);
	unlink(name);
	return report();
}
