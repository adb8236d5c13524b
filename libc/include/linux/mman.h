/* <linux/mman.h>: numbers of mmap and mlock2 as Linux has them */
#ifndef _LINUX_MMAN_H
#define _LINUX_MMAN_H

#include <features.h>
#include <sys/mman.h>

#endif
