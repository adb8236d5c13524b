/* What programs notice while the servers under them are ended: loads that check what they get, and
 * a killer. Usage: chaos SEED KILLS WAY SERVER...
 *
 * WAY is "kill" (at a random moment), "update" (to the program in /programs), or one of the kinds of
 * `svc crash`. For each server in turn a line is printed: name, times, errors that the loads met,
 * and the 50th, 99th and 100th percentile of the pauses that the supervisor measured, in
 * nanoseconds. Then come the rounds that each load made, and what differs in /proc/counters. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define PATIENCE_MS 30000

struct load {
	const char *name;
	/* One round of work. Returns 0, or -1 after report(). */
	int (*round)(unsigned number);
};

/* What loads and killer share. */
struct shared {
	volatile int stop;
	struct {
		volatile unsigned long rounds, errors;
		char first[160];
	} of[8];
};

static struct shared *shared;
static int self;

static int report(const char *format, ...)
{
	int error = errno;
	char text[120];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (!shared->of[self].errors++)
		snprintf(shared->of[self].first, sizeof shared->of[self].first, "%s (%s)", text,
		         error ? strerror(error) : "wrong");
	return -1;
}

static void fill(unsigned char *bytes, size_t length, unsigned number)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (unsigned char)(number * 31 + i * 7 + (i >> 8));
}

/* Writes a file piece by piece, renames it, reads it back, removes it. */
static int write_files(const char *folder, unsigned number, int synchronise)
{
	unsigned char bytes[24000], found[24000];
	char path[100], other[100];
	fill(bytes, sizeof bytes, number);
	snprintf(path, sizeof path, "%s/new-%d", folder, self);
	snprintf(other, sizeof other, "%s/done-%d", folder, self);
	errno = 0;
	int file = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (file < 0)
		return report("create %s", path);
	for (size_t at = 0; at < sizeof bytes; at += 4000)
		if (write(file, bytes + at, 4000) != 4000)
			return report("write at %zu of %s", at, path);
	if (synchronise && fsync(file))
		return report("fsync %s", path);
	if (rename(path, other))
		return report("rename %s", path);
	if (close(file))
		return report("close %s", path);
	file = open(other, O_RDONLY);
	if (file < 0)
		return report("open %s", other);
	errno = 0;
	if (read(file, found, sizeof found) != sizeof found || memcmp(bytes, found, sizeof bytes))
		return report("what is read of %s", other);
	close(file);
	return unlink(other) ? report("unlink %s", other) : 0;
}

static int disk_files(unsigned number)
{
	return write_files("/var/tmp/chaos", number, 1);
}

static int memory_files(unsigned number)
{
	return write_files("/tmp/chaos", number, 0);
}

/* Counts the names below a folder. */
static long names_below(const char *path)
{
	char inner[512];
	struct dirent *entry;
	struct stat status;
	long count = 0;
	DIR *folder = opendir(path);
	if (!folder)
		return report("opendir %s", path);
	while (errno = 0, (entry = readdir(folder))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
		if (lstat(inner, &status))
			return report("lstat %s", inner);
		count++;
		if (S_ISDIR(status.st_mode)) {
			long below = names_below(inner);
			if (below < 0)
				return -1;
			count += below;
		}
	}
	if (errno)
		return report("readdir %s", path);
	closedir(folder);
	return count;
}

static int find(unsigned number)
{
	static long first;
	long count = names_below("/etc") + names_below("/bin");
	if (!number)
		first = count;
	errno = 0;
	return count == first ? 0 : report("%ld names instead of %ld", count, first);
}

/* A pipeline of programs, and what comes out of it. */
static int pipeline(unsigned number)
{
	char line[64] = "", wanted[64];
	(void)number;
	snprintf(wanted, sizeof wanted, "200\n");
	errno = 0;
	FILE *pipe = popen("i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo $i; done | cat | wc -l | tr -d ' '", "r");
	if (!pipe)
		return report("popen");
	if (!fgets(line, sizeof line, pipe) || strcmp(line, wanted))
		return report("the pipeline said \"%.20s\"", line);
	return pclose(pipe) ? report("the pipeline's status") : 0;
}

