/* Processes. */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static int order[3], orders;

static void prepare(void) { order[0] = ++orders; }
static void parent(void) { order[1] = ++orders; }
static void child_hook(void) { order[2] = ++orders; }

static void forking(void)
{
	int status, shared = 1;
	pthread_atfork(prepare, parent, child_hook);
	pid_t self = getpid(), child = fork();
	if (child == 0) {
		shared = 2;
		_exit(getppid() == self && getpid() != self && order[0] == 1 && order[2] == 2 ? 7 : 1);
	}
	CHECK("waitpid gives the child's status", waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK("the child's memory is its own", shared == 1);
	CHECK("hooks of pthread_atfork run", order[0] == 1 && order[1] == 2);
	CHECK("no children left gives ECHILD", waitpid(-1, &status, 0) == -1 && errno == ECHILD);
	child = fork();
	if (child == 0) {
		raise(SIGKILL);
		_exit(0);
	}
	CHECK("a killed child tells its signal", waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	int ends[2];
	CHECK("pipe", pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		_exit(write(ends[1], "through", 7) == 7 ? 0 : 1);
	}
	close(ends[1]);
	char buffer[16];
	CHECK("a pipe carries bytes between processes", read(ends[0], buffer, sizeof buffer) == 7 && !memcmp(buffer, "through", 7));
	CHECK("a pipe without writers ends", read(ends[0], buffer, 1) == 0);
	close(ends[0]);
	waitpid(child, &status, 0);
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	CHECK("WNOHANG does not wait", waitpid(child, &status, WNOHANG) == 0);
	CHECK("a stopped child is told of", kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK("a continued child is told of", kill(child, SIGCONT) == 0 && waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
	kill(child, SIGTERM);
	siginfo_t information;
	CHECK("waitid", waitid(P_PID, child, &information, WEXITED) == 0 && information.si_pid == child && information.si_code == CLD_KILLED && information.si_status == SIGTERM);
}

static void executing(const char *program)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		setenv("PASSED", "on", 1);
		execl(program, "name", "executed", "two words", NULL);
		_exit(99);
	}
	CHECK("exec passes arguments and environment", waitpid(child, &status, 0) == child && status == 0);
	CHECK("a missing program gives ENOENT", execl("/missing", "x", NULL) == -1 && errno == ENOENT);
	CHECK("a file that is no program", close(open("plain", O_CREAT | O_WRONLY, 0755)) == 0 && execl("plain", "x", NULL) == -1 && (errno == ENOEXEC || errno == EACCES));
	char *arguments[] = {"sh", "-c", "exit 5", NULL};
	CHECK("posix_spawnp searches PATH", posix_spawnp(&child, "sh", NULL, NULL, arguments, environ) == 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);
	CHECK("posix_spawn tells of failure", posix_spawn(&child, "/missing", NULL, NULL, arguments, environ) == ENOENT);
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "spawned", O_CREAT | O_WRONLY | O_TRUNC, 0600);
	char *print[] = {"sh", "-c", "echo redirected", NULL};
	char line[32] = "";
	posix_spawnp(&child, "sh", &actions, NULL, print, environ);
	waitpid(child, &status, 0);
	posix_spawn_file_actions_destroy(&actions);
	FILE *file = fopen("spawned", "r");
	CHECK("file actions redirect", file && fgets(line, sizeof line, file) && !strcmp(line, "redirected\n"));
	CHECK("system", system("exit 4") == 4 << 8);
	int keep = open("plain", O_RDONLY), drop = open("plain", O_RDONLY | O_CLOEXEC);
	char command[64];
	snprintf(command, sizeof command, "test -e /proc/self/fd/%d; true <&%d && ! true <&%d 2>/dev/null", keep, keep, drop);
	CHECK("close-on-exec descriptors close", system(command) == 0);
}

static void identity(void)
{
	struct rlimit limit;
	CHECK("getpgrp and getsid", getpgrp() > 0 && getsid(0) > 0 && getpgid(0) == getpgrp());
	CHECK("the superuser is known", getuid() == 0 && getpwuid(0) && !strcmp(getpwuid(0)->pw_name, "root"));
	CHECK("getpwnam", getpwnam("root") && getpwnam("root")->pw_uid == 0 && getpwnam("nobody-else") == NULL);
	CHECK("getgrgid", getgrgid(0) && !strcmp(getgrgid(0)->gr_name, "root"));
	CHECK("getrlimit and setrlimit", getrlimit(RLIMIT_NOFILE, &limit) == 0 && (limit.rlim_cur = 64, setrlimit(RLIMIT_NOFILE, &limit)) == 0 && sysconf(_SC_OPEN_MAX) == 64);
	int status;
	pid_t child = fork();
	if (child == 0)
		_exit(setsid() == getpid() && getpgrp() == getpid() && setgid(1) == 0 && setuid(1) == 0 && setuid(0) == -1 && errno == EPERM ? 0 : 1);
	CHECK("setsid and setuid", waitpid(child, &status, 0) == child && status == 0);
	int pair[2];
	char byte;
	CHECK("socketpair carries both ways", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && write(pair[0], "a", 1) == 1 && read(pair[1], &byte, 1) == 1 && write(pair[1], "b", 1) == 1 && read(pair[0], &byte, 1) == 1 && byte == 'b');
	CHECK("other sockets are refused", socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EAFNOSUPPORT);
}

int main(int count, char **arguments)
{
	if (count > 1)
		return !(count == 3 && !strcmp(arguments[0], "name") && !strcmp(arguments[2], "two words") && getenv("PASSED") && !strcmp(getenv("PASSED"), "on"));
	char program[4096], place[] = "processesXXXXXX";
	if (!realpath(arguments[0], program) || chdir("/tmp") || !mkdtemp(place) || chdir(place))
		return perror("no place to work in"), 1;
	forking();
	executing(program);
	identity();
	return report();
}
