/* <mtd/mtd-user.h>: flash memory */
#ifndef _MTD_MTD_USER_H
#define _MTD_MTD_USER_H

#include <features.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <linux/types.h>

struct erase_info_user { __u32 start, length; };
struct mtd_oob_buf { __u32 start, length; unsigned char *ptr; };
struct mtd_info_user {
	__u8 type;
	__u32 flags, size, erasesize, writesize, oobsize;
	__u64 padding;
};
struct region_info_user { __u32 offset, erasesize, numblocks, regionindex; };
typedef struct mtd_info_user mtd_info_t;
typedef struct erase_info_user erase_info_t;
typedef struct region_info_user region_info_t;
#define MTD_ABSENT 0
#define MTD_RAM 1
#define MTD_ROM 2
#define MTD_NORFLASH 3
#define MTD_NANDFLASH 4
#define MTD_WRITEABLE 0x400
#define MEMGETINFO _IOR('M', 1, struct mtd_info_user)
#define MEMERASE _IOW('M', 2, struct erase_info_user)
#define MEMWRITEOOB _IOWR('M', 3, struct mtd_oob_buf)
#define MEMREADOOB _IOWR('M', 4, struct mtd_oob_buf)
#define MEMLOCK _IOW('M', 5, struct erase_info_user)
#define MEMUNLOCK _IOW('M', 6, struct erase_info_user)
#define MEMGETREGIONCOUNT _IOR('M', 7, int)
#define MEMGETREGIONINFO _IOWR('M', 8, struct region_info_user)
#define MEMGETBADBLOCK _IOW('M', 11, long long)
#define MEMSETBADBLOCK _IOW('M', 12, long long)
#define MTDFILEMODE _IO('M', 19)
enum { MTD_FILE_MODE_NORMAL, MTD_FILE_MODE_OTP_FACTORY, MTD_FILE_MODE_OTP_USER, MTD_FILE_MODE_RAW };

#endif
