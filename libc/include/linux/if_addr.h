/* <linux/if_addr.h>: addresses by netlink */
#ifndef _LINUX_IF_ADDR_H
#define _LINUX_IF_ADDR_H

#include <features.h>
#include <linux/types.h>
#include <linux/netlink.h>

struct ifaddrmsg {
	__u8 ifa_family, ifa_prefixlen, ifa_flags, ifa_scope;
	__u32 ifa_index;
};
struct ifa_cacheinfo { __u32 ifa_prefered, ifa_valid, cstamp, tstamp; };
#define IFA_UNSPEC           0
#define IFA_ADDRESS          1
#define IFA_F_SECONDARY      1
#define IFA_F_TEMPORARY      1
#define IFA_F_NODAD          2
#define IFA_LOCAL            2
#define IFA_LABEL            3
#define IFA_BROADCAST        4
#define IFA_F_OPTIMISTIC     4
#define IFA_ANYCAST          5
#define IFA_CACHEINFO        6
#define IFA_MULTICAST        7
#define IFA_FLAGS            8
#define IFA_F_DADFAILED      8
#define IFA_RT_PRIORITY      9
#define IFA_TARGET_NETNSID   10
#define IFA_MAX              11
#define IFA_PROTO            11
#define IFA_F_HOMEADDRESS    0x10
#define IFA_F_DEPRECATED     0x20
#define IFA_F_TENTATIVE      0x40
#define IFA_F_PERMANENT      0x80
#define IFA_F_MANAGETEMPADDR 0x100
#define IFA_F_NOPREFIXROUTE  0x200
#define IFA_F_MCAUTOJOIN     0x400
#define IFA_F_STABLE_PRIVACY 0x800
#define IFA_RTA(message) ((struct rtattr *)((char *)(message) + NLMSG_ALIGN(sizeof(struct ifaddrmsg))))
#define IFA_PAYLOAD(header) NLMSG_PAYLOAD(header, sizeof(struct ifaddrmsg))

#endif
