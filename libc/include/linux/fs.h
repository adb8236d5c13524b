/* <linux/fs.h>: files and block devices */
#ifndef _LINUX_FS_H
#define _LINUX_FS_H

#include <features.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#define BLOCK_SIZE_BITS 10
#define BLOCK_SIZE (1 << BLOCK_SIZE_BITS)
struct fstrim_range { __u64 start, len, minlen; };
#define BLKDISCARD _IO(0x12, 119)
#define BLKIOMIN _IO(0x12, 120)
#define BLKIOOPT _IO(0x12, 121)
#define BLKALIGNOFF _IO(0x12, 122)
#define BLKPBSZGET _IO(0x12, 123)
#define BLKDISCARDZEROES _IO(0x12, 124)
#define BLKSECDISCARD _IO(0x12, 125)
#define BLKROTATIONAL _IO(0x12, 126)
#define BLKZEROOUT _IO(0x12, 127)
#define FIBMAP _IO(0x00, 1)
#define FIGETBSZ _IO(0x00, 2)
#define FIFREEZE _IOWR('X', 119, int)
#define FITHAW _IOWR('X', 120, int)
#define FITRIM _IOWR('X', 121, struct fstrim_range)
#define FS_IOC_GETFLAGS _IOR('f', 1, long)
#define FS_IOC_SETFLAGS _IOW('f', 2, long)
#define FS_IOC_GETVERSION _IOR('v', 1, long)
#define FS_IOC_SETVERSION _IOW('v', 2, long)
#define FS_SECRM_FL       1
#define FS_UNRM_FL        2
#define FS_COMPR_FL       4
#define FS_SYNC_FL        8
#define FS_IMMUTABLE_FL   0x10
#define FS_APPEND_FL      0x20
#define FS_NODUMP_FL      0x40
#define FS_NOATIME_FL     0x80
#define FS_DIRTY_FL       0x100
#define FS_COMPRBLK_FL    0x200
#define FS_NOCOMP_FL      0x400
#define FS_ENCRYPT_FL     0x800
#define FS_BTREE_FL       0x1000
#define FS_INDEX_FL       0x1000
#define FS_IMAGIC_FL      0x2000
#define FS_NOTAIL_FL      0x8000
#define FS_DIRSYNC_FL     0x10000
#define FS_TOPDIR_FL      0x20000
#define FS_EXTENT_FL      0x80000
#define FS_VERITY_FL      0x100000
#define FS_EOFBLOCKS_FL   0x400000
#define FS_NOCOW_FL       0x800000
#define FS_DAX_FL         0x2000000
#define FS_PROJINHERIT_FL 0x20000000
#define FS_CASEFOLD_FL    0x40000000
#define FS_RESERVED_FL    0x80000000U

#endif
