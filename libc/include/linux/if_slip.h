/* <linux/if_slip.h>: serial line IP */
#ifndef _LINUX_IF_SLIP_H
#define _LINUX_IF_SLIP_H

#include <features.h>

#define SL_MODE_SLIP    0
#define SL_MODE_CSLIP   1
#define SL_OPT_SIXBIT   2
#define SL_MODE_KISS    4
#define SL_OPT_ADAPTIVE 8
#define SIOCSKEEPALIVE 0x89f0
#define SIOCGKEEPALIVE 0x89f1
#define SIOCSOUTFILL 0x89f2
#define SIOCGOUTFILL 0x89f3
#define SIOCSLEASE 0x89f4
#define SIOCGLEASE 0x89f5

#endif
