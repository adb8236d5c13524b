/* <linux/if_arp.h>: hardware types */
#ifndef _LINUX_IF_ARP_H
#define _LINUX_IF_ARP_H

#include <features.h>
#include <net/if_arp.h>

#endif
