/* Forks COUNT children from four processes at once, with signals flying between all of them, and
 * compares the kernel's counters after it with those before. Usage: fork-storm COUNT */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 4, WARM_UP = 400, MOST_WARM_UPS = 6, TRIES = 4 };

static volatile sig_atomic_t caught;
static pid_t workers[WORKERS];
static int done[2];

static void note(int number)
{
	(void)number;
	caught++;
}

static void fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

/* What must be as before: a line each of /proc/counters. */
static void counters(char *text, size_t size)
{
	FILE *file = fopen("/proc/counters", "r");
	if (!file)
		fail("/proc/counters");
	text[fread(text, 1, size - 1, file)] = 0;
	fclose(file);
}

/* One child, which is signalled while it begins, runs and ends. */
static void one(int round)
{
	pid_t child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		if (round % 3 == 0)
			kill(getppid(), SIGUSR2);
		if (round % 5 == 0)
			for (;;)
				pause();
		_exit(round % 100);
	}
	kill(child, SIGUSR1);
	kill(workers[round % WORKERS], SIGUSR2);
	if (round % 5 == 0)
		kill(child, SIGKILL);
	int status;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			fail("waitpid");
	int expected = round % 5 == 0 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
		: WIFEXITED(status) && WEXITSTATUS(status) == round % 100;
	if (!expected) {
		printf("round %d ended with %#x\n", round, status);
		exit(1);
	}
}

static int storm(int count)
{
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = fork();
		if (workers[i] < 0)
			fail("fork");
		if (workers[i] == 0) {
			for (int other = i; other < WORKERS; other++)
				workers[other] = getpid();
			sigprocmask(SIG_SETMASK, &old, NULL);
			for (int round = 0; round < count / WORKERS; round++)
				one(round);
			write(done[1], "x", 1);
			/* The others may still signal this id. */
			for (;;)
				pause();
		}
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return 0;
}

/* Waits until every worker has done its rounds, and ends them. */
static void settle(void)
{
	char byte;
	for (int ready = 0; ready < WORKERS;)
		if (read(done[0], &byte, 1) == 1)
			ready++;
	for (int i = 0; i < WORKERS; i++) {
		kill(workers[i], SIGKILL);
		waitpid(workers[i], NULL, 0);
	}
	/* What the last of them held is freed when the servers hear of it. */
	usleep(200000);
}

/* The number of free pages, cut off the text. */
static long take_pages(char *text)
{
	char *pages = strstr(text, "free_pages ");
	long number = atol(pages + strlen("free_pages "));
	*pages = 0;
	return number;
}

/* Pages that a storm has taken for good. All else must be as before. */
static long pages_kept(int count)
{
	char before[1024], after[1024];
	counters(before, sizeof before);
	storm(count);
	settle();
	counters(after, sizeof after);
	long pages = take_pages(before) - take_pages(after);
	if (strcmp(before, after)) {
		printf("before:\n%safter:\n%s", before, after);
		exit(1);
	}
	fprintf(stderr, "%d forks: %ld pages\n", count, pages);
	return pages;
}

int main(int arguments, char **argument)
{
	int count = arguments > 1 ? atoi(argument[1]) : 200000;
	struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	if (pipe(done))
		fail("pipe");
	/* The first storms fill tables. The kernel's heap and the servers' keep the most that they ever
	 * needed at once, which may be a page more in a later storm; a page that a storm loses would be
	 * lost in each. */
	storm(WARM_UP);
	settle();
	for (int i = 0; i < MOST_WARM_UPS && pages_kept(WARM_UP); i++)
		;
	for (int i = 0; i < TRIES; i++)
		if (pages_kept(count) == 0) {
			printf("the counters are as before\n");
			return 0;
		}
	printf("each storm keeps pages\n");
	return 1;
}
