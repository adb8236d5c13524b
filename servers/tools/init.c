/* The first process: runs a shell on the console, or, when the kernel's command line has the word
 * `exec`, one command for the host (`mkimage exec`); adopts orphans; stops the machine.
 *
 * It is a program and not a shell script so that the output, the exit status and the bytes of the
 * host's command are exact, and so that an image without a shell can say what it misses.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Longest command that the host may send. */
#define MAX_COMMAND (1u << 20)

static volatile sig_atomic_t stop_asked;

/* The signals that busybox's poweroff, halt and reboot send to process 1. */
static void ask_stop(int signal)
{
	stop_asked = signal;
}

static void say(const char *text)
{
	(void)!write(2, text, strlen(text));
}

static void complain(const char *what)
{
	say("init: ");
	say(what);
	say(": ");
	say(strerror(errno));
	say("\n");
}

/* Waits for a process, taking in orphans meanwhile. Returns its status, or -1 when a stop was
 * asked for. */
static int wait_for(pid_t wanted)
{
	for (;;) {
		int status;
		pid_t ended = waitpid(-1, &status, 0);
		if (ended == wanted)
			return status;
		if (ended < 0 && errno == ECHILD)
			return 0;
		if (stop_asked)
			return -1;
	}
}

static void stop_machine(int how)
{
	sync();
	reboot(how);
	complain("cannot stop the machine");
	for (;;)
		pause();
}

/* Ends all processes, first politely. */
static void end_processes(void)
{
	const struct timespec tenth = { 0, 100000000 };
	int tries;
	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	for (tries = 0; tries < 20; tries++) {
		pid_t ended;
		while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (ended < 0 && errno == ECHILD)
			return;
		nanosleep(&tenth, NULL);
	}
	kill(-1, SIGKILL);
}

static int has_word(const char *line, const char *word)
{
	size_t length = strlen(word);
	while (*line) {
		size_t part = strcspn(line, " \t\n");
		if (part == length && !memcmp(line, word, length))
			return 1;
		line += part;
		line += strspn(line, " \t\n");
	}
	return 0;
}

static int is_exec(void)
{
	char line[4096];
	ssize_t length = 0;
	int file = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		length = read(file, line, sizeof line - 1);
		close(file);
	}
	line[length > 0 ? length : 0] = 0;
	return has_word(line, "exec");
}

/* Reads exactly so many bytes. */
static int read_all(int file, void *to, size_t length)
{
	char *place = to;
	while (length > 0) {
		ssize_t count = read(file, place, length);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return -1;
		place += count;
		length -= (size_t)count;
	}
	return 0;
}

static char *read_command(int control)
{
	unsigned char head[4];
	uint32_t length;
	char *command;
	if (read_all(control, head, sizeof head))
		return NULL;
	length = head[0] | head[1] << 8 | head[2] << 16 | (uint32_t)head[3] << 24;
	if (length > MAX_COMMAND) {
		errno = E2BIG;
		return NULL;
	}
	command = malloc(length + 1);
	if (!command || read_all(control, command, length))
		return NULL;
	command[length] = 0;
	return command;
}

static void run_command(const char *command, int output, int error)
{
	int input = open("/dev/null", O_RDONLY);
	setsid();
	if (input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(error, 2) < 0)
		_exit(126);
	if (input > 2)
		close(input);
	if (chdir("/root"))
		complain("/root");
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	complain("/bin/sh");
	_exit(127);
}

/* One command for the host: see mkimage's README, "exec". */
static void serve_host(void)
{
	char answer[32];
	char *command;
	pid_t child;
	int status, code, length;
	int control = open("/dev/hvc2", O_RDWR | O_CLOEXEC | O_NOCTTY);
	int output = open("/dev/hvc0", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	int error = open("/dev/hvc1", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (control < 0 || output < 0 || error < 0) {
		complain("exec: the virtio consoles /dev/hvc0 to hvc2");
		stop_machine(RB_POWER_OFF);
	}
	command = read_command(control);
	if (!command) {
		complain("exec: reading the command");
		stop_machine(RB_POWER_OFF);
	}
	child = fork();
	if (child == 0)
		run_command(command, output, error);
	status = child < 0 ? 126 << 8 : wait_for(child);
	code = status < 0 ? 125 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	fsync(output);
	fsync(error);
	sync();
	length = snprintf(answer, sizeof answer, "exit %d\n", code);
	if (write(control, answer, (size_t)length) != length)
		complain("exec: answering");
	fsync(control);
	stop_machine(RB_POWER_OFF);
}

/* Returns when the program cannot be executed. */
static void become_login_shell(const char *path)
{
	char name[64];
	const char *slash = strrchr(path, '/');
	snprintf(name, sizeof name, "-%s", slash ? slash + 1 : path);
	setenv("SHELL", path, 1);
	execl(path, name, (char *)NULL);
}

static void run_shell(void)
{
	const struct passwd *user;
	int terminal;
	setsid();
	terminal = open("/dev/console", O_RDWR);
	if (terminal >= 0) {
		ioctl(terminal, TIOCSCTTY, 0);
		dup2(terminal, 0);
		dup2(terminal, 1);
		dup2(terminal, 2);
		if (terminal > 2)
			close(terminal);
	}
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	setenv("LOGNAME", "root", 1);
	setenv("TERM", "xterm-256color", 0);
	if (chdir("/root"))
		complain("/root");
	/* The shell that /etc/passwd names, or whatever there is. */
	user = getpwuid(0);
	if (user)
		become_login_shell(user->pw_shell);
	become_login_shell("/bin/ash");
	become_login_shell("/bin/sh");
	complain("no shell: /bin/ash and /bin/sh");
	sleep(5);
	_exit(127);
}

static void serve_console(void)
{
	while (!stop_asked) {
		time_t start = time(NULL);
		pid_t child = fork();
		if (child == 0)
			run_shell();
		if (child < 0) {
			complain("fork");
			sleep(1);
			continue;
		}
		wait_for(child);
		/* A shell that fails at once must not be started without end at full speed. */
		if (time(NULL) - start < 1)
			sleep(1);
	}
	end_processes();
	stop_machine(stop_asked == SIGTERM || stop_asked == SIGINT ? RB_AUTOBOOT : RB_POWER_OFF);
}

int main(void)
{
	static const int signals[] = { SIGUSR1, SIGUSR2, SIGTERM, SIGINT };
	struct sigaction action = { .sa_handler = ask_stop };
	size_t index;
	for (index = 0; index < sizeof signals / sizeof *signals; index++)
		sigaction(signals[index], &action, NULL);
	setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin", 1);
	setenv("HOME", "/root", 1);
	if (is_exec())
		serve_host();
	serve_console();
}
