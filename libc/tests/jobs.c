/* Controlling terminals and job control on a pseudo terminal, from POSIX's "General Terminal
 * Interface", tcsetpgrp, _exit and setsid. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include "check.h"

static int master;
static char name[64];

/* Runs a test in a child that leads a session on a new terminal, which is its standard input. What
 * it prints goes where ours goes. The result is its exit status, or 100 and a signal's number. */
static int in_session(void (*test)(void))
{
	int slave, status, output = dup(1);
	if (openpty(&master, &slave, name, NULL, NULL) != 0)
		exit(2);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		if (login_tty(slave) != 0)
			_exit(3);
		dup2(output, 1);
		dup2(output, 2);
		test();
		fflush(stdout);
		_exit(failures);
	}
	close(slave);
	close(output);
	waitpid(child, &status, 0);
	close(master);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static void add(int result)
{
	failures += result;
}

/* A child in a group of its own, which is in the background until it is put forward. */
static pid_t background(void (*action)(void))
{
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		setpgid(0, 0);
		action();
		_exit(0);
	}
	setpgid(child, child);
	return child;
}

static int ends(pid_t child)
{
	int status;
	if (waitpid(child, &status, WUNTRACED) != child)
		return -1;
	return WIFSTOPPED(status) ? 1000 + WSTOPSIG(status)
		: WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void owning(void)
{
	CHECK("the leader's terminal is its own", tcgetsid(0) == getpid() && tcgetpgrp(0) == getpgrp());
	int fd = open("/dev/tty", O_RDWR);
	CHECK("/dev/tty is it", fd >= 0 && ttyname(fd) && strcmp(ttyname(fd), name) == 0);
	close(fd);
	CHECK("tcsetpgrp refuses bad groups", tcsetpgrp(0, -1) == -1 && errno == EINVAL);
	CHECK("tcsetpgrp refuses other sessions' groups", tcsetpgrp(0, getppid()) == -1 && errno == EPERM);
	int other_master, other;
	openpty(&other_master, &other, NULL, NULL, NULL);
	CHECK("tcsetpgrp refuses other terminals", tcsetpgrp(other, getpgrp()) == -1 && errno == ENOTTY);
	CHECK("tcgetpgrp does", tcgetpgrp(other) == -1 && errno == ENOTTY);
	CHECK("a leader has one terminal", ioctl(other, TIOCSCTTY, 0) == -1 && errno == EPERM);
	CHECK("TIOCNOTTY gives it up", signal(SIGHUP, SIG_IGN) != SIG_ERR && ioctl(0, TIOCNOTTY) == 0);
	CHECK("then there is none", open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
	CHECK("and the old one is foreign", tcgetpgrp(0) == -1 && errno == ENOTTY);
	char path[64];
	ptsname_r(other_master, path, sizeof path);
	close(open(path, O_RDWR | O_NOCTTY));
	CHECK("O_NOCTTY takes none", open("/dev/tty", O_RDWR) == -1);
	close(open(path, O_RDWR));
	fd = open("/dev/tty", O_RDWR);
	CHECK("an open without it does", fd >= 0 && strcmp(ttyname(fd), path) == 0);
}

static void read_a_byte(void)
{
	char byte;
	_exit(read(0, &byte, 1) == 1 ? byte : errno);
}

static void change_modes(void)
{
	struct termios modes;
	tcgetattr(0, &modes);
	_exit(tcsetattr(0, TCSANOW, &modes) ? errno : 0);
}

static void come_forward(void)
{
	_exit(tcsetpgrp(0, getpgrp()) ? errno : 0);
}

static void block(int signal)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void block_and_come_forward(void)
{
	block(SIGTTOU);
	come_forward();
}

static void block_and_read(void)
{
	block(SIGTTIN);
	read_a_byte();
}

static void write_a_byte(void)
{
	_exit(write(0, "x", 1) == 1 ? 0 : errno);
}

static void in_the_background(void)
{
	pid_t child = background(read_a_byte);
	CHECK("a background read stops its group", ends(child) == 1000 + SIGTTIN);
	kill(child, SIGCONT);
	CHECK("and again, if it goes on there", ends(child) == 1000 + SIGTTIN);
	write(master, "Z\n", 2);
	tcsetpgrp(0, child);
	kill(child, SIGCONT);
	CHECK("in the foreground it reads", ends(child) == 'Z');
	signal(SIGTTOU, SIG_IGN);
	CHECK("who ignores SIGTTOU comes back", tcsetpgrp(0, getpgrp()) == 0 && tcgetpgrp(0) == getpgrp());
	signal(SIGTTOU, SIG_DFL);
	tcflush(0, TCIFLUSH);
	child = background(block_and_read);
	CHECK("a read with SIGTTIN blocked fails", ends(child) == EIO);
	child = background(change_modes);
	CHECK("tcsetattr stops", ends(child) == 1000 + SIGTTOU);
	kill(child, SIGKILL);
	ends(child);
	child = background(come_forward);
	CHECK("tcsetpgrp stops", ends(child) == 1000 + SIGTTOU);
	kill(child, SIGKILL);
	ends(child);
	child = background(write_a_byte);
	CHECK("a write does not", ends(child) == 0);
	struct termios modes;
	tcgetattr(0, &modes);
	modes.c_lflag |= TOSTOP;
	tcsetattr(0, TCSANOW, &modes);
	child = background(write_a_byte);
	CHECK("with TOSTOP it does", ends(child) == 1000 + SIGTTOU);
	kill(child, SIGKILL);
	ends(child);
	child = background(block_and_come_forward);
	CHECK("who blocks SIGTTOU comes forward", ends(child) == 0);
}

static volatile sig_atomic_t caught;

static void catch(int signal)
{
	caught = signal;
}

static void keys(void)
{
	static const struct { const char *key; int signal; } known[] = {
		{ "\003", SIGINT }, { "\034", SIGQUIT }, { "\032", SIGTSTP },
	};
	for (int at = 0; at < 3; at++) {
		caught = 0;
		signal(known[at].signal, catch);
		write(master, known[at].key, 1);
		CHECK("a key signals the foreground", caught == known[at].signal);
	}
	signal(SIGWINCH, catch);
	struct winsize size = { 30, 90, 0, 0 };
	caught = 0;
	ioctl(master, TIOCSWINSZ, &size);
	CHECK("so does a change of the window", caught == SIGWINCH);
	caught = 0;
	ioctl(master, TIOCSWINSZ, &size);
	CHECK("and no change does not", caught == 0);
	CHECK("the master may signal it", ioctl(master, TIOCSIG, SIGINT) == 0 && caught == SIGINT);
}

static void interrupted(void)
{
	struct sigaction action = { .sa_handler = catch };
	sigaction(SIGALRM, &action, NULL);
	ualarm(20000, 0);
	char byte;
	CHECK("a read that waits is interrupted", read(0, &byte, 1) == -1 && errno == EINTR);
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	pid_t child = fork();
	if (child == 0) {
		usleep(60000);
		write(master, "y\n", 2);
		_exit(0);
	}
	ualarm(20000, 0);
	CHECK("with SA_RESTART it goes on", read(0, &byte, 1) == 1 && byte == 'y');
	waitpid(child, NULL, 0);
}

/* In an orphaned group: its parent, the leader, ends at once. */
static int told[2];

static void orphan(void)
{
	setpgid(0, 0);
	signal(SIGHUP, SIG_IGN);
	char byte, result[2] = { 0, 0 };
	while (getppid() != 1)
		usleep(1000);
	int tty = open(name, O_RDWR | O_NOCTTY);
	result[0] = read(0, &byte, 1) == 0;
	result[1] = tty >= 0 && open("/dev/tty", O_RDWR) == -1 && errno == ENXIO;
	write(told[1], result, 2);
	_exit(0);
}

static void leave_an_orphan(void)
{
	fflush(stdout);
	if (fork() == 0)
		orphan();
}

static void end_of_the_leader(void)
{
	int slave;
	char result[2] = { 0, 0 };
	pipe(told);
	openpty(&master, &slave, name, NULL, NULL);
	pid_t leader = fork();
	if (leader == 0) {
		login_tty(slave);
		leave_an_orphan();
		/* In the foreground, it is told by SIGHUP. */
		pid_t child = fork();
		if (child == 0) {
			setpgid(0, 0);
			signal(SIGTTOU, SIG_IGN);
			tcsetpgrp(0, getpgrp());
			sigset_t set;
			sigemptyset(&set);
			sigaddset(&set, SIGHUP);
			sigprocmask(SIG_BLOCK, &set, NULL);
			write(told[1], "r", 1);
			int signal;
			sigwait(&set, &signal);
			write(told[1], signal == SIGHUP ? "H" : "?", 1);
			_exit(0);
		}
		/* Until the child is ready. */
		char byte;
		read(told[0], &byte, 1);
		_exit(0);
	}
	close(slave);
	waitpid(leader, NULL, 0);
	int hung = 0, denied = 0, read_end = 0;
	for (int message = 0; message < 2; message++) {
		if (read(told[0], result, 1) != 1)
			break;
		if (result[0] == 'H')
			hung = 1;
		else if (read(told[0], result + 1, 1) == 1)
			read_end = result[0], denied = result[1];
	}
	CHECK("the foreground group hears of the leader's end", hung);
	CHECK("the terminal's open files are at their end", read_end);
	CHECK("its session has no terminal any more", denied);
	close(master);
}

static void orphaned_readers(void)
{
	pipe(told);
	fflush(stdout);
	pid_t parent = fork();
	if (parent == 0) {
		setpgid(0, 0);
		if (fork() == 0) {
			/* Once its parent is gone, nobody in the session could continue it. */
			while (getppid() != 1)
				usleep(1000);
			char byte, result = read(0, &byte, 1) == -1 ? errno : 0;
			write(told[1], &result, 1);
		}
		_exit(0);
	}
	waitpid(parent, NULL, 0);
	char result = 0;
	read(told[0], &result, 1);
	CHECK("a read of an orphaned background group fails", result == EIO);
}

static void hang_up_by_the_master(void)
{
	int slave, status;
	openpty(&master, &slave, NULL, NULL, NULL);
	pid_t child = fork();
	if (child == 0) {
		close(master);
		login_tty(slave);
		for (;;)
			pause();
	}
	close(slave);
	while (tcgetpgrp(master) != child)
		usleep(1000);
	close(master);
	waitpid(child, &status, 0);
	CHECK("a closed master hangs the leader up", WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
	fflush(stdout);
	pid_t shell = forkpty(&master, NULL, NULL, NULL);
	if (shell == 0) {
		puts(isatty(0) && isatty(1) && tcgetsid(0) == getpid() ? "at home" : "lost");
		fflush(stdout);
		_exit(9);
	}
	char text[64];
	ssize_t count = read(master, text, sizeof text);
	waitpid(shell, &status, 0);
	CHECK("forkpty gives a child a terminal of its own", count == 9 && memcmp(text, "at home\r\n", 9) == 0
		&& WEXITSTATUS(status) == 9);
	CHECK("whose end is the master's end", read(master, text, sizeof text) == -1 && errno == EIO);
	close(master);
}

int main(void)
{
	add(in_session(owning));
	add(in_session(in_the_background));
	add(in_session(keys));
	add(in_session(interrupted));
	add(in_session(orphaned_readers));
	end_of_the_leader();
	hang_up_by_the_master();
	return report();
}
