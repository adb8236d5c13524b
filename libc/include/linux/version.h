/* <linux/version.h>: the kernel version that the interface follows */
#ifndef _LINUX_VERSION_H
#define _LINUX_VERSION_H

#include <features.h>

#define LINUX_VERSION_CODE 393216
#define KERNEL_VERSION(major, minor, patch) (((major) << 16) + ((minor) << 8) + ((patch) > 255 ? 255 : (patch)))

#endif
