/* <sched.h>: scheduling (POSIX) */
#ifndef _SCHED_H
#define _SCHED_H

#include <features.h>
#include <bits/timespec.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int pid_t;
typedef unsigned long size_t;
#undef NULL
#if defined(__cplusplus) && __cplusplus >= 201103L
#define NULL nullptr
#elif defined(__cplusplus)
#define NULL 0L
#else
#define NULL ((void *)0)
#endif
struct sched_param {
	int sched_priority;
	int __reserved1;
	long __reserved2[4];
	int __reserved3;
};
#define SCHED_OTHER 0
#define SCHED_FIFO 1
#define SCHED_RR 2
#define SCHED_BATCH 3
#define SCHED_IDLE 5
#define SCHED_DEADLINE 6
#define SCHED_RESET_ON_FORK 0x40000000
int sched_get_priority_max(int);
int sched_get_priority_min(int);
int sched_getparam(pid_t, struct sched_param *);
int sched_getscheduler(pid_t);
int sched_rr_get_interval(pid_t, struct timespec *);
int sched_setparam(pid_t, const struct sched_param *);
int sched_setscheduler(pid_t, int, const struct sched_param *);
int sched_yield(void);
#if __GNU_VISIBLE
#define CLONE_NEWTIME        0x80
#define CLONE_VM             0x100
#define CLONE_FS             0x200
#define CLONE_FILES          0x400
#define CLONE_SIGHAND        0x800
#define CLONE_PIDFD          0x1000
#define CLONE_PTRACE         0x2000
#define CLONE_VFORK          0x4000
#define CLONE_PARENT         0x8000
#define CLONE_THREAD         0x10000
#define CLONE_NEWNS          0x20000
#define CLONE_SYSVSEM        0x40000
#define CLONE_SETTLS         0x80000
#define CLONE_PARENT_SETTID  0x100000
#define CLONE_CHILD_CLEARTID 0x200000
#define CLONE_DETACHED       0x400000
#define CLONE_UNTRACED       0x800000
#define CLONE_CHILD_SETTID   0x1000000
#define CLONE_NEWCGROUP      0x2000000
#define CLONE_NEWUTS         0x4000000
#define CLONE_NEWIPC         0x8000000
#define CLONE_NEWUSER        0x10000000
#define CLONE_NEWPID         0x20000000
#define CLONE_NEWNET         0x40000000
#define CLONE_IO             0x80000000U
#define CSIGNAL              255
typedef struct cpu_set_t { unsigned long __bits[128 / sizeof(long)]; } cpu_set_t;
#define CPU_SETSIZE 1024
int clone(int (*)(void *), void *, int, void *, ...);
int unshare(int);
int setns(int, int);
int sched_getcpu(void);
int sched_getaffinity(pid_t, size_t, cpu_set_t *);
int sched_setaffinity(pid_t, size_t, const cpu_set_t *);
int __sched_cpucount(size_t, const cpu_set_t *);
void *memcpy(void *__restrict, const void *__restrict, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
void *calloc(size_t, size_t);
void free(void *);
#define __CPU_WORD(cpu, set) (((unsigned long *)(set))[(cpu) / (8 * sizeof(long))])
#define __CPU_BIT(cpu) (1UL << ((cpu) % (8 * sizeof(long))))
#define CPU_SET_S(cpu, size, set) ((unsigned long)(cpu) / 8 < (size) ? (void)(__CPU_WORD(cpu, set) |= __CPU_BIT(cpu)) : (void)0)
#define CPU_CLR_S(cpu, size, set) ((unsigned long)(cpu) / 8 < (size) ? (void)(__CPU_WORD(cpu, set) &= ~__CPU_BIT(cpu)) : (void)0)
#define CPU_ISSET_S(cpu, size, set) ((unsigned long)(cpu) / 8 < (size) ? (__CPU_WORD(cpu, set) & __CPU_BIT(cpu)) != 0 : 0)
#define __CPU_COMBINE(size, to, left, operation, right) __extension__({ \
	for (unsigned long __word = 0; __word < (size) / sizeof(long); __word++) \
		((unsigned long *)(to))[__word] = ((const unsigned long *)(left))[__word] operation ((const unsigned long *)(right))[__word]; })
#define CPU_AND_S(size, to, left, right) __CPU_COMBINE(size, to, left, &, right)
#define CPU_OR_S(size, to, left, right) __CPU_COMBINE(size, to, left, |, right)
#define CPU_XOR_S(size, to, left, right) __CPU_COMBINE(size, to, left, ^, right)
#define CPU_COUNT_S(size, set) __sched_cpucount(size, set)
#define CPU_ZERO_S(size, set) memset(set, 0, size)
#define CPU_EQUAL_S(size, left, right) (!memcmp(left, right, size))
#define CPU_ALLOC_SIZE(count) (sizeof(long) * (((count) + 8 * sizeof(long) - 1) / (8 * sizeof(long))))
#define CPU_ALLOC(count) ((cpu_set_t *)calloc(1, CPU_ALLOC_SIZE(count)))
#define CPU_FREE(set) free(set)
#define CPU_SET(cpu, set) CPU_SET_S(cpu, sizeof(cpu_set_t), set)
#define CPU_CLR(cpu, set) CPU_CLR_S(cpu, sizeof(cpu_set_t), set)
#define CPU_ISSET(cpu, set) CPU_ISSET_S(cpu, sizeof(cpu_set_t), set)
#define CPU_AND(to, left, right) CPU_AND_S(sizeof(cpu_set_t), to, left, right)
#define CPU_OR(to, left, right) CPU_OR_S(sizeof(cpu_set_t), to, left, right)
#define CPU_XOR(to, left, right) CPU_XOR_S(sizeof(cpu_set_t), to, left, right)
#define CPU_COUNT(set) CPU_COUNT_S(sizeof(cpu_set_t), set)
#define CPU_ZERO(set) CPU_ZERO_S(sizeof(cpu_set_t), set)
#define CPU_EQUAL(left, right) CPU_EQUAL_S(sizeof(cpu_set_t), left, right)
#endif

#ifdef __cplusplus
}
#endif

#endif
