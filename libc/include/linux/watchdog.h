/* <linux/watchdog.h>: watchdog timers */
#ifndef _LINUX_WATCHDOG_H
#define _LINUX_WATCHDOG_H

#include <features.h>
#include <linux/types.h>
#include <sys/ioctl.h>

struct watchdog_info { __u32 options, firmware_version; __u8 identity[32]; };
#define WATCHDOG_IOCTL_BASE 'W'
#define WDIOC_GETSUPPORT _IOR('W', 0, struct watchdog_info)
#define WDIOC_GETSTATUS _IOR('W', 1, int)
#define WDIOC_GETBOOTSTATUS _IOR('W', 2, int)
#define WDIOC_GETTEMP _IOR('W', 3, int)
#define WDIOC_SETOPTIONS _IOR('W', 4, int)
#define WDIOC_KEEPALIVE _IOR('W', 5, int)
#define WDIOC_SETTIMEOUT _IOWR('W', 6, int)
#define WDIOC_GETTIMEOUT _IOR('W', 7, int)
#define WDIOF_OVERHEAT      1
#define WDIOF_FANFAULT      2
#define WDIOF_EXTERN1       4
#define WDIOF_EXTERN2       8
#define WDIOF_POWERUNDER    0x10
#define WDIOF_CARDRESET     0x20
#define WDIOF_POWEROVER     0x40
#define WDIOF_SETTIMEOUT    0x80
#define WDIOF_MAGICCLOSE    0x100
#define WDIOF_PRETIMEOUT    0x200
#define WDIOF_ALARMONLY     0x400
#define WDIOF_KEEPALIVEPING 0x8000
#define WDIOF_UNKNOWN       (-1)
#define WDIOS_DISABLECARD   1
#define WDIOS_ENABLECARD    2
#define WDIOS_TEMPPANIC     4
#define WDIOS_UNKNOWN       (-1)

#endif
