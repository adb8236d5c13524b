/* <sys/reboot.h>: stopping the machine (Linux) */
#ifndef _SYS_REBOOT_H
#define _SYS_REBOOT_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RB_DISABLE_CAD 0
#define RB_AUTOBOOT    0x1234567
#define RB_POWER_OFF   0x4321fedc
#define RB_KEXEC       0x45584543
#define RB_ENABLE_CAD  0x89abcdefU
#define RB_HALT_SYSTEM 0xcdef0123U
#define RB_SW_SUSPEND  0xd000fce2U
int reboot(int);

#ifdef __cplusplus
}
#endif

#endif
