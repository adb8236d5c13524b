/* posix_spawn: attributes, file actions in their order, errors (POSIX posix_spawn). */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *self;

/* Spawns this program with a mode, and returns its exit status. */
static int run(char *mode, posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
	char *arguments[] = {self, mode, NULL};
	pid_t child;
	int status, error = posix_spawn(&child, self, actions, attributes, arguments, environ);
	if (error)
		return -error;
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int child(const char *mode)
{
	sigset_t mask;
	struct sigaction action;
	char path[256];
	switch (mode[0]) {
	case 'x':
		return 5;
	case 'g':
		return getpgid(0) == getpid() ? 0 : 1;
	case 's':
		return getsid(0) == getpid() && getpgid(0) == getpid() ? 0 : 1;
	case 'm':
		sigprocmask(0, NULL, &mask);
		return sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGUSR2) == 0 ? 0 : 1;
	case 'd':
		sigaction(SIGUSR1, NULL, &action);
		int first = action.sa_handler == SIG_DFL;
		sigaction(SIGUSR2, NULL, &action);
		return first && action.sa_handler == SIG_IGN ? 0 : 1;
	case 'f':
		return read(0, path, 5) == 5 && memcmp(path, "hello", 5) == 0
			&& write(9, "x", 1) == 1 && fcntl(5, F_GETFD) == -1 && fcntl(9, F_GETFD) == 0 ? 0 : 1;
	case 'w':
		return getcwd(path, sizeof path) && strcmp(path, "/tmp/spawn/inner") == 0 ? 0 : 1;
	case 'c':
		return fcntl(2, F_GETFD) == 0 && fcntl(7, F_GETFD) == -1 && fcntl(8, F_GETFD) == -1 ? 0 : 1;
	case 'u':
		return geteuid() == getuid() ? 0 : 1;
	}
	return 99;
}

static void attributes(void)
{
	posix_spawnattr_t attribute;
	sigset_t set;
	posix_spawnattr_init(&attribute);
	CHECK("without attributes", run("x", NULL, NULL) == 5);
	posix_spawnattr_setflags(&attribute, POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&attribute, 0);
	CHECK("a process group of its own", run("g", NULL, &attribute) == 0);
	posix_spawnattr_setpgroup(&attribute, 999999);
	CHECK("no group of nobody", run("g", NULL, &attribute) == -EPERM);
	posix_spawnattr_setflags(&attribute, POSIX_SPAWN_SETSID);
	CHECK("a session of its own", run("s", NULL, &attribute) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	posix_spawnattr_setflags(&attribute, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attribute, &set);
	CHECK("a signal mask", run("m", NULL, &attribute) == 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK("the caller's mask", run("m", NULL, NULL) == 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	posix_spawnattr_setflags(&attribute, POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigdefault(&attribute, &set);
	CHECK("signals with their defaults, others ignored as before", run("d", NULL, &attribute) == 0);
	posix_spawnattr_setflags(&attribute, POSIX_SPAWN_RESETIDS);
	CHECK("the real ids", run("u", NULL, &attribute) == 0);
}

static void files(void)
{
	posix_spawn_file_actions_t actions;
	int out = open("/tmp/spawn/out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int in = open("/tmp/spawn/in", O_RDWR | O_CREAT, 0600);
	write(in, "hello", 5);
	dup2(in, 5);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/tmp/spawn/in", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 9);
	posix_spawn_file_actions_addclose(&actions, 5);
	posix_spawn_file_actions_addclose(&actions, 77);
	CHECK("open, dup2 and close", run("f", &actions, NULL) == 0);
	CHECK("what the child wrote", lseek(out, 0, SEEK_END) == 1);
	posix_spawn_file_actions_adddup2(&actions, 5, 6);
	CHECK("dup2 of what was closed before is EBADF", run("f", &actions, NULL) == -EBADF);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 3, "/tmp/spawn/missing", O_RDONLY, 0);
	CHECK("a file that is not there", run("x", &actions, NULL) == -ENOENT);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, "/tmp/spawn");
	posix_spawn_file_actions_addopen(&actions, 12, "inner", O_RDONLY | O_DIRECTORY, 0);
	posix_spawn_file_actions_addfchdir_np(&actions, 12);
	CHECK("chdir, and fchdir to what was opened", run("w", &actions, NULL) == 0);
	dup2(in, 7);
	dup2(in, 8);
	posix_spawn_file_actions_t from;
	posix_spawn_file_actions_init(&from);
	posix_spawn_file_actions_addclosefrom_np(&from, 3);
	CHECK("closefrom", run("c", &from, NULL) == 0);
}

/* O_CLOFORK and FD_CLOFORK (POSIX.1-2024): no child has the descriptor, however it is made. */
static void closed_on_fork(void)
{
	int ends[2], status;
	int kept = open("/tmp/spawn/in", O_RDONLY | O_CLOFORK);
	CHECK("FD_CLOFORK is told", fcntl(kept, F_GETFD) == FD_CLOFORK);
	CHECK("pipe2 sets it", pipe2(ends, O_CLOFORK | O_CLOEXEC) == 0
		&& fcntl(ends[1], F_GETFD) == (FD_CLOFORK | FD_CLOEXEC));
	int copy = fcntl(kept, F_DUPFD_CLOFORK, 20);
	CHECK("F_DUPFD_CLOFORK", copy >= 20 && fcntl(copy, F_GETFD) == FD_CLOFORK);
	CHECK("a plain copy has it not", fcntl(dup2(kept, 30), F_GETFD) == 0);
	pid_t child = fork();
	if (child == 0)
		_exit(fcntl(kept, F_GETFD) == -1 && fcntl(copy, F_GETFD) == -1
			&& fcntl(ends[0], F_GETFD) == -1 && fcntl(30, F_GETFD) == 0 ? 0 : 1);
	waitpid(child, &status, 0);
	CHECK("a child lacks what is closed on fork", status == 0);
	CHECK("F_SETFD takes it away", fcntl(kept, F_SETFD, 0) == 0 && fcntl(kept, F_GETFD) == 0);
}

static void errors(void)
{
	char *arguments[] = {"nobody", NULL};
	pid_t none = 0;
	CHECK("no such program", posix_spawn(&none, "/nobody", NULL, NULL, arguments, environ) == ENOENT);
	CHECK("posix_spawnp searches PATH", posix_spawnp(&none, "true", NULL, NULL, arguments, environ) == 0
		&& waitpid(none, NULL, 0) == none);
	CHECK("and tells what it does not find",
		posix_spawnp(&none, "no-such-program", NULL, NULL, arguments, environ) == ENOENT);
	int script = open("/tmp/spawn/script", O_WRONLY | O_CREAT | O_TRUNC, 0755), status;
	write(script, "#!/bin/sh -e\nexit 6\n", 20);
	close(script);
	CHECK("a script has its interpreter",
		posix_spawn(&none, "/tmp/spawn/script", NULL, NULL, arguments, environ) == 0
		&& waitpid(none, &status, 0) == none && WEXITSTATUS(status) == 6);
	CHECK("no child is left", wait(NULL) == -1 && errno == ECHILD);
}

int main(int count, char **argument)
{
	self = argument[0];
	if (count > 1)
		return child(argument[1]);
	mkdir("/tmp/spawn", 0777);
	mkdir("/tmp/spawn/inner", 0777);
	attributes();
	files();
	closed_on_fork();
	errors();
	return report();
}
