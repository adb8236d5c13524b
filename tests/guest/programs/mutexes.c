/* Mutexes with attributes: shared between processes, robust, inheriting and protecting priority
 * (POSIX.1-2024, pthread_mutex_*, pthread_mutexattr_*). */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct shared {
	pthread_mutex_t mutex, robust;
	pthread_cond_t condition;
	pthread_rwlock_t rwlock;
	pthread_barrier_t barrier;
	pthread_spinlock_t spin;
	sem_t semaphore;
	int by_mutex, by_spin, by_rwlock, turn;
};

static struct shared *shared;
static pthread_mutex_t other;

static void make(pthread_mutex_t *mutex, int kind, int robust, int protocol, int pshared)
{
	pthread_mutexattr_t attributes;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, kind);
	pthread_mutexattr_setrobust(&attributes, robust);
	pthread_mutexattr_setprotocol(&attributes, protocol);
	pthread_mutexattr_setpshared(&attributes, pshared);
	if (protocol == PTHREAD_PRIO_PROTECT)
		pthread_mutexattr_setprioceiling(&attributes, 20);
	pthread_mutex_init(mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

static int wait_for(pid_t child)
{
	int status = -1;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void count(int self)
{
	pthread_barrier_wait(&shared->barrier);
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&shared->mutex);
		shared->by_mutex++;
		pthread_mutex_unlock(&shared->mutex);
		pthread_spin_lock(&shared->spin);
		shared->by_spin++;
		pthread_spin_unlock(&shared->spin);
		pthread_rwlock_wrlock(&shared->rwlock);
		shared->by_rwlock++;
		pthread_rwlock_unlock(&shared->rwlock);
	}
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&shared->mutex);
		while (shared->turn % 2 != self)
			pthread_cond_wait(&shared->condition, &shared->mutex);
		shared->turn++;
		pthread_cond_broadcast(&shared->condition);
		pthread_mutex_unlock(&shared->mutex);
	}
}

static void between_processes(void)
{
	pthread_condattr_t condition;
	pthread_rwlockattr_t rwlock;
	pthread_barrierattr_t barrier;
	int is_shared = 0;
	make(&shared->mutex, PTHREAD_MUTEX_ERRORCHECK, 0, 0, PTHREAD_PROCESS_SHARED);
	pthread_condattr_init(&condition);
	pthread_rwlockattr_init(&rwlock);
	pthread_barrierattr_init(&barrier);
	CHECK("attributes can say that processes share", !pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED) && !pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED) && !pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED) && !pthread_condattr_getpshared(&condition, &is_shared) && is_shared == PTHREAD_PROCESS_SHARED && pthread_condattr_setpshared(&condition, 7) == EINVAL);
	pthread_cond_init(&shared->condition, &condition);
	pthread_rwlock_init(&shared->rwlock, &rwlock);
	pthread_barrier_init(&shared->barrier, &barrier, 2);
	pthread_spin_init(&shared->spin, PTHREAD_PROCESS_SHARED);
	sem_init(&shared->semaphore, 1, 0);
	pid_t child = fork();
	if (child == 0) {
		count(1);
		sem_post(&shared->semaphore);
		_exit(0);
	}
	count(0);
	CHECK("a child posts a semaphore", sem_wait(&shared->semaphore) == 0);
	CHECK("processes exclude each other", wait_for(child) == 0 && shared->by_mutex == 4000 && shared->by_spin == 4000 && shared->by_rwlock == 4000);
	CHECK("processes wake each other", shared->turn == 200);
	pthread_mutex_lock(&shared->mutex);
	child = fork();
	if (child == 0)
		_exit(pthread_mutex_lock(&shared->mutex) == EDEADLK ? 1 : 0);
	usleep(10000);
	pthread_mutex_unlock(&shared->mutex);
	CHECK("the owner is the parent's thread, not the child's", wait_for(child) == 0);
}

static void die_holding(int kind, int protocol, const char *name)
{
	make(&shared->robust, kind, PTHREAD_MUTEX_ROBUST, protocol, PTHREAD_PROCESS_SHARED);
	int pipes[2];
	char byte;
	if (pipe(pipes))
		return;
	pid_t child = fork();
	if (child == 0) {
		pthread_mutex_lock(&shared->robust);
		write(pipes[1], "x", 1);
		for (;;)
			pause();
	}
	read(pipes[0], &byte, 1);
	int busy = pthread_mutex_trylock(&shared->robust);
	kill(child, SIGKILL);
	int first = pthread_mutex_lock(&shared->robust);
	wait_for(child);
	int mended = pthread_mutex_consistent(&shared->robust);
	int opened = pthread_mutex_unlock(&shared->robust);
	int again = pthread_mutex_lock(&shared->robust);
	pthread_mutex_unlock(&shared->robust);
	CHECK(name, busy == EBUSY && first == EOWNERDEAD && !mended && !opened && !again);
	close(pipes[0]);
	close(pipes[1]);
}

static void *end_holding(void *mutex)
{
	pthread_mutex_lock(mutex);
	pthread_mutex_lock(&other);
	return NULL;
}

static void *lock_late(void *mutex)
{
	return (void *)(long)pthread_mutex_lock(mutex);
}

