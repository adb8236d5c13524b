/* What an unprivileged user can use up: exhaust processes|memory|descriptors|threads */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
	printf("%s\n", strerror(errno));
	fflush(stdout);
	for (;;)
		pause();
}

int main(int count, char **argument)
{
	/* A group of its own, to be ended as a whole. */
	if (count != 2 || setsid() < 0 || setgid(1000) || setuid(1000))
		return 2;
	switch (argument[1][0]) {
	case 'p':
		processes();
	case 'm':
		memory();
	case 'd':
		descriptors();
	}
	return 2;
}
