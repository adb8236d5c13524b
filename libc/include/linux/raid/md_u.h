/* <linux/raid/md_u.h>: arrays of disks */
#ifndef _LINUX_RAID_MD_U_H
#define _LINUX_RAID_MD_U_H

#include <features.h>
#include <sys/ioctl.h>

#define MD_MAJOR 9
#define RAID_AUTORUN _IO(MD_MAJOR, 0x14)

#endif
