/* <sys/ptrace.h>: tracing processes (Linux) */
#ifndef _SYS_PTRACE_H
#define _SYS_PTRACE_H

#include <features.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PT_TRACE_ME                   0
#define PT_READ_I                     1
#define PT_READ_D                     2
#define PT_READ_U                     3
#define PT_WRITE_I                    4
#define PT_WRITE_D                    5
#define PT_WRITE_U                    6
#define PT_CONTINUE                   7
#define PT_KILL                       8
#define PT_STEP                       9
#define PT_GETREGS                    12
#define PT_SETREGS                    13
#define PT_GETFPREGS                  14
#define PT_SETFPREGS                  15
#define PT_ATTACH                     0x10
#define PT_DETACH                     17
#define PT_GETFPXREGS                 18
#define PT_SETFPXREGS                 19
#define PT_SYSCALL                    24
#define PT_GET_THREAD_AREA            25
#define PT_SET_THREAD_AREA            26
#define PT_ARCH_PRCTL                 30
#define PT_SYSEMU                     31
#define PT_SYSEMU_SINGLESTEP          0x20
#define PT_STEPBLOCK                  33
#define PT_SETOPTIONS                 0x4200
#define PT_GETEVENTMSG                0x4201
#define PT_GETSIGINFO                 0x4202
#define PT_SETSIGINFO                 0x4203
#define PTRACE_SYSCALL_INFO_NONE      0
#define PTRACE_TRACEME                0
#define PTRACE_EVENT_FORK             1
#define PTRACE_O_TRACESYSGOOD         1
#define PTRACE_PEEKSIGINFO_SHARED     1
#define PTRACE_PEEKTEXT               1
#define PTRACE_SYSCALL_INFO_ENTRY     1
#define PTRACE_EVENT_VFORK            2
#define PTRACE_O_TRACEFORK            2
#define PTRACE_PEEKDATA               2
#define PTRACE_SYSCALL_INFO_EXIT      2
#define PTRACE_EVENT_CLONE            3
#define PTRACE_PEEKUSER               3
#define PTRACE_SYSCALL_INFO_SECCOMP   3
#define PTRACE_EVENT_EXEC             4
#define PTRACE_O_TRACEVFORK           4
#define PTRACE_POKETEXT               4
#define PTRACE_EVENT_VFORK_DONE       5
#define PTRACE_POKEDATA               5
#define PTRACE_EVENT_EXIT             6
#define PTRACE_POKEUSER               6
#define PTRACE_CONT                   7
#define PTRACE_EVENT_SECCOMP          7
#define PTRACE_KILL                   8
#define PTRACE_O_TRACECLONE           8
#define PTRACE_SINGLESTEP             9
#define PTRACE_GETREGS                12
#define PTRACE_SETREGS                13
#define PTRACE_GETFPREGS              14
#define PTRACE_SETFPREGS              15
#define PTRACE_ATTACH                 0x10
#define PTRACE_O_TRACEEXEC            0x10
#define PTRACE_DETACH                 17
#define PTRACE_GETFPXREGS             18
#define PTRACE_SETFPXREGS             19
#define PTRACE_SYSCALL                24
#define PTRACE_GET_THREAD_AREA        25
#define PTRACE_SET_THREAD_AREA        26
#define PTRACE_ARCH_PRCTL             30
#define PTRACE_SYSEMU                 31
#define PTRACE_O_TRACEVFORKDONE       0x20
#define PTRACE_SYSEMU_SINGLESTEP      0x20
#define PTRACE_SINGLEBLOCK            33
#define PTRACE_O_TRACEEXIT            0x40
#define PTRACE_EVENT_STOP             0x80
#define PTRACE_O_TRACESECCOMP         0x80
#define PTRACE_SETOPTIONS             0x4200
#define PTRACE_GETEVENTMSG            0x4201
#define PTRACE_GETSIGINFO             0x4202
#define PTRACE_SETSIGINFO             0x4203
#define PTRACE_GETREGSET              0x4204
#define PTRACE_SETREGSET              0x4205
#define PTRACE_SEIZE                  0x4206
#define PTRACE_INTERRUPT              0x4207
#define PTRACE_LISTEN                 0x4208
#define PTRACE_PEEKSIGINFO            0x4209
#define PTRACE_GETSIGMASK             0x420a
#define PTRACE_SETSIGMASK             0x420b
#define PTRACE_SECCOMP_GET_FILTER     0x420c
#define PTRACE_SECCOMP_GET_METADATA   0x420d
#define PTRACE_GET_SYSCALL_INFO       0x420e
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#define PTRACE_O_EXITKILL             0x100000
#define PTRACE_O_SUSPEND_SECCOMP      0x200000
#define PTRACE_O_MASK                 0x3000ff
struct __ptrace_peeksiginfo_args { uint64_t off; uint32_t flags; int32_t nr; };
long ptrace(int, ...);

#ifdef __cplusplus
}
#endif

#endif
