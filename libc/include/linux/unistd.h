/* <linux/unistd.h>: system call numbers */
#ifndef _LINUX_UNISTD_H
#define _LINUX_UNISTD_H

#include <features.h>
#include <sys/syscall.h>

#endif
