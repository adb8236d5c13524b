/* Signals. */
#define _GNU_SOURCE
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t caught, last, depth, deepest, raises;
static siginfo_t information;
static sigjmp_buf back;
static char alternate[16384];
static volatile int on_alternate;

static void handler(int number)
{
	caught++;
	last = number;
}

static void detailed(int number, siginfo_t *told, void *context)
{
	handler(number);
	information = *told;
	char here;
	on_alternate = &here >= alternate && &here < alternate + sizeof alternate;
	(void)context;
}

static void nested(int number)
{
	if (++depth > deepest)
		deepest = depth;
	if (raises++ < 2)
		raise(number);
	depth--;
}

static void leave(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

static void set(int number, void (*function)(int), int flags)
{
	struct sigaction action = {.sa_handler = function, .sa_flags = flags};
	sigaction(number, &action, NULL);
}

static void set_detailed(int number, int flags)
{
	struct sigaction action = {.sa_sigaction = detailed, .sa_flags = SA_SIGINFO | flags};
	sigaction(number, &action, NULL);
}

static void handling(void)
{
	struct sigaction old;
	set(SIGUSR1, handler, 0);
	CHECK("a handler runs before raise returns", raise(SIGUSR1) == 0 && caught == 1 && last == SIGUSR1);
	CHECK("kill reaches the process itself", kill(getpid(), SIGUSR1) == 0 && (caught == 2 || (pause(), caught == 2)));
	CHECK("sigaction tells the old handler", sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == handler);
	signal(SIGUSR2, SIG_IGN);
	CHECK("an ignored signal does nothing", raise(SIGUSR2) == 0 && sigaction(SIGUSR2, NULL, &old) == 0 && old.sa_handler == SIG_IGN);
	set(SIGUSR2, handler, SA_RESETHAND);
	raise(SIGUSR2);
	CHECK("SA_RESETHAND resets", sigaction(SIGUSR2, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
	set(SIGUSR1, nested, 0);
	depth = deepest = raises = 0;
	raise(SIGUSR1);
	CHECK("a signal is blocked in its own handler", deepest == 1);
	depth = deepest = raises = 0;
	set(SIGUSR1, nested, SA_NODEFER);
	raise(SIGUSR1);
	CHECK("SA_NODEFER lets it in", deepest == 3);
	CHECK("SIGKILL cannot be caught", signal(SIGKILL, handler) == SIG_ERR && errno == EINVAL);
	CHECK("a number that is no signal", raise(65) == -1 && errno == EINVAL);
}

static void masking(void)
{
	sigset_t set_of_one, old, pending;
	set(SIGUSR1, handler, 0);
	sigemptyset(&set_of_one);
	sigaddset(&set_of_one, SIGUSR1);
	caught = 0;
	CHECK("a blocked signal waits", sigprocmask(SIG_BLOCK, &set_of_one, &old) == 0 && raise(SIGUSR1) == 0 && caught == 0);
	CHECK("sigpending shows it", sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
	CHECK("sigsuspend lets it in", sigsuspend(&old) == -1 && errno == EINTR && caught == 1);
	raise(SIGUSR1);
	int number = 0;
	CHECK("sigwait takes it without the handler", sigwait(&set_of_one, &number) == 0 && number == SIGUSR1 && caught == 1);
	struct timespec none = {0, 0};
	CHECK("sigtimedwait without a signal", sigtimedwait(&set_of_one, NULL, &none) == -1 && errno == EAGAIN);
	CHECK("unblocking delivers", raise(SIGUSR1) == 0 && sigprocmask(SIG_SETMASK, &old, NULL) == 0 && caught == 2);
}

static void details(void)
{
	set_detailed(SIGUSR1, 0);
	pid_t child = fork();
	if (child == 0)
		_exit(kill(getppid(), SIGUSR1));
	waitpid(child, NULL, 0);
	CHECK("siginfo names the sender", information.si_signo == SIGUSR1 && information.si_pid == child && information.si_code == SI_USER);
	set_detailed(SIGRTMIN, 0);
	union sigval value = {.sival_int = 1234};
	CHECK("sigqueue carries a value", sigqueue(getpid(), SIGRTMIN, value) == 0 && information.si_value.sival_int == 1234 && information.si_code == SI_QUEUE);
	set_detailed(SIGCHLD, 0);
	child = fork();
	if (child == 0)
		_exit(9);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	CHECK("SIGCHLD tells of the child", information.si_signo == SIGCHLD && information.si_pid == child && information.si_status == 9);
	signal(SIGCHLD, SIG_DFL);
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
	CHECK("sigaltstack", sigaltstack(&stack, NULL) == 0);
	set_detailed(SIGUSR1, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK("SA_ONSTACK runs there", on_alternate);
}

static void faults(void)
{
	set(SIGSEGV, leave, 0);
	volatile int reached = 0;
	if (sigsetjmp(back, 1) == 0)
		*(volatile int *)8 = 1;
	else
		reached = 1;
	CHECK("a fault can be left by siglongjmp", reached);
	reached = 0;
	if (sigsetjmp(back, 1) == 0)
		*(volatile int *)8 = 1;
	else
		reached = 1;
	CHECK("the mask was restored, so that it can happen again", reached);
	set(SIGFPE, leave, 0);
	volatile int zero = 0;
	reached = 0;
	if (sigsetjmp(back, 1) == 0)
		zero = 100 / zero;
	else
		reached = 1;
	CHECK("division by zero raises SIGFPE", reached);
	int status;
	pid_t child = fork();
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile int *)8 = 1;
	}
	CHECK("without a handler it ends the process", waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	child = fork();
	if (child == 0)
		abort();
	CHECK("abort", waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void interrupting(void)
{
	int ends[2];
	char byte;
	pipe(ends);
	caught = 0;
	set(SIGALRM, handler, 0);
	alarm(1);
	CHECK("a signal interrupts a read", read(ends[0], &byte, 1) == -1 && errno == EINTR && caught == 1);
	set(SIGALRM, handler, SA_RESTART);
	pid_t child = fork();
	if (child == 0) {
		sleep(1);
		kill(getppid(), SIGALRM);
		sleep(1);
		_exit(write(ends[1], "x", 1) != 1);
	}
	CHECK("SA_RESTART goes on with it", read(ends[0], &byte, 1) == 1 && byte == 'x' && caught == 2);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	struct itimerval timer = {.it_interval = {0, 20000}, .it_value = {0, 20000}};
	caught = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
	while (caught < 3)
		pause();
	timer.it_value.tv_usec = timer.it_interval.tv_usec = 0;
	CHECK("an interval timer goes on", setitimer(ITIMER_REAL, &timer, NULL) == 0 && caught >= 3);
	signal(SIGPIPE, SIG_IGN);
	close(ends[0]);
	CHECK("a pipe without readers gives EPIPE", write(ends[1], "x", 1) == -1 && errno == EPIPE);
	set(SIGPIPE, handler, 0);
	caught = 0;
	CHECK("and raises SIGPIPE", write(ends[1], "x", 1) == -1 && caught == 1 && last == SIGPIPE);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	handling();
	masking();
	details();
	faults();
	interrupting();
	return report();
}
