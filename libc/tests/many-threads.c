/* A thousand threads, locks that cost no system call, and read-write locks. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 1000 };

static pthread_barrier_t barrier;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static _Thread_local int own;
static int sum;

static void *member(void *argument)
{
	own = (int)(long)argument;
	pthread_barrier_wait(&barrier);
	pthread_mutex_lock(&mutex);
	sum += own;
	pthread_mutex_unlock(&mutex);
	pthread_barrier_wait(&barrier);
	return (void *)(long)own;
}

static void test_thousand(void)
{
	static pthread_t threads[THREADS];
	pthread_attr_t small;
	int made = 0, right = 0;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	while (made < THREADS && !pthread_create(&threads[made], &small, member, (void *)(long)made))
		made++;
	CHECK("there are a thousand threads in one process", made == THREADS);
	if (made < THREADS)
		_exit(1);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++) {
		void *result;
		right += pthread_join(threads[i], &result) == 0 && result == (void *)(long)i;
	}
	CHECK("each of them ran and was joined", right == THREADS);
	CHECK("one after the other had the lock", sum == THREADS * (THREADS - 1) / 2);
}

/* What the kernel's reference says of SystemInfo: a call's number, and where a counter lies. */
static uint64_t system_calls(void)
{
	uint64_t words[64] = { 0 };
	uint64_t number = 0x1000 + 171;
	__asm__ volatile("syscall" : "+a"(number) : "D"(words) : "rcx", "r11", "memory");
	return words[14];
}

/* System calls during a piece of work, at the least: servers and the clock make some of their own. */
static uint64_t cost(void (*work)(void))
{
	uint64_t least = UINT64_MAX;
	for (int attempt = 0; attempt < 200; attempt++) {
		uint64_t before = system_calls();
		work();
		uint64_t made = system_calls() - before;
		if (made < least)
			least = made;
	}
	return least;
}

static sem_t semaphore;
static pthread_spinlock_t spin;
static mtx_t standard;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t recursive;
static pthread_mutex_t robust;

static void nothing(void) {}
static void one_call(void) { sched_yield(); }
static void initialise(void) {}

static void locks(void)
{
	for (int round = 0; round < 10; round++) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
		pthread_mutex_lock(&recursive);
		pthread_mutex_unlock(&recursive);
		pthread_mutex_lock(&robust);
		pthread_mutex_unlock(&robust);
		pthread_rwlock_rdlock(&rwlock);
		pthread_rwlock_unlock(&rwlock);
		pthread_rwlock_wrlock(&rwlock);
		pthread_rwlock_unlock(&rwlock);
		pthread_spin_lock(&spin);
		pthread_spin_unlock(&spin);
		mtx_lock(&standard);
		mtx_unlock(&standard);
		sem_post(&semaphore);
		sem_wait(&semaphore);
		pthread_cond_signal(&condition);
		pthread_once(&once, initialise);
		free(malloc(100));
	}
}

static void test_cost(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &attributes);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attributes);
	sem_init(&semaphore, 0, 0);
	pthread_spin_init(&spin, 0);
	mtx_init(&standard, mtx_plain);
	uint64_t none = cost(nothing);
	CHECK("the kernel counts its entries", none == 1 && cost(one_call) == 2);
	CHECK("a lock that nobody else wants makes no system call", cost(locks) == none);
}

static sem_t go;
static int try_result, late_result;
static volatile int given_up;

static void *tries_to_read(void *argument)
{
	(void)argument;
	/* Until the writer waits, and when it waits no more, readers are let in. */
	while (!given_up) {
		try_result = pthread_rwlock_tryrdlock(&rwlock);
		if (try_result == EBUSY)
			break;
		pthread_rwlock_unlock(&rwlock);
		usleep(1000);
	}
	sem_post(&go);
	late_result = pthread_rwlock_rdlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
	return NULL;
}

static void *writes(void *argument)
{
	struct timespec until;
	if (!argument)
		return (void *)(long)(pthread_rwlock_wrlock(&rwlock) || pthread_rwlock_unlock(&rwlock));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 300000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	int result = pthread_rwlock_timedwrlock(&rwlock, &until);
	given_up = 1;
	return (void *)(long)result;
}

static void test_rwlock(void)
{
	pthread_t reader, writer;
	void *result;
	pthread_rwlock_wrlock(&rwlock);
	CHECK("who writes and wants to write is told of the deadlock", pthread_rwlock_wrlock(&rwlock) == EDEADLK);
	CHECK("who writes and wants to read, too", pthread_rwlock_rdlock(&rwlock) == EDEADLK);
	CHECK("a try is just refused", pthread_rwlock_trywrlock(&rwlock) == EBUSY);
	pthread_rwlock_unlock(&rwlock);

	sem_init(&go, 0, 0);
	pthread_rwlock_rdlock(&rwlock);
	pthread_create(&writer, NULL, writes, NULL);
	pthread_create(&reader, NULL, tries_to_read, NULL);
	sem_wait(&go);
	CHECK("a writer that waits keeps new readers out", try_result == EBUSY);
	CHECK("but not one that reads already", pthread_rwlock_rdlock(&rwlock) == 0);
	pthread_rwlock_unlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
	pthread_join(writer, &result);
	pthread_join(reader, NULL);
	CHECK("then the writer comes, and the reader", result == NULL && late_result == 0);

	pthread_rwlock_rdlock(&rwlock);
	pthread_create(&writer, NULL, writes, (void *)1);
	pthread_create(&reader, NULL, tries_to_read, NULL);
	pthread_join(reader, NULL);
	pthread_join(writer, &result);
	CHECK("a writer whose time is over lets readers in again", result == (void *)ETIMEDOUT && late_result == 0);
	pthread_rwlock_unlock(&rwlock);
}

int main(void)
{
	alarm(100);
	test_cost();
	test_rwlock();
	test_thousand();
	return report();
}
