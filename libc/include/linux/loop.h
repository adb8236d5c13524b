/* <linux/loop.h>: loop devices */
#ifndef _LINUX_LOOP_H
#define _LINUX_LOOP_H

#include <features.h>
#include <linux/types.h>
#include <linux/posix_types.h>

#define LO_NAME_SIZE 64
#define LO_KEY_SIZE 32
enum { LO_FLAGS_READ_ONLY = 1, LO_FLAGS_AUTOCLEAR = 4, LO_FLAGS_PARTSCAN = 8, LO_FLAGS_DIRECT_IO = 16 };
struct loop_info {
	int lo_number;
	__kernel_old_dev_t lo_device;
	unsigned long lo_inode;
	__kernel_old_dev_t lo_rdevice;
	int lo_offset, lo_encrypt_type, lo_encrypt_key_size, lo_flags;
	char lo_name[LO_NAME_SIZE];
	unsigned char lo_encrypt_key[LO_KEY_SIZE];
	unsigned long lo_init[2];
	char reserved[4];
};
struct loop_info64 {
	__u64 lo_device, lo_inode, lo_rdevice, lo_offset, lo_sizelimit;
	__u32 lo_number, lo_encrypt_type, lo_encrypt_key_size, lo_flags;
	__u8 lo_file_name[LO_NAME_SIZE], lo_crypt_name[LO_NAME_SIZE], lo_encrypt_key[LO_KEY_SIZE];
	__u64 lo_init[2];
};
struct loop_config {
	__u32 fd, block_size;
	struct loop_info64 info;
	__u64 __reserved[8];
};
#define LOOP_SET_STATUS_CLEARABLE_FLAGS 4
#define LOOP_SET_STATUS_SETTABLE_FLAGS  12
#define LOOP_CONFIGURE_SETTABLE_FLAGS   29
#define LOOP_SET_FD                     0x4c00
#define LOOP_CLR_FD                     0x4c01
#define LOOP_SET_STATUS                 0x4c02
#define LOOP_GET_STATUS                 0x4c03
#define LOOP_SET_STATUS64               0x4c04
#define LOOP_GET_STATUS64               0x4c05
#define LOOP_CHANGE_FD                  0x4c06
#define LOOP_SET_CAPACITY               0x4c07
#define LOOP_SET_DIRECT_IO              0x4c08
#define LOOP_SET_BLOCK_SIZE             0x4c09
#define LOOP_CONFIGURE                  0x4c0a
#define LOOP_CTL_ADD                    0x4c80
#define LOOP_CTL_REMOVE                 0x4c81
#define LOOP_CTL_GET_FREE               0x4c82

#endif
