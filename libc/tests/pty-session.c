/* An interactive shell on a pseudo terminal, driven as a person would: keys, job control, an
 * editor. */
#define _GNU_SOURCE
#include <dirent.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int master;
static char seen[65536];
static size_t length;

static void type(const char *keys)
{
	length = 0;
	write(master, keys, strlen(keys));
}

/* Waits until the terminal shows a text. Gives up with the end of the session, or when nothing
 * has come for long. */
static int shows(const char *text)
{
	struct pollfd item = { .fd = master, .events = POLLIN };
	for (;;) {
		seen[length] = 0;
		char *found = strstr(seen, text);
		if (found) {
			length -= found + strlen(text) - seen;
			memmove(seen, found + strlen(text), length);
			return 1;
		}
		if (length > sizeof seen - 2000)
			length = 0;
		if (poll(&item, 1, 30000) <= 0)
			return 0;
		ssize_t count = read(master, seen + length, 1000);
		if (count <= 0)
			return 0;
		length += count;
	}
}

/* How many processes have this name and, unless it is 0, this state. */
static int in_state(const char *name, char state)
{
	int count = 0;
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	while ((entry = readdir(directory))) {
		char path[300], known[64] = "", now = 0;
		snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
		FILE *file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%*d (%63[^)]) %c", known, &now) == 2)
			count += strcmp(known, name) == 0 && (state == 0 || now == state);
		fclose(file);
	}
	closedir(directory);
	return count;
}

static int processes(const char *name)
{
	return in_state(name, 0);
}

static void jobs(void)
{
	type("sleep 1234 | cat | cat\r");
	shows("\r\n");
	while (processes("cat") < 2)
		usleep(10000);
	type("\003");
	CHECK("^C brings the prompt back", shows("ready> "));
	CHECK("and leaves no process of the pipeline", processes("sleep") == 0 && processes("cat") == 0);
	type("cat\r");
	while (processes("cat") < 1)
		usleep(10000);
	type("\032");
	CHECK("^Z stops the job", shows("Stopped") && shows("ready> "));
	type("jobs\r");
	CHECK("jobs shows it", shows("Stopped"));
	shows("ready> ");
	type("fg\r");
	shows("\r\n");
	shows("cat");
	type("hello\r");
	CHECK("fg goes on with it", shows("hello\r\nhello\r\n"));
	type("\004");
	CHECK("^D ends it", shows("ready> "));
	type("sleep 1234\r");
	while (processes("sleep") < 1)
		usleep(10000);
	type("\032");
	shows("ready> ");
	type("bg; jo''bs\r");
	CHECK("bg lets a stopped job go on", shows("Running") && shows("ready> "));
	type("kill %1; wait; echo st''atus\r");
	CHECK("kill ends it", shows("status") && shows("ready> "));
	type("cat &\r");
	shows("ready> ");
	while (in_state("cat", 'T') < 1)
		usleep(10000);
	type("jobs\r");
	CHECK("a background job that reads is stopped", shows("Stopped"));
	shows("ready> ");
	type("kill -9 %1; wait\r");
	shows("ready> ");
}

static void editor(void)
{
	type("vi /tmp/edited\r");
	CHECK("vi shows its file", shows("/tmp/edited"));
	type("ione line\rtwo lines\033");
	/* The dash says that the escape was understood: it is not the beginning of a longer key. */
	CHECK("and what is typed", shows("two lines") && shows("- /tmp/edited [Modified]"));
	struct winsize size = { 30, 100, 0, 0 };
	ioctl(master, TIOCSWINSZ, &size);
	type(":wq\r");
	CHECK("it ends", shows("ready> "));
	type("cat /tmp/edited; stty size\r");
	CHECK("the file is written", shows("one line\r\ntwo lines\r\n"));
	CHECK("the window has its new size", shows("30 100"));
	shows("ready> ");
}

int main(void)
{
	struct winsize size = { 24, 80, 0, 0 };
	fflush(stdout);
	pid_t shell = forkpty(&master, NULL, NULL, &size);
	if (shell == 0) {
		setenv("PS1", "ready> ", 1);
		setenv("TERM", "vt100", 1);
		unsetenv("ENV");
		execl("/bin/sh", "sh", "-i", (char *)NULL);
		_exit(127);
	}
	CHECK("the shell prompts", shows("ready> "));
	jobs();
	editor();
	type("sleep 1234 &\r");
	shows("ready> ");
	type("exit 5\r");
	int status;
	waitpid(shell, &status, 0);
	CHECK("the shell ends", WIFEXITED(status) && WEXITSTATUS(status) == 5);
	CHECK("so does its terminal", !shows("never"));
	close(master);
	system("killall sleep 2>/dev/null");
	return report();
}
