/* <sys/shm.h>: System V shared memory (POSIX) */
#ifndef _SYS_SHM_H
#define _SYS_SHM_H

#include <features.h>
#include <sys/ipc.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long size_t;
typedef long time_t;
typedef int pid_t;
typedef unsigned long shmatt_t;
struct shmid_ds {
	struct ipc_perm shm_perm;
	size_t shm_segsz;
	time_t shm_atime, shm_dtime, shm_ctime;
	pid_t shm_cpid, shm_lpid;
	unsigned long shm_nattch, __reserved[2];
};
struct shminfo { unsigned long shmmax, shmmin, shmmni, shmseg, shmall, __reserved[4]; };
#if __GNU_VISIBLE
#define __used_ids used_ids
#define __swap_attempts swap_attempts
#define __swap_successes swap_successes
#endif
struct shm_info {
	int __used_ids;
	unsigned long shm_tot, shm_rss, shm_swp, __swap_attempts, __swap_successes;
};
#define SHMLBA 4096
#define SHM_LOCK       11
#define SHM_UNLOCK     12
#define SHM_STAT       13
#define SHM_INFO       14
#define SHM_STAT_ANY   15
#define SHM_HUGE_SHIFT 26
#define SHM_HUGE_MASK  63
#define SHM_W          0x80
#define SHM_R          0x100
#define SHM_DEST       0x200
#define SHM_LOCKED     0x400
#define SHM_HUGETLB    0x800
#define SHM_NORESERVE  0x1000
#define SHM_RDONLY     0x1000
#define SHM_RND        0x2000
#define SHM_REMAP      0x4000
#define SHM_EXEC       0x8000
#define SHM_HUGE_64KB  0x40000000
#define SHM_HUGE_512KB 0x4c000000
#define SHM_HUGE_1MB   0x50000000
#define SHM_HUGE_2MB   0x54000000
#define SHM_HUGE_8MB   0x5c000000
#define SHM_HUGE_16MB  0x60000000
#define SHM_HUGE_32MB  0x64000000
#define SHM_HUGE_256MB 0x70000000
#define SHM_HUGE_512MB 0x74000000
#define SHM_HUGE_1GB   0x78000000
#define SHM_HUGE_2GB   0x7c000000
#define SHM_HUGE_16GB  0x88000000U
void *shmat(int, const void *, int);
int shmctl(int, int, struct shmid_ds *);
int shmdt(const void *);
int shmget(key_t, size_t, int);

#ifdef __cplusplus
}
#endif

#endif