static int processes(unsigned number)
{
	char script[32];
	int status;
	snprintf(script, sizeof script, "exit %u", number % 100);
	errno = 0;
	pid_t child = fork();
	if (child < 0)
		return report("fork");
	if (!child) {
		execl("/bin/sh", "sh", "-c", script, (char *)0);
		_exit(126);
	}
	if (waitpid(child, &status, 0) != child)
		return report("waitpid");
	errno = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)(number % 100))
		return report("status %x instead of %u", status, number % 100);
	return 0;
}

/* A line typed at a terminal, and the echo of it. */
static int terminal(unsigned number)
{
	static int keyboard = -1, program;
	char line[32], found[64];
	errno = 0;
	if (keyboard < 0 && openpty(&keyboard, &program, 0, 0, 0))
		return report("openpty");
	int length = snprintf(line, sizeof line, "line %u\n", number);
	if (write(keyboard, line, (size_t)length) != length)
		return report("typing");
	errno = 0;
	if (read(program, found, sizeof found) != length || memcmp(found, line, (size_t)length))
		return report("what was typed");
	/* The echo, with a carriage return. */
	for (int got = 0; got < length + 1;) {
		ssize_t count = read(keyboard, found, sizeof found);
		if (count <= 0)
			return report("the echo");
		got += (int)count;
	}
	return 0;
}

/* Messages between sockets with names, and through a queue. */
static int messages(unsigned number)
{
	static int queue = -1, sockets[2];
	struct {
		long type;
		unsigned number;
	} message = { 1, number };
	errno = 0;
	if (queue < 0) {
		queue = msgget(IPC_PRIVATE, 0600);
		if (queue < 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets))
			return report("msgget, socketpair");
	}
	if (msgsnd(queue, &message, sizeof message.number, 0))
		return report("msgsnd");
	message.number = ~number;
	if (msgrcv(queue, &message, sizeof message.number, 0, 0) != sizeof message.number)
		return report("msgrcv");
	errno = 0;
	if (message.number != number)
		return report("message %u instead of %u", message.number, number);
	if (send(sockets[0], &number, sizeof number, 0) != sizeof number)
		return report("send");
	if (recv(sockets[1], &message.number, sizeof number, 0) != sizeof number)
		return report("recv");
	errno = 0;
	return message.number == number ? 0 : report("datagram %u instead of %u", message.number, number);
}

static const struct load loads[] = {
	{ "files with fsync on the disk", disk_files },
	{ "files in memory", memory_files },
	{ "find", find },
	{ "pipelines", pipeline },
	{ "processes", processes },
	{ "a terminal", terminal },
	{ "queues and sockets", messages },
};

static pid_t start_load(int index)
{
	pid_t child = fork();
	if (child)
		return child;
	self = index;
	for (unsigned number = 0; !shared->stop; number++) {
		loads[index].round(number);
		shared->of[index].rounds++;
		if (shared->of[index].errors > 100)
			break;
	}
	if (loads[index].round == messages)
		for (int id = 0; id < 100; id++)
			msgctl(id, IPC_RMID, 0);
	_exit(0);
}

static unsigned long all_errors(void)
{
	unsigned long sum = 0;
	for (size_t i = 0; i < LENGTH(loads); i++)
		sum += shared->of[i].errors;
	return sum;
}

/* The supervisor's events, a line at a time. Returns 0 when none comes. */
static int next_event(int events, char *line, size_t size)
{
	size_t length = 0;
	while (length + 1 < size) {
		struct pollfd ready = { events, POLLIN, 0 };
		if (poll(&ready, 1, PATIENCE_MS) <= 0 || read(events, line + length, 1) != 1)
			return 0;
		if (line[length++] == '\n')
			break;
	}
	line[length] = 0;
	return 1;
}

