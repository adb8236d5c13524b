/* <sys/user.h>: a traced process's registers */
#ifndef _SYS_USER_H
#define _SYS_USER_H

#include <features.h>

struct user_regs_struct {
	unsigned long r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax;
	unsigned long rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};
struct user_fpregs_struct {
	unsigned short cwd, swd, ftw, fop;
	unsigned long rip, rdp;
	unsigned mxcsr, mxcr_mask, st_space[32], xmm_space[64], padding[24];
};
typedef struct user_fpregs_struct elf_fpregset_t;
typedef unsigned long elf_greg_t;
#define ELF_NGREG 27
typedef elf_greg_t elf_gregset_t[ELF_NGREG];

#endif
