/* <sys/reg.h>: register numbers for ptrace */
#ifndef _SYS_REG_H
#define _SYS_REG_H

#include <features.h>

#define __WORDSIZE 64
enum {
	R15, R14, R13, R12, RBP, RBX, R11, R10, R9, R8, RAX, RCX, RDX, RSI, RDI, ORIG_RAX,
	RIP, CS, EFLAGS, RSP, SS, FS_BASE, GS_BASE, DS, ES, FS, GS
};

#endif
