/* <linux/if_tun.h>: tunnels */
#ifndef _LINUX_IF_TUN_H
#define _LINUX_IF_TUN_H

#include <features.h>
#include <linux/types.h>
#include <sys/ioctl.h>

#define TUNSETNOCSUM _IOW('T', 200, int)
#define TUNSETDEBUG _IOW('T', 201, int)
#define TUNSETIFF _IOW('T', 202, int)
#define TUNSETPERSIST _IOW('T', 203, int)
#define TUNSETOWNER _IOW('T', 204, int)
#define TUNSETLINK _IOW('T', 205, int)
#define TUNSETGROUP _IOW('T', 206, int)
#define TUNGETFEATURES _IOR('T', 207, unsigned int)
#define IFF_TUN         1
#define IFF_TAP         2
#define IFF_MULTI_QUEUE 0x100
#define IFF_NO_PI       0x1000
#define IFF_ONE_QUEUE   0x2000
#define IFF_VNET_HDR    0x4000
#define IFF_TUN_EXCL    0x8000
struct tun_pi { __u16 flags; __be16 proto; };

#endif
