/* <syscall.h>: another name of <sys/syscall.h> */
#ifndef _SYSCALL_H
#define _SYSCALL_H

#include <features.h>
#include <sys/syscall.h>

#endif
