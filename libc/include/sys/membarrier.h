/* <sys/membarrier.h>: memory barriers across threads (Linux) */
#ifndef _SYS_MEMBARRIER_H
#define _SYS_MEMBARRIER_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMBARRIER_CMD_QUERY                                0
#define MEMBARRIER_CMD_FLAG_CPU                             1
#define MEMBARRIER_CMD_GLOBAL                               1
#define MEMBARRIER_CMD_SHARED                               1
#define MEMBARRIER_CMD_GLOBAL_EXPEDITED                     2
#define MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED            4
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED                    8
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED           0x10
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE          0x20
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE 0x40
#define MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ               0x80
#define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ      0x100
int membarrier(int, int);

#ifdef __cplusplus
}
#endif

#endif
