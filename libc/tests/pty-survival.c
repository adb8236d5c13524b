/* A session on a pseudo terminal while the terminal server is killed again and again: nothing is
 * lost, nothing comes twice. The argument is how often. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"

enum { LINES = 400 };

static int master;

static void restart(void)
{
	/* One that is still starting cannot be restarted. */
	while (system("/sbin/svc kill tty 2>/dev/null") != 0)
		usleep(10000);
}

/* Answers each line that it reads with the same one, and ends with ^D. */
static void echo_lines(void)
{
	char line[64];
	ssize_t count;
	while ((count = read(0, line, sizeof line)) > 0)
		if (write(1, line, count) != count)
			_exit(1);
	_exit(count == 0 ? 7 : 1);
}

/* A line of the master, without its end of two characters. */
static int master_line(char *line, size_t size)
{
	size_t length = 0;
	while (length + 1 < size && read(master, line + length, 1) == 1)
		if (line[length++] == '\n')
			break;
	line[length] = 0;
	return length > 2 && line[length - 2] == '\r';
}

static void conversation(int restarts)
{
	struct termios modes;
	struct winsize size = { 11, 22, 0, 0 };
	pid_t child = forkpty(&master, NULL, NULL, &size);
	if (child == 0) {
		tcgetattr(0, &modes);
		modes.c_lflag &= ~ECHO;
		modes.c_cc[VERASE] = '#';
		tcsetattr(0, TCSANOW, &modes);
		write(1, "r\n", 2);
		echo_lines();
	}
	char line[64], wanted[64];
	CHECK("the session starts", master_line(line, sizeof line) && line[0] == 'r');
	write(master, "typed ", 6);
	restart();
	write(master, "aheax#d\n", 8);
	CHECK("a line that was being typed goes on", master_line(line, sizeof line)
		&& strcmp(line, "typed ahead\r\n") == 0);
	CHECK("modes are kept", tcgetattr(master, &modes) == 0 && modes.c_cc[VERASE] == '#'
		&& !(modes.c_lflag & ECHO));
	CHECK("so are the window and the foreground", ioctl(master, TIOCGWINSZ, &size) == 0
		&& size.ws_row == 11 && size.ws_col == 22 && tcgetpgrp(master) == child);
	pid_t killer = fork();
	if (killer == 0) {
		while (restarts-- > 0)
			restart();
		_exit(0);
	}
	int wrong = 0;
	for (int number = 0; number < LINES; number++) {
		int length = sprintf(wanted, "line number %d\n", number);
		wrong += write(master, wanted, length) != length;
		strcpy(wanted + length - 1, "\r\n");
		wrong += !master_line(line, sizeof line) || strcmp(line, wanted) != 0;
	}
	CHECK("every line comes once and whole while the server is killed", wrong == 0);
	int status;
	waitpid(killer, &status, 0);
	CHECK("the server was killed", status == 0);
	write(master, "\004", 1);
	waitpid(child, &status, 0);
	CHECK("^D ends the session", WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK("whose end the master sees", read(master, line, 1) == -1 && errno == EIO);
	close(master);
}

static void bulk(void)
{
	static char bytes[200000], back[sizeof bytes];
	int slave;
	struct termios modes;
	openpty(&master, &slave, NULL, NULL, NULL);
	tcgetattr(slave, &modes);
	cfmakeraw(&modes);
	tcsetattr(slave, TCSANOW, &modes);
	for (size_t at = 0; at < sizeof bytes; at++)
		bytes[at] = at * 7 + at / 251;
	pid_t writer = fork();
	if (writer == 0) {
		size_t done = 0;
		ssize_t count;
		while (done < sizeof bytes && (count = write(slave, bytes + done, sizeof bytes - done)) > 0)
			done += count;
		_exit(done != sizeof bytes);
	}
	size_t got = 0;
	ssize_t count;
	while (got < sizeof back && (count = read(master, back + got, 3000)) > 0) {
		if (got / 50000 != (got + count) / 50000)
			restart();
		got += count;
	}
	int status;
	waitpid(writer, &status, 0);
	CHECK("200 KB written at once arrive whole", status == 0 && got == sizeof back
		&& memcmp(bytes, back, sizeof back) == 0);
	close(slave);
	close(master);
}

int main(int argc, char **argv)
{
	conversation(argc > 1 ? atoi(argv[1]) : 5);
	bulk();
	return report();
}
