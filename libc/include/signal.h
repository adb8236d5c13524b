/* <signal.h>: signals (C 7.14, POSIX) */
#ifndef _SIGNAL_H
#define _SIGNAL_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIG_ERR ((void (*)(int))-1)
#define SIG_DFL ((void (*)(int))0)
#define SIG_IGN ((void (*)(int))1)
typedef int sig_atomic_t;
void (*signal(int, void (*)(int)))(int);
int raise(int);
#define SIGABRT   6
#define SIGALRM   14
#define SIGBUS    7
#define SIGCHLD   17
#define SIGCONT   18
#define SIGFPE    8
#define SIGHUP    1
#define SIGILL    4
#define SIGINT    2
#define SIGIO     29
#define SIGIOT    6
#define SIGKILL   9
#define SIGPIPE   13
#define SIGPOLL   29
#define SIGPROF   27
#define SIGPWR    30
#define SIGQUIT   3
#define SIGSEGV   11
#define SIGSTKFLT 16
#define SIGSTOP   19
#define SIGSYS    31
#define SIGTERM   15
#define SIGTRAP   5
#define SIGTSTP   20
#define SIGTTIN   21
#define SIGTTOU   22
#define SIGUNUSED 31
#define SIGURG    23
#define SIGUSR1   10
#define SIGUSR2   12
#define SIGVTALRM 26
#define SIGWINCH  28
#define SIGXCPU   24
#define SIGXFSZ   25
#define _NSIG 65
#define NSIG _NSIG
#include <bits/timespec.h>
#include <bits/sigset.h>
#include <bits/pthreadtypes.h>
typedef unsigned long size_t;
typedef int pid_t;
typedef unsigned int uid_t;
typedef long clock_t;
#define SIG_HOLD ((void (*)(int))2)
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#define SI_USER    0
#define SI_ASYNCIO (-4)
#define SI_ASYNCNL (-60)
#define SI_MESGQ   (-3)
#define SI_QUEUE   (-1)
#define SI_SIGIO   (-5)
#define SI_TIMER   (-2)
#define SI_TKILL   (-6)
#define SI_KERNEL 128
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define BUS_OBJERR    3
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6
#define FPE_INTDIV    1
#define FPE_INTOVF    2
#define FPE_FLTDIV    3
#define FPE_FLTOVF    4
#define FPE_FLTUND    5
#define FPE_FLTRES    6
#define FPE_FLTINV    7
#define FPE_FLTSUB    8
#define ILL_ILLOPC    1
#define ILL_ILLOPN    2
#define ILL_ILLADR    3
#define ILL_ILLTRP    4
#define ILL_PRVOPC    5
#define ILL_PRVREG    6
#define ILL_COPROC    7
#define ILL_BADSTK    8
#define POLL_IN       1
#define POLL_OUT      2
#define POLL_MSG      3
#define POLL_ERR      4
#define POLL_PRI      5
#define POLL_HUP      6
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define SEGV_BNDERR   3
#define SEGV_PKUERR   4
#define SEGV_MTEAERR  8
#define SEGV_MTESERR  9
#define SYS_SECCOMP   1
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define TRAP_BRANCH   3
#define TRAP_HWBKPT   4
#define TRAP_UNK      5
#define MINSIGSTKSZ    0x800
#define SA_NOCLDSTOP   1
#define SA_NOCLDWAIT   2
#define SA_SIGINFO     4
#define SA_UNSUPPORTED 0x400
#define SA_RESTORER    0x4000000
#define SA_ONSTACK     0x8000000
#define SA_RESTART     0x10000000
#define SA_NODEFER     0x40000000
#define SA_NOMASK      0x40000000
#define SA_ONESHOT     0x80000000U
#define SA_RESETHAND   0x80000000U
#define SIGSTKSZ       0x2000
#define SS_ONSTACK     1
#define SS_DISABLE     2
#define SS_AUTODISARM  0x80000000U
#define SS_FLAG_BITS   0x80000000U
#define SIGRTMIN (__libc_current_sigrtmin())
#define SIGRTMAX (__libc_current_sigrtmax())
int __libc_current_sigrtmin(void);
int __libc_current_sigrtmax(void);
union sigval {
	int sival_int;
	void *sival_ptr;
};
typedef struct {
	int si_signo, si_errno, si_code;
	union {
		char __size[128 - 4 * sizeof(int)];
		struct {
			pid_t si_pid;
			uid_t si_uid;
			union {
				union sigval si_value;
				struct {
					int si_status;
					clock_t si_utime, si_stime;
				} __child;
			} __reason;
		} __sender;
		struct {
			int si_timerid, si_overrun;
			union sigval si_value;
		} __timer;
		struct {
			void *si_addr;
			short si_addr_lsb;
			union {
				struct { void *si_lower, *si_upper; } __bounds;
				unsigned si_pkey;
			} __why;
		} __fault;
		struct {
			long si_band;
			int si_fd;
		} __poll;
		struct {
			void *si_call_addr;
			int si_syscall;
			unsigned si_arch;
		} __call;
	} __info __attribute__((__aligned__(8)));
} siginfo_t;
#define si_pid __info.__sender.si_pid
#define si_uid __info.__sender.si_uid
#define si_value __info.__sender.__reason.si_value
#define si_ptr si_value.sival_ptr
#define si_int si_value.sival_int
#define si_status __info.__sender.__reason.__child.si_status
#define si_utime __info.__sender.__reason.__child.si_utime
#define si_stime __info.__sender.__reason.__child.si_stime
#define si_timerid __info.__timer.si_timerid
#define si_overrun __info.__timer.si_overrun
#define si_addr __info.__fault.si_addr
#define si_addr_lsb __info.__fault.si_addr_lsb
#define si_lower __info.__fault.__why.__bounds.si_lower
#define si_upper __info.__fault.__why.__bounds.si_upper
#define si_pkey __info.__fault.__why.si_pkey
#define si_band __info.__poll.si_band
#define si_fd __info.__poll.si_fd
#define si_call_addr __info.__call.si_call_addr
#define si_syscall __info.__call.si_syscall
#define si_arch __info.__call.si_arch
struct sigaction {
	union {
		void (*sa_handler)(int);
		void (*sa_sigaction)(int, siginfo_t *, void *);
	} __handler;
	sigset_t sa_mask;
	int sa_flags;
	void (*sa_restorer)(void);
};
#define sa_handler __handler.sa_handler
#define sa_sigaction __handler.sa_sigaction
struct sigevent {
	union sigval sigev_value;
	int sigev_signo, sigev_notify;
	union {
		char __size[64 - 2 * sizeof(int) - sizeof(union sigval)];
		pid_t sigev_notify_thread_id;
		struct {
			void (*sigev_notify_function)(union sigval);
			pthread_attr_t *sigev_notify_attributes;
		} __thread_call;
	} __target;
};
#define sigev_notify_thread_id __target.sigev_notify_thread_id
#define sigev_notify_function __target.__thread_call.sigev_notify_function
#define sigev_notify_attributes __target.__thread_call.sigev_notify_attributes
#define SIGEV_SIGNAL 0
#define SIGEV_NONE 1
#define SIGEV_THREAD 2
#define SIGEV_THREAD_ID 4
typedef struct sigaltstack {
	void *ss_sp;
	int ss_flags;
	size_t ss_size;
} stack_t;
int kill(pid_t, int);
int sigemptyset(sigset_t *);
int sigfillset(sigset_t *);
int sigaddset(sigset_t *, int);
int sigdelset(sigset_t *, int);
int sigismember(const sigset_t *, int);
int sigprocmask(int, const sigset_t *__restrict, sigset_t *__restrict);
int sigsuspend(const sigset_t *);
int sigaction(int, const struct sigaction *__restrict, struct sigaction *__restrict);
int sigpending(sigset_t *);
int sigwait(const sigset_t *__restrict, int *__restrict);
int sigwaitinfo(const sigset_t *__restrict, siginfo_t *__restrict);
int sigtimedwait(const sigset_t *__restrict, siginfo_t *__restrict, const struct timespec *__restrict);
int sigqueue(pid_t, int, union sigval);
int pthread_sigmask(int, const sigset_t *__restrict, sigset_t *__restrict);
int pthread_kill(pthread_t, int);
void psiginfo(const siginfo_t *, const char *);
void psignal(int, const char *);
char *strsignal(int);
int sig2str(int, char *);
int str2sig(const char *__restrict, int *__restrict);
#define SIG2STR_MAX 32
#if __XSI_VISIBLE
int killpg(pid_t, int);
int sigaltstack(const stack_t *__restrict, stack_t *__restrict);
int sighold(int);
int sigignore(int);
int siginterrupt(int, int);
int sigpause(int);
int sigrelse(int);
void (*sigset(int, void (*)(int)))(int);
#endif
typedef long greg_t;
typedef greg_t gregset_t[23];
typedef struct _fpstate {
	unsigned short cwd, swd, ftw, fop;
	unsigned long rip, rdp;
	unsigned mxcsr, mxcr_mask;
	struct {
		unsigned short significand[4], exponent, padding[3];
	} _st[8];
	struct {
		unsigned element[4];
	} _xmm[16];
	unsigned padding[24];
} *fpregset_t;
typedef struct {
	gregset_t gregs;
	fpregset_t fpregs;
	unsigned long __reserved1[8];
} mcontext_t;
typedef struct __ucontext {
	unsigned long uc_flags;
	struct __ucontext *uc_link;
	stack_t uc_stack;
	mcontext_t uc_mcontext;
	sigset_t uc_sigmask;
	unsigned long __fpregs_mem[64];
} ucontext_t;
#if __BSD_VISIBLE
typedef void (*sig_t)(int);
#define sigmask(signal) (1U << ((signal) - 1))
struct sigcontext {
	unsigned long r8, r9, r10, r11, r12, r13, r14, r15;
	unsigned long rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	unsigned short cs, gs, fs, __pad0;
	unsigned long err, trapno, oldmask, cr2;
	struct _fpstate *fpstate;
	unsigned long __reserved1[8];
};
#define NSIG _NSIG
#endif
#if __GNU_VISIBLE
typedef void (*sighandler_t)(int);
void (*bsd_signal(int, void (*)(int)))(int);
int sigisemptyset(const sigset_t *);
int sigorset(sigset_t *, const sigset_t *, const sigset_t *);
int sigandset(sigset_t *, const sigset_t *, const sigset_t *);
int tgkill(int, int, int);
#define REG_R8      0
#define REG_R9      1
#define REG_R10     2
#define REG_R11     3
#define REG_R12     4
#define REG_R13     5
#define REG_R14     6
#define REG_R15     7
#define REG_RDI     8
#define REG_RSI     9
#define REG_RBP     10
#define REG_RBX     11
#define REG_RDX     12
#define REG_RAX     13
#define REG_RCX     14
#define REG_RSP     15
#define REG_RIP     16
#define REG_EFL     17
#define REG_CSGSFS  18
#define REG_ERR     19
#define REG_TRAPNO  20
#define REG_OLDMASK 21
#define REG_CR2     22
#endif

#ifdef __cplusplus
}
#endif

#endif
