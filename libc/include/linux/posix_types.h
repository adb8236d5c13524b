/* <linux/posix_types.h>: the kernel interface's POSIX types */
#ifndef _LINUX_POSIX_TYPES_H
#define _LINUX_POSIX_TYPES_H

#include <features.h>
#include <linux/types.h>

typedef int __kernel_pid_t;
typedef unsigned int __kernel_uid_t, __kernel_gid_t, __kernel_mode_t;
typedef unsigned long __kernel_ino_t, __kernel_size_t;
typedef unsigned long __kernel_old_dev_t;
typedef long __kernel_off_t, __kernel_time_t, __kernel_ssize_t;
typedef long long __kernel_loff_t;

#endif
