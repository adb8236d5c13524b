/* <linux/if.h>: network interfaces */
#ifndef _LINUX_IF_H
#define _LINUX_IF_H

#include <features.h>
#include <linux/types.h>
#include <net/if.h>

#define IFF_LOWER_UP 0x10000
#define IFF_DORMANT  0x20000
#define IFF_ECHO     0x40000

#endif
