/* <asm/unistd.h>: system call numbers */
#ifndef _ASM_UNISTD_H
#define _ASM_UNISTD_H

#include <features.h>
#include <sys/syscall.h>

#endif
