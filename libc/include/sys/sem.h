/* <sys/sem.h>: System V semaphores (POSIX) */
#ifndef _SYS_SEM_H
#define _SYS_SEM_H

#include <features.h>
#include <sys/ipc.h>
#include <bits/timespec.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long size_t;
typedef long time_t;
typedef int pid_t;
#define GETALL       13
#define GETNCNT      14
#define GETPID       11
#define GETVAL       12
#define GETZCNT      15
#define SEM_STAT     18
#define SEM_INFO     19
#define SEM_STAT_ANY 20
#define SEM_UNDO     0x1000
#define SETALL       17
#define SETVAL       0x10
struct semid_ds {
	struct ipc_perm sem_perm;
	time_t sem_otime;
	long __reserved1;
	time_t sem_ctime;
	long __reserved2;
	unsigned short sem_nsems;
	char __gap[6];
	long __reserved3, __reserved4;
};
struct sembuf { unsigned short sem_num; short sem_op, sem_flg; };
struct seminfo { int semmap, semmni, semmns, semmnu, semmsl, semopm, semume, semusz, semvmx, semaem; };
int semctl(int, int, int, ...);
int semget(key_t, int, int);
int semop(int, struct sembuf *, size_t);
#if __GNU_VISIBLE
int semtimedop(int, struct sembuf *, size_t, const struct timespec *);
#endif

#ifdef __cplusplus
}
#endif

#endif
