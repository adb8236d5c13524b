/* What an unprivileged user can use up:
 * exhaust processes|memory|descriptors|threads|mappings|pipes|sockets|files|terminals|timers
 * Each takes as much as it gets, says why it got no more, and keeps what it has. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Processes that hoard what each of them gets only so much of. */
enum { HOARDERS = 8, PIECE = 4096 };

static void processes(void)
{
	signal(SIGCHLD, SIG_DFL);
	for (;;)
		if (fork() < 0)
			usleep(1000);
}

static void memory(void)
{
	for (;;) {
		size_t size = 4 << 20;
		char *piece = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (piece != MAP_FAILED)
			memset(piece, 1, size);
		else
			usleep(1000);
	}
}

static void descriptors(void)
{
	while (open("/dev/null", O_RDONLY) >= 0)
		;
}

static void *idle(void *nothing)
{
	for (;;)
		pause();
	return nothing;
}

static void threads(void)
{
	pthread_attr_t small;
	pthread_t thread;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	while ((errno = pthread_create(&thread, &small, idle, NULL)) == 0)
		;
}

/* Regions that the kernel cannot join, as every second page may be read only. */
static void mappings(void)
{
	while (mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED
	       && mmap(NULL, PIECE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		;
}

static void fork_hoarders(void)
{
	for (int i = 1; i < HOARDERS; i++)
		if (fork() == 0)
			return;
}

/* Writes until nothing more is taken. */
static void fill(int file)
{
	static char piece[PIECE];
	fcntl(file, F_SETFL, O_NONBLOCK);
	while (write(file, piece, sizeof piece) > 0)
		;
}

static void pipes(void)
{
	int ends[2];
	fork_hoarders();
	while (pipe(ends) == 0)
		fill(ends[1]);
}

static void sockets(void)
{
	int ends[2];
	fork_hoarders();
	while (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0) {
		fill(ends[0]);
		fill(ends[1]);
	}
}

static void files(void)
{
	char name[64];
	for (int i = 0; ; i++) {
		snprintf(name, sizeof name, "/tmp/hoard/%d", i);
		int file = open(name, O_WRONLY | O_CREAT, 0600);
		if (file < 0)
			return;
		fill(file);
		close(file);
	}
}

static void terminals(void)
{
	int master;
	fork_hoarders();
	while ((master = posix_openpt(O_RDWR | O_NOCTTY)) >= 0)
		fill(master);
}

static void timers(void)
{
	timer_t timer;
	while (timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0)
		;
}

static const struct { const char *name; void (*take)(void); } ways[] = {
	{ "processes", processes }, { "memory", memory }, { "descriptors", descriptors },
	{ "threads", threads }, { "mappings", mappings }, { "pipes", pipes }, { "sockets", sockets },
	{ "files", files }, { "terminals", terminals }, { "timers", timers },
};

int main(int count, char **argument)
{
	/* A group of its own, to be ended as a whole. */
	if (count != 2 || setsid() < 0 || setgid(1000) || setuid(1000))
		return 2;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (!strcmp(ways[i].name, argument[1])) {
			ways[i].take();
			printf("%s: %s\n", argument[1], strerror(errno));
			fflush(stdout);
			for (;;)
				pause();
		}
	return 2;
}