static void robust(void)
{
	pthread_t thread, waiter;
	void *result;
	die_holding(PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, "a killed process leaves EOWNERDEAD");
	die_holding(PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_INHERIT, "a killed owner of an inheriting mutex, too");
	pthread_mutex_t mutex;
	make(&mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, 0);
	make(&other, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, 0);
	pthread_create(&thread, NULL, end_holding, &mutex);
	pthread_join(thread, NULL);
	CHECK("all robust mutexes of an ended thread are marked", pthread_mutex_lock(&other) == EOWNERDEAD && pthread_mutex_trylock(&mutex) == EOWNERDEAD);
	CHECK("only the owner makes a mutex consistent", pthread_mutex_consistent(&mutex) == 0 && pthread_mutex_consistent(&mutex) == EINVAL);
	pthread_create(&waiter, NULL, lock_late, &other);
	usleep(10000);
	CHECK("unlocked without being made consistent", pthread_mutex_unlock(&other) == 0);
	pthread_join(waiter, &result);
	CHECK("it is not recoverable, for waiters and later", result == (void *)ENOTRECOVERABLE && pthread_mutex_lock(&other) == ENOTRECOVERABLE && pthread_mutex_trylock(&other) == ENOTRECOVERABLE);
	CHECK("an unrecoverable mutex can be destroyed", pthread_mutex_destroy(&other) == 0);
	CHECK("a locked one cannot", pthread_mutex_destroy(&mutex) == EBUSY && pthread_mutex_unlock(&mutex) == 0 && pthread_mutex_destroy(&mutex) == 0);
	CHECK("unlocking what one does not hold", pthread_mutex_unlock(&shared->robust) == EPERM);
}

static sem_t held;
static volatile int done;

static void *own_and_look(void *mutex)
{
	pthread_mutex_lock(mutex);
	sem_post(&held);
	/* The waiter's priority is lent: a busy thread between the two does not keep this one off. */
	for (volatile int i = 0; i < 200000; i++)
		;
	pthread_mutex_unlock(mutex);
	done = 1;
	return NULL;
}

static void *wait_urgently(void *mutex)
{
	struct sched_param parameter = {.sched_priority = 30};
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameter);
	struct timespec limit;
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 60;
	long result = pthread_mutex_timedlock(mutex, &limit);
	if (!result)
		pthread_mutex_unlock(mutex);
	return (void *)result;
}

static void protocols(void)
{
	pthread_mutex_t mutex;
	pthread_mutexattr_t attributes;
	pthread_t owner, waiter;
	void *result;
	int value = -1, old = -1;
	pthread_mutexattr_init(&attributes);
	CHECK("protocols are told", !pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) && !pthread_mutexattr_getprotocol(&attributes, &value) && value == PTHREAD_PRIO_INHERIT && pthread_mutexattr_setprotocol(&attributes, 9) == EINVAL);
	CHECK("a ceiling is a priority of SCHED_FIFO", pthread_mutexattr_setprioceiling(&attributes, 0) == EINVAL && pthread_mutexattr_setprioceiling(&attributes, 100) == EINVAL && !pthread_mutexattr_setprioceiling(&attributes, 42) && !pthread_mutexattr_getprioceiling(&attributes, &value) && value == 42);
	make(&mutex, PTHREAD_MUTEX_ERRORCHECK, 0, PTHREAD_PRIO_INHERIT, 0);
	CHECK("an inheriting mutex checks", !pthread_mutex_lock(&mutex) && pthread_mutex_lock(&mutex) == EDEADLK && pthread_mutex_trylock(&mutex) == EBUSY && !pthread_mutex_unlock(&mutex) && pthread_mutex_unlock(&mutex) == EPERM);
	sem_init(&held, 0, 0);
	pthread_create(&owner, NULL, own_and_look, &mutex);
	sem_wait(&held);
	pthread_create(&waiter, NULL, wait_urgently, &mutex);
	pthread_join(waiter, &result);
	pthread_join(owner, NULL);
	CHECK("an urgent waiter gets the mutex", result == NULL && done);
	make(&mutex, PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_PROTECT, 0);
	struct sched_param before, inside, after;
	int policy, policy_inside;
	pthread_getschedparam(pthread_self(), &policy, &before);
	int locked = pthread_mutex_lock(&mutex);
	pthread_getschedparam(pthread_self(), &policy_inside, &inside);
	pthread_mutex_unlock(&mutex);
	pthread_getschedparam(pthread_self(), &policy, &after);
	CHECK("the holder runs at the ceiling", !locked && inside.sched_priority == 20 && after.sched_priority == before.sched_priority);
	CHECK("a ceiling can be changed", !pthread_mutex_setprioceiling(&mutex, 25, &old) && old == 20 && !pthread_mutex_getprioceiling(&mutex, &value) && value == 25 && pthread_mutex_setprioceiling(&mutex, 0, NULL) == EINVAL);
	struct sched_param high = {.sched_priority = 50}, normal = {0};
	pthread_setschedparam(pthread_self(), SCHED_RR, &high);
	CHECK("a thread above the ceiling is refused", pthread_mutex_lock(&mutex) == EINVAL);
	pthread_setschedparam(pthread_self(), SCHED_OTHER, &normal);
	make(&mutex, PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_NONE, 0);
	CHECK("others have no ceiling", pthread_mutex_getprioceiling(&mutex, &value) == EINVAL && pthread_mutex_consistent(&mutex) == EINVAL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	between_processes();
	robust();
	protocols();
	return report();
}
