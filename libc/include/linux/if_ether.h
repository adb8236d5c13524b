/* <linux/if_ether.h>: Ethernet protocol numbers */
#ifndef _LINUX_IF_ETHER_H
#define _LINUX_IF_ETHER_H

#include <features.h>
#include <netinet/if_ether.h>

#endif