/* Waits until a server serves again; its pause, or -1. */
static long long wait_until_it_serves(int events, const char *server)
{
	char line[512], name[64];
	long long pause;
	while (next_event(events, line, sizeof line))
		if (sscanf(line, "%*s %63s serves, pause %lld", name, &pause) == 2 && !strcmp(name, server))
			return pause;
	return -1;
}

static int compare(const void *one, const void *other)
{
	long long difference = *(const long long *)one - *(const long long *)other;
	return (difference > 0) - (difference < 0);
}

static int torment(int events, const char *server, const char *way, int times)
{
	char command[128];
	long long pauses[times];
	unsigned long errors = all_errors();
	if (!strcmp(way, "kill"))
		snprintf(command, sizeof command, "svc kill %s", server);
	else if (!strcmp(way, "update"))
		snprintf(command, sizeof command, "svc update %s /programs/%s", server, server);
	else
		snprintf(command, sizeof command, "svc crash %s %s", server, way);
	for (int i = 0; i < times; i++) {
		usleep((useconds_t)(random() % 30000));
		if (system(command)) {
			printf("%s\tcannot: %s\n", server, command);
			return 1;
		}
		pauses[i] = wait_until_it_serves(events, server);
		if (pauses[i] < 0) {
			printf("%s\tdid not come back after %d\n", server, i + 1);
			return 1;
		}
	}
	/* What goes wrong late belongs to this server, too. */
	usleep(100000);
	qsort(pauses, (size_t)times, sizeof *pauses, compare);
	printf("%s\t%d\t%lu\t%lld\t%lld\t%lld\n", server, times, all_errors() - errors,
	       pauses[times / 2], pauses[(times * 99 - 1) / 100], pauses[times - 1]);
	fflush(stdout);
	return 0;
}

static void counters(char *text, size_t size)
{
	int file = open("/proc/counters", O_RDONLY);
	ssize_t length = file < 0 ? 0 : read(file, text, size - 1);
	text[length < 0 ? 0 : length] = 0;
	close(file);
}

/* A line for each counter: its name, and what it was before and after. */
static void compare_counters(char *before, char *after)
{
	char *rest, *other;
	for (char *line = strtok_r(before, "\n", &rest), *now = strtok_r(after, "\n", &other); line && now;
	     line = strtok_r(0, "\n", &rest), now = strtok_r(0, "\n", &other)) {
		char *value = strchr(line, ' '), *now_value = strchr(now, ' ');
		if (value && now_value)
			printf("counter\t%.*s\t%s\t%s\n", (int)(value - line), line, value + 1,
			       now_value + 1);
	}
}

int main(int count, char **words)
{
	static char before[2048], after[2048];
	pid_t children[LENGTH(loads)];
	int failed = 0;
	if (count < 5) {
		fputs("usage: chaos SEED KILLS WAY SERVER...\n", stderr);
		return 2;
	}
	srandom((unsigned)strtoul(words[1], 0, 10));
	mkdir("/var/tmp/chaos", 0700);
	mkdir("/tmp/chaos", 0700);
	shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	FILE *events = popen("exec svc events", "r");
	if (shared == MAP_FAILED || !events) {
		perror("chaos");
		return 1;
	}
	counters(before, sizeof before);
	for (int i = 0; i < (int)LENGTH(loads); i++)
		children[i] = start_load(i);
	usleep(300000);
	for (int i = 4; i < count; i++)
		failed |= torment(fileno(events), words[i], words[3], atoi(words[2]));
	shared->stop = 1;
	for (size_t i = 0; i < LENGTH(loads); i++)
		waitpid(children[i], 0, 0);
	for (size_t i = 0; i < LENGTH(loads); i++)
		printf("load\t%s\t%lu\t%lu\t%s\n", loads[i].name, shared->of[i].rounds,
		       shared->of[i].errors, shared->of[i].first);
	counters(after, sizeof after);
	compare_counters(before, after);
	return failed || all_errors() != 0;
}
