/* Timers of every kind, CPU clocks, and a real-time clock that is set (POSIX timer_create and friends). */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static siginfo_t last;
static volatile int called, called_value;

static void note(int number, siginfo_t *told, void *context)
{
	(void)number;
	(void)context;
	count++;
	last = *told;
}

static void call(union sigval value)
{
	called_value = value.sival_int;
	called++;
}

static void catch(int number)
{
	struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
	sigaction(number, &action, NULL);
}

/* Waits until the handler has run; the signal may have come already. */
static void await(int number)
{
	sigset_t blocked, before;
	sigemptyset(&blocked);
	sigaddset(&blocked, number);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	while (!count)
		sigsuspend(&before);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void burn(volatile sig_atomic_t *until)
{
	while (!*until)
		;
}

static const struct itimerspec soon = {{0, 0}, {0, 2000000}};

static void by_signal(void)
{
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	event.sigev_value.sival_int = 42;
	catch(SIGUSR1);
	CHECK("timer_create", timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	struct itimerspec now;
	CHECK("a new timer is disarmed", timer_gettime(timer, &now) == 0
		&& now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
	count = 0;
	timer_settime(timer, 0, &soon, NULL);
	await(SIGUSR1);
	CHECK("it tells SI_TIMER and the value", last.si_code == SI_TIMER && last.si_value.sival_int == 42);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	struct itimerspec often = {{0, 1000000}, {0, 1000000}};
	timer_settime(timer, 0, &often, NULL);
	usleep(20000);
	siginfo_t told;
	CHECK("expiries of a blocked signal do not queue", sigwaitinfo(&set, &told) == SIGUSR1);
	CHECK("they are counted as overrun", told.si_overrun > 0 && timer_getoverrun(timer) == told.si_overrun);
	pid_t child = fork();
	if (child == 0)
		_exit(timer_gettime(timer, &now) == -1 && errno == EINVAL ? 0 : 1);
	int status;
	waitpid(child, &status, 0);
	CHECK("a child has no timer", status == 0);
	CHECK("timer_delete", timer_delete(timer) == 0);
	CHECK("a deleted timer is none", timer_settime(timer, 0, &soon, NULL) == -1 && errno == EINVAL);
	struct timespec none = {0, 0};
	while (sigtimedwait(&set, &told, &none) > 0)
		;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	event.sigev_signo = 65;
	CHECK("a signal that is none is refused", timer_create(CLOCK_MONOTONIC, &event, &timer) == -1
		&& errno == EINVAL);
}

static void by_thread(void)
{
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_THREAD};
	event.sigev_notify_function = call;
	event.sigev_value.sival_int = 7;
	CHECK("timer_create for a thread", timer_create(CLOCK_REALTIME, &event, &timer) == 0);
	struct itimerspec often = {{0, 1000000}, {0, 1000000}};
	timer_settime(timer, 0, &often, NULL);
	while (called < 3)
		usleep(1000);
	CHECK("the function is called with the value", called_value == 7);
	CHECK("timer_delete of it", timer_delete(timer) == 0);
}

static void of_cpu_time(void)
{
	timer_t timer;
	clockid_t clock;
	struct timespec before, after;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	catch(SIGUSR2);
	CHECK("clock_getcpuclockid", clock_getcpuclockid(0, &clock) == 0 && clock_gettime(clock, &before) == 0);
	CHECK("a timer of the process's CPU time", timer_create(clock, &event, &timer) == 0);
	count = 0;
	timer_settime(timer, 0, &soon, NULL);
	usleep(30000);
	int asleep = count;
	burn(&count);
	clock_gettime(clock, &after);
	CHECK("it does not count sleep but work", asleep == 0 && count == 1);
	long used = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
	CHECK("not before its time", used >= soon.it_value.tv_nsec);
	timer_delete(timer);
	catch(SIGVTALRM);
	catch(SIGPROF);
	struct itimerval often = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
	for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
		count = 0;
		CHECK("setitimer of CPU time", setitimer(which, &often, NULL) == 0);
		burn(&count);
		CHECK("its signal", last.si_signo == (which == ITIMER_PROF ? SIGPROF : SIGVTALRM));
		setitimer(which, &off, NULL);
	}
	CHECK("the CPU time of a thread", pthread_getcpuclockid(pthread_self(), &clock) == 0
		&& clock_gettime(clock, &after) == 0);
	CHECK("that of nobody", clock_getcpuclockid(999999, &clock) == ESRCH);
}

static void alarms(char *self)
{
	catch(SIGALRM);
	count = 0;
	alarm(100);
	CHECK("alarm tells what was left", alarm(0) == 100);
	struct itimerval soon_alarm = {{0, 0}, {0, 2000}};
	setitimer(ITIMER_REAL, &soon_alarm, NULL);
	await(SIGALRM);
	int status;
	pid_t child = fork();
	if (child == 0) {
		struct itimerval later = {{0, 0}, {50, 0}};
		setitimer(ITIMER_REAL, &later, NULL);
		pid_t grandchild = fork();
		if (grandchild == 0) {
			struct itimerval none;
			getitimer(ITIMER_REAL, &none);
			_exit(none.it_value.tv_sec);
		}
		waitpid(grandchild, &status, 0);
		if (status)
			_exit(2);
		execl(self, self, "alarm", NULL);
		_exit(3);
	}
	waitpid(child, &status, 0);
	CHECK("an alarm survives exec, and no child has it", status == 0);
}

static void *sleep_until(void *when)
{
	return (void *)(long)clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, when, NULL);
}

static void setting(void)
{
	struct timespec now, later, bad = {0, 1000000000};
	clock_gettime(CLOCK_REALTIME, &now);
	later = now;
	later.tv_sec += 1000;
	pthread_t sleeper;
	pthread_create(&sleeper, NULL, sleep_until, &later);
	usleep(20000);
	struct timespec new = later;
	new.tv_sec++;
	CHECK("root sets the clock", clock_settime(CLOCK_REALTIME, &new) == 0);
	void *result;
	pthread_join(sleeper, &result);
	CHECK("a sleep until then is over", result == NULL);
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK("the clock goes on from there", now.tv_sec >= new.tv_sec && now.tv_sec < new.tv_sec + 60);
	now.tv_sec -= 1000;
	clock_settime(CLOCK_REALTIME, &now);
	CHECK("no time", clock_settime(CLOCK_REALTIME, &bad) == -1 && errno == EINVAL);
	CHECK("no clock to set", clock_settime(CLOCK_MONOTONIC, &now) == -1 && errno == EINVAL);
	int status;
	pid_t child = fork();
	if (child == 0) {
		setuid(1000);
		_exit(clock_settime(CLOCK_REALTIME, &now) == -1 && errno == EPERM ? 0 : 1);
	}
	waitpid(child, &status, 0);
	CHECK("a user does not set it", status == 0);
}

int main(int arguments, char **argument)
{
	if (arguments > 1) {
		struct itimerval left;
		getitimer(ITIMER_REAL, &left);
		return left.it_value.tv_sec > 0 ? 0 : 1;
	}
	by_signal();
	by_thread();
	of_cpu_time();
	alarms(argument[0]);
	setting();
	return report();
}
