/* Cancellation, and waits that follow a real-time clock that is set. */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t never, ready;
static int empty[2];
static volatile int spin;

static void unlock(void *argument) { pthread_mutex_unlock(argument); }

static void wait_in(int kind)
{
	char byte;
	switch (kind) {
	case 0: sem_wait(&never); break;
	case 1: read(empty[0], &byte, 1); break;
	case 2: pause(); break;
	case 3: sleep(1000); break;
	case 4: poll(NULL, 0, -1); break;
	case 5:
		pthread_mutex_lock(&mutex);
		pthread_cleanup_push(unlock, &mutex);
		for (;;)
			pthread_cond_wait(&condition, &mutex);
		pthread_cleanup_pop(1);
		break;
	case 6: {
		sigset_t set;
		int signal;
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		sigwait(&set, &signal);
		break;
	}
	}
}

static void *waiter(void *argument)
{
	sem_post(&ready);
	for (;;)
		wait_in((int)(long)argument);
	return NULL;
}

/* The cancellation comes a different, short time after the thread has begun to go to its wait. */
static int cancelled_at_any_time(int kind, int rounds)
{
	for (int round = 0; round < rounds; round++) {
		pthread_t thread;
		void *result = NULL;
		if (pthread_create(&thread, NULL, waiter, (void *)(long)kind))
			return 0;
		sem_wait(&ready);
		for (spin = round * 7 % 400; spin > 0; spin--)
			;
		pthread_cancel(thread);
		pthread_join(thread, &result);
		if (result != PTHREAD_CANCELED)
			return 0;
	}
	return 1;
}

static int read_result, read_error;

static void *reads_undisturbed(void *argument)
{
	char byte;
	(void)argument;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	sem_post(&ready);
	read_result = read(empty[0], &byte, 1);
	read_error = errno;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	return NULL;
}

static int locked;

static void *locks_undisturbed(void *argument)
{
	(void)argument;
	sem_post(&ready);
	pthread_mutex_lock(&mutex);
	locked = 1;
	pthread_mutex_unlock(&mutex);
	sem_wait(&never);
	return NULL;
}

static void test_points(void)
{
	static const char *const names[] = {
		"sem_wait", "read", "pause", "sleep", "poll", "pthread_cond_wait", "sigwait",
	};
	char name[64];
	for (int kind = 0; kind < 7; kind++) {
		snprintf(name, sizeof name, "no cancellation is missed just before %s", names[kind]);
		CHECK(name, cancelled_at_any_time(kind, 150));
	}
	pthread_t thread;
	void *result;
	pthread_create(&thread, NULL, reads_undisturbed, NULL);
	sem_wait(&ready);
	usleep(20000);
	pthread_cancel(thread);
	usleep(20000);
	write(empty[1], "x", 1);
	pthread_join(thread, &result);
	CHECK("a thread that forbids cancellation reads on", read_result == 1);
	CHECK("and ends when it allows it", result == PTHREAD_CANCELED);
	pthread_mutex_lock(&mutex);
	pthread_create(&thread, NULL, locks_undisturbed, NULL);
	sem_wait(&ready);
	usleep(20000);
	pthread_cancel(thread);
	usleep(20000);
	pthread_mutex_unlock(&mutex);
	pthread_join(thread, &result);
	CHECK("a thread takes the lock that it waits for though it is cancelled", locked == 1);
	CHECK("and ends at its next wait", result == PTHREAD_CANCELED);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void *waits_until(void *argument)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 1000;
	sem_post(&ready);
	switch ((int)(long)argument) {
	case 0: return (void *)(long)(sem_timedwait(&never, &until) == -1 && errno == ETIMEDOUT);
	case 1: return (void *)(long)(pthread_mutex_timedlock(&mutex, &until) == ETIMEDOUT);
	case 2: return (void *)(long)(pthread_rwlock_timedwrlock(&rwlock, &until) == ETIMEDOUT);
	default: {
		pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
		int result = 0;
		pthread_mutex_lock(&own);
		while (!result)
			result = pthread_cond_timedwait(&condition, &own, &until);
		return (void *)(long)(result == ETIMEDOUT);
	}
	}
}

static void test_clock(void)
{
	pthread_t threads[4];
	struct timespec real, since, now;
	pthread_mutex_lock(&mutex);
	pthread_rwlock_rdlock(&rwlock);
	for (long kind = 0; kind < 4; kind++)
		pthread_create(&threads[kind], NULL, waits_until, (void *)kind);
	for (int kind = 0; kind < 4; kind++)
		sem_wait(&ready);
	usleep(50000);
	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &since);
	real.tv_sec += 2000;
	CHECK("the clock can be set", clock_settime(CLOCK_REALTIME, &real) == 0);
	int ended = 0;
	for (int kind = 0; kind < 4; kind++) {
		void *result;
		pthread_join(threads[kind], &result);
		ended += result == (void *)1;
	}
	CHECK("waits until a time end when the clock is set beyond it", ended == 4);
	clock_gettime(CLOCK_MONOTONIC, &now);
	real.tv_sec += now.tv_sec - since.tv_sec - 2000;
	clock_settime(CLOCK_REALTIME, &real);
	pthread_mutex_unlock(&mutex);
	pthread_rwlock_unlock(&rwlock);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(200);
	sem_init(&never, 0, 0);
	sem_init(&ready, 0, 0);
	if (pipe(empty))
		return 1;
	test_points();
	test_clock();
	return report();
}
