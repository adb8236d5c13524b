/* <sys/statvfs.h>: a file system's figures (POSIX) */
#ifndef _SYS_STATVFS_H
#define _SYS_STATVFS_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long fsblkcnt_t;
typedef unsigned long fsfilcnt_t;
struct statvfs {
	unsigned long f_bsize, f_frsize;
	fsblkcnt_t f_blocks, f_bfree, f_bavail;
	fsfilcnt_t f_files, f_ffree, f_favail;
	unsigned long f_fsid, f_flag, f_namemax;
	unsigned f_type;
	int __reserved[5];
};
int statvfs(const char *__restrict, struct statvfs *__restrict);
int fstatvfs(int, struct statvfs *);
#define ST_RDONLY      1
#define ST_NOSUID      2
#define ST_NODEV       4
#define ST_NOEXEC      8
#define ST_SYNCHRONOUS 0x10
#define ST_MANDLOCK    0x40
#define ST_WRITE       0x80
#define ST_APPEND      0x100
#define ST_IMMUTABLE   0x200
#define ST_NOATIME     0x400
#define ST_NODIRATIME  0x800
#define ST_RELATIME    0x1000
#ifdef _LARGEFILE64_SOURCE
#define statvfs64 statvfs
#define fstatvfs64 fstatvfs
#endif

#ifdef __cplusplus
}
#endif

#endif
