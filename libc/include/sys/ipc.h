/* <sys/ipc.h>: System V identifiers (POSIX) */
#ifndef _SYS_IPC_H
#define _SYS_IPC_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned int uid_t;
typedef unsigned int gid_t;
typedef unsigned int mode_t;
typedef int key_t;
#if __GNU_VISIBLE
#define __key key
#define __seq seq
#endif
struct ipc_perm {
	key_t __key;
	uid_t uid;
	gid_t gid;
	uid_t cuid;
	gid_t cgid;
	mode_t mode;
	int __seq;
	long __reserved1, __reserved2;
};
#define __ipc_perm_key __key
#define __ipc_perm_seq __seq
#define IPC_PRIVATE 0
#define IPC_RMID    0
#define IPC_SET     1
#define IPC_STAT    2
#define IPC_INFO    3
#define IPC_CREAT   0x200
#define IPC_EXCL    0x400
#define IPC_NOWAIT  0x800
key_t ftok(const char *, int);

#ifdef __cplusplus
}
#endif

#endif
