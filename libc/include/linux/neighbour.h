/* <linux/neighbour.h>: neighbours by netlink */
#ifndef _LINUX_NEIGHBOUR_H
#define _LINUX_NEIGHBOUR_H

#include <features.h>
#include <linux/types.h>
#include <linux/netlink.h>

struct ndmsg {
	__u8 ndm_family, ndm_pad1;
	__u16 ndm_pad2;
	__s32 ndm_ifindex;
	__u16 ndm_state;
	__u8 ndm_flags, ndm_type;
};
struct nda_cacheinfo { __u32 ndm_confirmed, ndm_used, ndm_updated, ndm_refcnt; };
#define NDA_UNSPEC      0
#define NDA_DST         1
#define NDA_LLADDR      2
#define NDA_CACHEINFO   3
#define NDA_PROBES      4
#define NDA_VLAN        5
#define NDA_PORT        6
#define NDA_VNI         7
#define NDA_IFINDEX     8
#define NDA_MASTER      9
#define NDA_MAX         17
#define NTF_EXT_MANAGED 1
#define NTF_USE         1
#define NTF_SELF        2
#define NTF_MASTER      4
#define NTF_PROXY       8
#define NTF_EXT_LEARNED 0x10
#define NTF_OFFLOADED   0x20
#define NTF_STICKY      0x40
#define NTF_ROUTER      0x80
#define NUD_NONE        0
#define NUD_INCOMPLETE  1
#define NUD_REACHABLE   2
#define NUD_STALE       4
#define NUD_DELAY       8
#define NUD_PROBE       0x10
#define NUD_FAILED      0x20
#define NUD_NOARP       0x40
#define NUD_PERMANENT   0x80
#define NDA_RTA(message) ((struct rtattr *)((char *)(message) + NLMSG_ALIGN(sizeof(struct ndmsg))))

#endif
