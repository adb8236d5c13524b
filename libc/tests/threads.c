/* Threads. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 20000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_barrier_t barrier;
static pthread_key_t key;
static sem_t semaphore;
static long counter;
static int times_initialised, destroyed, turn, cleaned;
static _Thread_local int own = 5;
static _Thread_local char aligned[64] __attribute__((aligned(64)));

static void initialise(void) { times_initialised++; }
static void destroy(void *value) { __atomic_add_fetch(&destroyed, *(int *)value, __ATOMIC_SEQ_CST); }
static void clean(void *value) { *(int *)value = 1; }

static void *count(void *argument)
{
	static int one = 1;
	pthread_once(&once, initialise);
	pthread_setspecific(key, &one);
	own += (int)(long)argument;
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	errno = (int)(long)argument;
	return (void *)(long)(own == 5 + (long)argument && errno == (long)argument && (unsigned long)aligned % 64 == 0);
}

static void *take_turns(void *argument)
{
	int self = (int)(long)argument;
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 2 != self)
			pthread_cond_wait(&condition, &mutex);
		turn++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void *allocate(void *argument)
{
	unsigned seed = (unsigned)(long)argument;
	void *blocks[64] = {0};
	for (int i = 0; i < 5000; i++) {
		int slot = rand_r(&seed) % 64;
		free(blocks[slot]);
		size_t size = rand_r(&seed) % 3000 + 1;
		blocks[slot] = malloc(size);
		memset(blocks[slot], slot, size);
	}
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
	return NULL;
}

static void *wait_for_ever(void *argument)
{
	pthread_cleanup_push(clean, argument);
	sem_post(&semaphore);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static void *post(void *argument)
{
	sem_post(argument);
	return NULL;
}

static int standard(void *argument)
{
	return *(int *)argument + 1;
}

static void counting(void)
{
	pthread_t threads[THREADS];
	void *result;
	int good = 1;
	pthread_key_create(&key, destroy);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		good &= pthread_create(&threads[i], NULL, count, (void *)i) == 0;
	CHECK("threads start", good);
	for (int i = 0; i < THREADS; i++)
		good &= pthread_join(threads[i], &result) == 0 && result == (void *)1;
	CHECK("each has its own variables, and join gives its result", good);
	CHECK("a mutex excludes", counter == (long)THREADS * ROUNDS);
	CHECK("pthread_once runs once", times_initialised == 1);
	CHECK("destructors of specific values run", destroyed == THREADS);
}

static void waiting(void)
{
	pthread_t threads[2];
	for (long i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, take_turns, (void *)i);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK("condition variables pass the turn", turn == 200);
	struct timespec past = {1, 0};
	pthread_mutex_lock(&mutex);
	CHECK("a timed wait ends", pthread_cond_timedwait(&condition, &mutex, &past) == ETIMEDOUT);
	CHECK("trylock of a held mutex", pthread_mutex_trylock(&mutex) == EBUSY);
	pthread_mutex_unlock(&mutex);
	pthread_mutexattr_t kind;
	pthread_mutex_t other;
	pthread_mutexattr_init(&kind);
	pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&other, &kind);
	CHECK("a recursive mutex", pthread_mutex_lock(&other) == 0 && pthread_mutex_lock(&other) == 0 && pthread_mutex_unlock(&other) == 0 && pthread_mutex_unlock(&other) == 0 && pthread_mutex_unlock(&other) == EPERM);
	pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&other, &kind);
	CHECK("an error-checking mutex", pthread_mutex_lock(&other) == 0 && pthread_mutex_lock(&other) == EDEADLK && pthread_mutex_unlock(&other) == 0);
	CHECK("a read-write lock", pthread_rwlock_rdlock(&rwlock) == 0 && pthread_rwlock_tryrdlock(&rwlock) == 0 && pthread_rwlock_trywrlock(&rwlock) == EBUSY && pthread_rwlock_unlock(&rwlock) == 0 && pthread_rwlock_unlock(&rwlock) == 0 && pthread_rwlock_wrlock(&rwlock) == 0 && pthread_rwlock_tryrdlock(&rwlock) == EBUSY && pthread_rwlock_unlock(&rwlock) == 0);
	sem_init(&semaphore, 0, 0);
	pthread_t thread;
	CHECK("a semaphore wakes", sem_trywait(&semaphore) == -1 && errno == EAGAIN && pthread_create(&thread, NULL, post, &semaphore) == 0 && sem_wait(&semaphore) == 0 && pthread_join(thread, NULL) == 0);
}

static void others(void)
{
	pthread_t threads[THREADS], thread;
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, allocate, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK("threads share the heap", 1);
	void *result = NULL;
	pthread_create(&thread, NULL, wait_for_ever, &cleaned);
	sem_wait(&semaphore);
	CHECK("a thread is cancelled in its wait", pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED && cleaned);
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 1 << 20);
	int good = 1;
	for (int i = 0; i < 100; i++) {
		good &= pthread_create(&thread, &attributes, post, &semaphore) == 0;
		while (sem_wait(&semaphore) < 0)
			;
	}
	CHECK("detached threads come and go", good);
	thrd_t c11;
	int value = 41, answer = 0;
	CHECK("C11 threads", thrd_create(&c11, standard, &value) == thrd_success && thrd_join(c11, &answer) == thrd_success && answer == 42);
	size_t size;
	void *base;
	char here;
	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstack(&attributes, &base, &size);
	CHECK("pthread_getattr_np knows the stack", (char *)base <= &here && &here < (char *)base + size);
	char name[16];
	CHECK("a thread has a name", pthread_setname_np(pthread_self(), "first") == 0 && pthread_getname_np(pthread_self(), name, 16) == 0 && !strcmp(name, "first"));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	counting();
	waiting();
	others();
	return report();
}
