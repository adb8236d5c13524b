/* <fcntl.h>: file control (POSIX) */
#ifndef _FCNTL_H
#define _FCNTL_H

#include <features.h>
#include <bits/timespec.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef long off_t;
typedef int pid_t;
typedef unsigned int mode_t;
struct flock {
	short l_type, l_whence;
	off_t l_start, l_len;
	pid_t l_pid;
};
int creat(const char *, mode_t);
int fcntl(int, int, ...);
int open(const char *, int, ...);
int openat(int, const char *, int, ...);
int posix_fadvise(int, off_t, off_t, int);
int posix_fallocate(int, off_t, off_t);
#define O_ACCMODE (03 | O_SEARCH)
#define O_SEARCH O_PATH
#define O_EXEC O_PATH
#define O_TTY_INIT 0
#define O_RDONLY    0
#define O_WRONLY    1
#define O_RDWR      2
#define O_CREAT     0x40
#define O_EXCL      0x80
#define O_NOCTTY    0x100
#define O_TRUNC     0x200
#define O_APPEND    0x400
#define O_NDELAY    0x800
#define O_NONBLOCK  0x800
#define O_DSYNC     0x1000
#define O_ASYNC     0x2000
#define O_DIRECT    0x4000
#define O_LARGEFILE 0x8000
#define O_DIRECTORY 0x10000
#define O_NOFOLLOW  0x20000
#define O_NOATIME   0x40000
#define O_CLOEXEC   0x80000
#define O_CLOFORK 0x2000000
#define O_RSYNC     0x101000
#define O_SYNC      0x101000
#define O_PATH      0x200000
#define O_TMPFILE   0x410000
#define F_DUPFD             0
#define F_OWNER_TID         0
#define F_RDLCK             0
#define F_GETFD             1
#define F_OWNER_PID         1
#define F_SEAL_SEAL         1
#define F_WRLCK             1
#define F_OWNER_GID         2
#define F_OWNER_PGRP        2
#define F_SEAL_SHRINK       2
#define F_SETFD             2
#define F_UNLCK             2
#define F_GETFL             3
#define F_SEAL_GROW         4
#define F_SETFL             4
#define F_GETLK             5
#define F_GETLK64           5
#define F_SETLK             6
#define F_SETLK64           6
#define F_SETLKW            7
#define F_SETLKW64          7
#define F_SEAL_WRITE        8
#define F_SETOWN            8
#define F_GETOWN            9
#define F_SETSIG            10
#define F_GETSIG            11
#define F_SETOWN_EX         15
#define F_GETOWN_EX         0x10
#define F_SEAL_FUTURE_WRITE 0x10
#define F_GETOWNER_UIDS     17
#define F_OFD_GETLK         36
#define F_OFD_SETLK         37
#define F_OFD_SETLKW        38
#define F_SETLEASE          0x400
#define F_GETLEASE          0x401
#define F_NOTIFY            0x402
#define F_CANCELLK          0x405
#define F_DUPFD_CLOEXEC     0x406
#define F_DUPFD_CLOFORK     0x41a
#define F_SETPIPE_SZ        0x407
#define F_GETPIPE_SZ        0x408
#define F_ADD_SEALS         0x409
#define F_GET_SEALS         0x40a
#define F_GET_RW_HINT       0x40b
#define F_SET_RW_HINT       0x40c
#define F_GET_FILE_RW_HINT  0x40d
#define F_SET_FILE_RW_HINT  0x40e
#define AT_STATX_SYNC_AS_STAT 0
#define AT_SYMLINK_NOFOLLOW   0x100
#define AT_EACCESS            0x200
#define AT_REMOVEDIR          0x200
#define AT_SYMLINK_FOLLOW     0x400
#define AT_NO_AUTOMOUNT       0x800
#define AT_EMPTY_PATH         0x1000
#define AT_STATX_FORCE_SYNC   0x2000
#define AT_STATX_DONT_SYNC    0x4000
#define AT_STATX_SYNC_TYPE    0x6000
#define AT_RECURSIVE          0x8000
#define AT_FDCWD              (-100)
#define FD_CLOEXEC            1
#define FD_CLOFORK            2
#define POSIX_FADV_NORMAL     0
#define POSIX_FADV_RANDOM     1
#define POSIX_FADV_SEQUENTIAL 2
#define POSIX_FADV_WILLNEED   3
#define POSIX_FADV_DONTNEED   4
#define POSIX_FADV_NOREUSE    5
#define S_ISUID 04000
#define S_ISGID 02000
#define S_ISVTX 01000
#define S_IRUSR 0400
#define S_IWUSR 0200
#define S_IXUSR 0100
#define S_IRWXU 0700
#define S_IRGRP 0040
#define S_IWGRP 0020
#define S_IXGRP 0010
#define S_IRWXG 0070
#define S_IROTH 0004
#define S_IWOTH 0002
#define S_IXOTH 0001
#define S_IRWXO 0007
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#if __BSD_VISIBLE
#define FAPPEND O_APPEND
#define FFSYNC O_SYNC
#define FASYNC O_ASYNC
#define FNONBLOCK O_NONBLOCK
#define FNDELAY O_NDELAY
#define F_OK 0
#define X_OK 1
#define W_OK 2
#define R_OK 4
#define F_ULOCK 0
#define F_LOCK 1
#define F_TLOCK 2
#define F_TEST 3
#define S_IREAD S_IRUSR
#define S_IWRITE S_IWUSR
#define S_IEXEC S_IXUSR
#define loff_t off_t
int lockf(int, int, off_t);
#define DN_ACCESS                   1
#define DN_MODIFY                   2
#define DN_CREATE                   4
#define DN_DELETE                   8
#define DN_RENAME                   0x10
#define DN_ATTRIB                   0x20
#define DN_MULTISHOT                0x80000000U
#define FALLOC_FL_KEEP_SIZE         1
#define FALLOC_FL_PUNCH_HOLE        2
#define MAX_HANDLE_SZ               0x80
#define RWF_WRITE_LIFE_NOT_SET      0
#define SPLICE_F_MOVE               1
#define SPLICE_F_NONBLOCK           2
#define SPLICE_F_MORE               4
#define SPLICE_F_GIFT               8
#define SYNC_FILE_RANGE_WAIT_BEFORE 1
#define SYNC_FILE_RANGE_WRITE       2
#define SYNC_FILE_RANGE_WAIT_AFTER  4
#endif
#if __GNU_VISIBLE
#include <bits/iovec.h>
typedef unsigned long size_t;
typedef long ssize_t;
struct file_handle {
	unsigned handle_bytes;
	int handle_type;
#ifndef __cplusplus
	unsigned char f_handle[];
#endif
};
struct f_owner_ex {
	int type;
	pid_t pid;
};
int fallocate(int, int, off_t, off_t);
int name_to_handle_at(int, const char *, struct file_handle *, int *, int);
int open_by_handle_at(int, struct file_handle *, int);
ssize_t readahead(int, off_t, size_t);
int sync_file_range(int, off_t, off_t, unsigned);
ssize_t vmsplice(int, const struct iovec *, size_t, unsigned);
ssize_t splice(int, off_t *, int, off_t *, size_t, unsigned);
ssize_t tee(int, int, size_t, unsigned);
#endif
#ifdef _LARGEFILE64_SOURCE
#define F_GETLK64 F_GETLK
#define F_SETLK64 F_SETLK
#define F_SETLKW64 F_SETLKW
#define flock64 flock
#define open64 open
#define openat64 openat
#define creat64 creat
#define posix_fadvise64 posix_fadvise
#define posix_fallocate64 posix_fallocate
#define off64_t off_t
#if __GNU_VISIBLE
#define fallocate64 fallocate
#endif
#endif

#ifdef __cplusplus
}
#endif

#endif
