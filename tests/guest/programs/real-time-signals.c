/* Signals with information: queues, order, limits, who blocks what, SIGCHLD (POSIX 2.4, sigaction). */
#define _GNU_SOURCE
#include "../../../libc/tests/check.h"
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 64
static volatile sig_atomic_t count;
static int numbers[MOST], values[MOST];
static siginfo_t last;

static void note(int number, siginfo_t *told, void *context)
{
	(void)context;
	if (count < MOST) {
		numbers[count] = number;
		values[count] = told->si_value.sival_int;
	}
	count++;
	last = *told;
}

static void catch(int number, int flags)
{
	struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | flags};
	sigfillset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

static sigset_t set_of(int first, int second)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, first);
	sigaddset(&set, second);
	return set;
}

static void queueing(void)
{
	sigset_t both = set_of(SIGRTMIN, SIGRTMAX), old;
	catch(SIGRTMIN, 0);
	catch(SIGRTMAX, 0);
	sigprocmask(SIG_BLOCK, &both, NULL);
	for (int i = 0; i < 10; i++) {
		sigqueue(getpid(), SIGRTMAX, (union sigval){.sival_int = i});
		sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 100 + i});
	}
	sigset_t pending;
	sigpending(&pending);
	CHECK("SIGRTMAX is pending", sigismember(&pending, SIGRTMAX) == 1);
	sigprocmask(SIG_UNBLOCK, &both, &old);
	CHECK("SIGRTMAX was blocked", sigismember(&old, SIGRTMAX) == 1);
	int ordered = 1;
	for (int i = 0; i < 10; i++)
		ordered &= numbers[i] == SIGRTMIN && values[i] == 100 + i
			&& numbers[10 + i] == SIGRTMAX && values[10 + i] == i;
	CHECK("each queued signal comes, the lower number first, in order", count == 20 && ordered);
	CHECK("the code is SI_QUEUE and the sender told", last.si_code == SI_QUEUE
		&& last.si_pid == getpid() && last.si_uid == getuid());
}

static void limit(void)
{
	sigset_t both = set_of(SIGRTMIN, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &both, NULL);
	long most = sysconf(_SC_SIGQUEUE_MAX), queued = 0;
	CHECK("SIGQUEUE_MAX is not below the standard's least", most >= _POSIX_SIGQUEUE_MAX);
	while (queued <= most && sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}) == 0)
		queued++;
	CHECK("a full queue refuses with EAGAIN", errno == EAGAIN && queued == most);
	count = 0;
	sigprocmask(SIG_UNBLOCK, &both, NULL);
	CHECK("what was queued comes", count == queued);
	CHECK("then there is room again", sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0);
}

static void waiting(void)
{
	sigset_t both = set_of(SIGCHLD, SIGUSR1);
	struct timespec none = {0, 0};
	siginfo_t told;
	sigprocmask(SIG_BLOCK, &both, NULL);
	signal(SIGCHLD, SIG_DFL);
	pid_t child = fork();
	if (child == 0)
		_exit(7);
	CHECK("sigwaitinfo takes a blocked signal whose default is to be ignored",
		sigwaitinfo(&both, &told) == SIGCHLD);
	CHECK("it tells the child, its status and user", told.si_pid == child
		&& told.si_code == CLD_EXITED && told.si_status == 7 && told.si_uid == getuid());
	CHECK("the child is still to be waited for", waitpid(child, NULL, 0) == child);
	CHECK("nothing is left", sigtimedwait(&both, &told, &none) == -1 && errno == EAGAIN);
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK("sigwaitinfo takes what raise raised", sigwaitinfo(&both, &told) == SIGUSR1
		&& told.si_code == SI_TKILL);
	CHECK("of others than real-time signals one is pending at most",
		sigtimedwait(&both, &told, &none) == -1);
	sigprocmask(SIG_UNBLOCK, &both, NULL);
}

static void children(void)
{
	struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_NOCLDSTOP};
	sigaction(SIGCHLD, &action, NULL);
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	int status;
	count = 0;
	kill(child, SIGSTOP);
	CHECK("a stop is told by waitpid", waitpid(child, &status, WUNTRACED) == child
		&& WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	kill(child, SIGCONT);
	CHECK("a continuation as well", waitpid(child, &status, WCONTINUED) == child
		&& WIFCONTINUED(status));
	CHECK("with SA_NOCLDSTOP no SIGCHLD came", count == 0);
	siginfo_t told;
	kill(child, SIGKILL);
	CHECK("waitid with WNOWAIT tells the end", waitid(P_PID, child, &told, WEXITED | WNOWAIT) == 0
		&& told.si_code == CLD_KILLED && told.si_status == SIGKILL && told.si_pid == child);
	CHECK("and leaves it", waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	CHECK("SIGCHLD came for the end", count == 1 && last.si_code == CLD_KILLED);
	action.sa_flags = SA_SIGINFO | SA_NOCLDWAIT;
	sigaction(SIGCHLD, &action, NULL);
	struct sigaction told_action;
	sigaction(SIGCHLD, NULL, &told_action);
	CHECK("sigaction tells the flags", told_action.sa_flags & SA_NOCLDWAIT);
	if (fork() == 0)
		_exit(0);
	CHECK("with SA_NOCLDWAIT there is no child to wait for", wait(&status) == -1 && errno == ECHILD);
	signal(SIGCHLD, SIG_DFL);
}

static void stops(void)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		setpgid(0, 0);
		sigset_t stop = set_of(SIGTSTP, SIGCONT), pending;
		sigprocmask(SIG_BLOCK, &stop, NULL);
		kill(getpid(), SIGTSTP);
		kill(getpid(), SIGCONT);
		sigpending(&pending);
		int gone = !sigismember(&pending, SIGTSTP);
		kill(getpid(), SIGTSTP);
		sigpending(&pending);
		_exit(gone && !sigismember(&pending, SIGCONT) && sigismember(&pending, SIGTSTP) ? 0 : 1);
	}
	CHECK("pending SIGTSTP and SIGCONT undo each other", waitpid(child, &status, 0) == child
		&& WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void faults(void)
{
	int status;
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
	for (int kind = 0; kind < 2; kind++) {
		pid_t child = fork();
		if (child == 0) {
			volatile int *bad = kind ? (volatile int *)(void *)"constant" : (volatile int *)16;
			*bad = 1;
			_exit(0);
		}
		CHECK("a bad store ends the process with SIGSEGV", waitpid(child, &status, 0) == child
			&& WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	}
}

int main(void)
{
	queueing();
	limit();
	waiting();
	children();
	stops();
	faults();
	return report();
}
