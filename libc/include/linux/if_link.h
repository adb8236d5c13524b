/* <linux/if_link.h>: links by netlink */
#ifndef _LINUX_IF_LINK_H
#define _LINUX_IF_LINK_H

#include <features.h>
#include <linux/types.h>
#include <linux/netlink.h>

struct rtnl_link_stats {
	__u32 rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped, multicast, collisions;
	__u32 rx_length_errors, rx_over_errors, rx_crc_errors, rx_frame_errors, rx_fifo_errors, rx_missed_errors;
	__u32 tx_aborted_errors, tx_carrier_errors, tx_fifo_errors, tx_heartbeat_errors, tx_window_errors;
	__u32 rx_compressed, tx_compressed, rx_nohandler;
};
struct ifla_vlan_flags { __u32 flags, mask; };
#define IFLA_INFO_UNSPEC      0
#define IFLA_UNSPEC           0
#define IFLA_VLAN_QOS_UNSPEC  0
#define IFLA_VLAN_UNSPEC      0
#define IFLA_ADDRESS          1
#define IFLA_INFO_KIND        1
#define IFLA_VLAN_ID          1
#define IFLA_VLAN_QOS_MAPPING 1
#define IFLA_VLAN_QOS_MAX     1
#define IFLA_BROADCAST        2
#define IFLA_INFO_DATA        2
#define IFLA_VLAN_FLAGS       2
#define IFLA_IFNAME           3
#define IFLA_INFO_XSTATS      3
#define IFLA_VLAN_EGRESS_QOS  3
#define IFLA_INFO_SLAVE_KIND  4
#define IFLA_MTU              4
#define IFLA_VLAN_INGRESS_QOS 4
#define IFLA_INFO_MAX         5
#define IFLA_INFO_SLAVE_DATA  5
#define IFLA_LINK             5
#define IFLA_VLAN_MAX         5
#define IFLA_VLAN_PROTOCOL    5
#define IFLA_QDISC            6
#define IFLA_STATS            7
#define IFLA_COST             8
#define IFLA_PRIORITY         9
#define IFLA_MASTER           10
#define IFLA_WIRELESS         11
#define IFLA_PROTINFO         12
#define IFLA_TXQLEN           13
#define IFLA_MAP              14
#define IFLA_WEIGHT           15
#define IFLA_OPERSTATE        0x10
#define IFLA_LINKMODE         17
#define IFLA_LINKINFO         18
#define IFLA_NET_NS_PID       19
#define IFLA_IFALIAS          20
#define IFLA_NUM_VF           21
#define IFLA_STATS64          23
#define IFLA_GROUP            27
#define IFLA_NET_NS_FD        28
#define IFLA_EXT_MASK         29
#define IFLA_PROMISCUITY      30
#define IFLA_NUM_TX_QUEUES    31
#define IFLA_NUM_RX_QUEUES    0x20
#define IFLA_CARRIER          33
#define IFLA_MAX              61
#define IFLA_RTA(message) ((struct rtattr *)((char *)(message) + NLMSG_ALIGN(sizeof(struct ifinfomsg))))
#define IFLA_PAYLOAD(header) NLMSG_PAYLOAD(header, sizeof(struct ifinfomsg))

#endif
