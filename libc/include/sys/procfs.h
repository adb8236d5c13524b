/* <sys/procfs.h>: process images */
#ifndef _SYS_PROCFS_H
#define _SYS_PROCFS_H

#include <features.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/user.h>

struct elf_siginfo { int si_signo, si_code, si_errno; };
#define ELF_PRARGSZ 80

#endif
