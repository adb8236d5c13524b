/* What programs ask of a server is done once, however often the server is killed meanwhile.
 * Usage: killed SERVER [KILLS]; each server has work of its own, which goes on until it has been
 * killed so often. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { KILLS = 6, MOST_PAUSE_US = 30000, PIECE = 700, PIECES = 40 };

/* What the killer and the workers share. */
static struct { volatile int killed; volatile int rounds[2]; } *shared;
static int worker;
extern char **environ;

#define TRY(condition) do { \
	if (!(condition)) { \
		printf("worker %d, round %d, line %d: %s: %s\n", worker, shared->rounds[worker], \
		       __LINE__, #condition, strerror(errno)); \
		fflush(stdout); \
		_exit(1); \
	} \
} while (0)

static void kill_all(const char *server, int kills)
{
	char command[100];
	snprintf(command, sizeof command, "/sbin/svc kill %s >/dev/null 2>&1", server);
	srand(kills);
	for (int i = 0; i < kills; i++) {
		usleep(rand() % MOST_PAUSE_US);
		/* The supervisor refuses while it lets a server rest that has died often. */
		while (system(command))
			usleep(10000);
	}
	shared->killed = 1;
}

/* proc: children that end with a status, are signalled, or are another program. */
static void processes(void)
{
	int status, code = shared->rounds[worker] % 100;
	pid_t child = fork();
	TRY(child >= 0);
	if (child == 0)
		_exit(code);
	TRY(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == code);
	child = fork();
	TRY(child >= 0);
	if (child == 0)
		for (;;)
			pause();
	TRY(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
	TRY(kill(child, SIGTERM) == 0 && kill(child, SIGCONT) == 0);
	TRY(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	char *arguments[] = { "sh", "-c", "exit 3", NULL };
	TRY(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ) == 0);
	TRY(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
	/* None is there twice. */
	pid_t extra = waitpid(-1, &status, 0);
	if (extra != -1)
		printf("an extra child %d after %d ended with %#x\n", extra, child, status);
	TRY(extra == -1 && errno == ECHILD);
}

/* A byte that tells which file and where. */
static void fill(char *piece, int number)
{
	for (int i = 0; i < PIECE; i++)
		piece[i] = number * 31 + i;
}

/* A file of pieces that are appended, one of which must neither be missing nor be there twice. */
static void append(const char *path, int syncs)
{
	char piece[PIECE], found[PIECE];
	struct stat status;
	int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0600);
	TRY(file >= 0);
	for (int i = 0; i < PIECES; i++) {
		fill(piece, i);
		TRY(write(file, piece, PIECE) == PIECE);
		if (syncs && i % 8 == 0)
			TRY(fsync(file) == 0);
	}
	TRY(fstat(file, &status) == 0 && status.st_size == PIECE * PIECES);
	for (int i = 0; i < PIECES; i++) {
		fill(piece, i);
		TRY(pread(file, found, PIECE, i * PIECE) == PIECE && memcmp(piece, found, PIECE) == 0);
	}
	TRY(ftruncate(file, 5) == 0 && fstat(file, &status) == 0 && status.st_size == 5);
	TRY(close(file) == 0);
}

/* File systems: each change of a directory is done once, and nothing written is lost. */
static void files(const char *place, int syncs)
{
	char from[64], to[64], folder[64], name[80];
	snprintf(from, sizeof from, "%s/from%d", place, worker);
	snprintf(to, sizeof to, "%s/to%d", place, worker);
	snprintf(folder, sizeof folder, "%s/folder%d", place, worker);
	snprintf(name, sizeof name, "%s/name", folder);
	append(from, syncs);
	TRY(rename(from, to) == 0);
	TRY(access(from, F_OK) == -1 && errno == ENOENT);
	TRY(mkdir(folder, 0700) == 0);
	TRY(link(to, name) == 0);
	TRY(symlink("name", from) == 0 && unlink(from) == 0);
	TRY(unlink(to) == 0);
	TRY(chmod(name, 0400) == 0);
	TRY(unlink(name) == 0);
	TRY(rmdir(folder) == 0);
}

static void in_memory(void)
{
	files("/tmp", 0);
}

static void on_disk(void)
{
	files("/root", 1);
}

/* vfs: names, pipes, and what a process is told of its files. */
static void names(void)
{
	int ends[2];
	char fifo[64], byte;
	files("/tmp", 0);
	TRY(pipe(ends) == 0 && write(ends[1], "x", 1) == 1 && read(ends[0], &byte, 1) == 1);
	TRY(close(ends[1]) == 0 && read(ends[0], &byte, 1) == 0 && close(ends[0]) == 0);
	snprintf(fifo, sizeof fifo, "/tmp/fifo%d", worker);
	TRY(mkfifo(fifo, 0600) == 0);
	int reader = open(fifo, O_RDONLY | O_NONBLOCK), writer = open(fifo, O_WRONLY);
	TRY(reader >= 0 && writer >= 0 && write(writer, "y", 1) == 1);
	TRY(read(reader, &byte, 1) == 1 && byte == 'y');
	TRY(close(writer) == 0 && read(reader, &byte, 1) == 0);
	TRY(close(reader) == 0 && unlink(fifo) == 0);
	TRY(chdir("/tmp") == 0 && getcwd(fifo, sizeof fifo) && !strcmp(fifo, "/tmp"));
}

/* local: a server's socket, a connection, a datagram. */
static void sockets(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX }, other = address;
	char byte;
	snprintf(address.sun_path, sizeof address.sun_path, "/tmp/socket%d", worker);
	snprintf(other.sun_path + 1, sizeof other.sun_path - 1, "box%d", worker);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	TRY(bind(listener, (void *)&address, sizeof address) == 0 && listen(listener, 4) == 0);
	TRY(connect(client, (void *)&address, sizeof address) == 0);
	int connection = accept(listener, NULL, NULL);
	TRY(connection >= 0 && write(client, "x", 1) == 1 && read(connection, &byte, 1) == 1);
	TRY(close(client) == 0 && read(connection, &byte, 1) == 0);
	TRY(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
	TRY(accept(listener, NULL, NULL) == -1 && errno == EAGAIN);
	TRY(close(connection) == 0 && close(listener) == 0 && unlink(address.sun_path) == 0);
	int box = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
	TRY(bind(box, (void *)&other, sizeof other) == 0);
	TRY(sendto(sender, "z", 1, 0, (void *)&other, sizeof other) == 1);
	TRY(recv(box, &byte, 1, 0) == 1 && byte == 'z');
	TRY(close(box) == 0 && close(sender) == 0);
	int pair[2];
	TRY(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0 && close(pair[0]) == 0);
	TRY(read(pair[1], &byte, 1) == 0 && close(pair[1]) == 0);
}

/* Reads so many bytes, which may come in pieces. */
static void expect(int file, const char *text)
{
	char found[64];
	size_t length = 0;
	while (length < strlen(text)) {
		ssize_t count = read(file, found + length, strlen(text) - length);
		TRY(count > 0);
		length += count;
	}
	TRY(memcmp(found, text, length) == 0);
}

/* tty: a pseudo terminal, its modes, and lines in both directions. */
static void terminals(void)
{
	struct termios modes;
	struct winsize size = { .ws_row = 11, .ws_col = worker + 1 }, found = { 0 };
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	TRY(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	TRY(slave >= 0 && ioctl(master, TIOCSWINSZ, &size) == 0);
	TRY(ioctl(slave, TIOCGWINSZ, &found) == 0 && found.ws_col == worker + 1);
	TRY(write(master, "one\n", 4) == 4);
	expect(slave, "one\n");
	expect(master, "one\r\n");
	TRY(tcgetattr(slave, &modes) == 0);
	cfmakeraw(&modes);
	TRY(tcsetattr(slave, TCSADRAIN, &modes) == 0);
	TRY(write(master, "a\003b", 3) == 3);
	expect(slave, "a\003b");
	TRY(write(slave, "out\n", 4) == 4);
	expect(master, "out\n");
	TRY(close(slave) == 0 && close(master) == 0);
}

static const struct { const char *server; void (*work)(void); } works[] = {
	{ "proc", processes }, { "vfs", names }, { "tmpfs", in_memory }, { "ext2", on_disk },
	{ "local", sockets }, { "tty", terminals }, { "virtio-blk", on_disk },
};

static pid_t start(int number, void (*work)(void))
{
	pid_t child = fork();
	if (child != 0)
		return child;
	worker = number;
	/* Once more after the last kill. */
	for (int last = 0; !last; shared->rounds[worker]++) {
		last = shared->killed;
		work();
	}
	_exit(0);
}

int main(int count, char **argument)
{
	void (*work)(void) = NULL;
	for (size_t i = 0; i < sizeof works / sizeof *works; i++)
		if (count > 1 && !strcmp(argument[1], works[i].server))
			work = works[i].work;
	if (!work) {
		fprintf(stderr, "killed: no work for that\n");
		return 2;
	}
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t workers[2] = { start(0, work), start(1, work) };
	kill_all(argument[1], count > 2 ? atoi(argument[2]) : KILLS);
	int failed = 0;
	for (int i = 0; i < 2; i++) {
		int status;
		failed |= waitpid(workers[i], &status, 0) != workers[i] || status != 0;
	}
	fprintf(stderr, "%s: %d and %d rounds\n", argument[1], shared->rounds[0], shared->rounds[1]);
	printf("%s %s\n", argument[1], failed ? "failed" : "ok");
	return failed;
}
