/* <linux/rtnetlink.h>: routing by netlink */
#ifndef _LINUX_RTNETLINK_H
#define _LINUX_RTNETLINK_H

#include <features.h>
#include <linux/types.h>
#include <linux/netlink.h>
#include <linux/if_link.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>

struct rtattr { unsigned short rta_len, rta_type; };
struct rtmsg {
	unsigned char rtm_family, rtm_dst_len, rtm_src_len, rtm_tos, rtm_table, rtm_protocol, rtm_scope, rtm_type;
	unsigned rtm_flags;
};
struct rtnexthop {
	unsigned short rtnh_len;
	unsigned char rtnh_flags, rtnh_hops;
	int rtnh_ifindex;
};
struct rta_cacheinfo {
	__u32 rta_clntref, rta_lastuse;
	__s32 rta_expires;
	__u32 rta_error, rta_used, rta_id, rta_ts, rta_tsage;
};
struct rtgenmsg { unsigned char rtgen_family; };
struct ifinfomsg {
	unsigned char ifi_family, __ifi_pad;
	unsigned short ifi_type;
	int ifi_index;
	unsigned ifi_flags, ifi_change;
};
struct tcmsg {
	unsigned char tcm_family, tcm__pad1;
	unsigned short tcm__pad2;
	int tcm_ifindex;
	__u32 tcm_handle, tcm_parent, tcm_info;
};
#define RT_SCOPE_UNIVERSE          0
#define RT_TABLE_UNSPEC            0
#define RT_SCOPE_SITE              200
#define RT_TABLE_COMPAT            252
#define RT_SCOPE_LINK              253
#define RT_TABLE_DEFAULT           253
#define RT_SCOPE_HOST              254
#define RT_TABLE_MAIN              254
#define RT_SCOPE_NOWHERE           255
#define RT_TABLE_LOCAL             255
#define RT_TABLE_MAX               0xffffffffU
#define RTA_UNSPEC                 0
#define RTA_DST                    1
#define RTA_SRC                    2
#define RTA_IIF                    3
#define RTA_ALIGNTO                4
#define RTA_OIF                    4
#define RTA_GATEWAY                5
#define RTA_PRIORITY               6
#define RTA_PREFSRC                7
#define RTA_METRICS                8
#define RTA_MULTIPATH              9
#define RTA_PROTOINFO              10
#define RTA_FLOW                   11
#define RTA_CACHEINFO              12
#define RTA_SESSION                13
#define RTA_MP_ALGO                14
#define RTA_TABLE                  15
#define RTA_MARK                   0x10
#define RTA_MFC_STATS              17
#define RTA_VIA                    18
#define RTA_NEWDST                 19
#define RTA_PREF                   20
#define RTA_ENCAP_TYPE             21
#define RTA_ENCAP                  22
#define RTA_EXPIRES                23
#define RTA_PAD                    24
#define RTA_UID                    25
#define RTA_TTL_PROPAGATE          26
#define RTA_IP_PROTO               27
#define RTA_SPORT                  28
#define RTA_DPORT                  29
#define RTA_MAX                    30
#define RTA_NH_ID                  30
#define RTAX_UNSPEC                0
#define RTAX_FEATURE_ECN           1
#define RTAX_LOCK                  1
#define RTAX_FEATURE_SACK          2
#define RTAX_MTU                   2
#define RTAX_WINDOW                3
#define RTAX_FEATURE_TIMESTAMP     4
#define RTAX_RTT                   4
#define RTAX_RTTVAR                5
#define RTAX_SSTHRESH              6
#define RTAX_CWND                  7
#define RTAX_ADVMSS                8
#define RTAX_FEATURE_ALLFRAG       8
#define RTAX_REORDERING            9
#define RTAX_HOPLIMIT              10
#define RTAX_INITCWND              11
#define RTAX_FEATURES              12
#define RTAX_RTO_MIN               13
#define RTAX_INITRWND              14
#define RTAX_FEATURE_MASK          15
#define RTAX_QUICKACK              15
#define RTAX_CC_ALGO               0x10
#define RTAX_FASTOPEN_NO_COOKIE    17
#define RTAX_MAX                   17
#define RTM_BASE                   0x10
#define RTM_NEWLINK                0x10
#define RTM_DELLINK                17
#define RTM_GETLINK                18
#define RTM_SETLINK                19
#define RTM_NEWADDR                20
#define RTM_DELADDR                21
#define RTM_GETADDR                22
#define RTM_NEWROUTE               24
#define RTM_DELROUTE               25
#define RTM_GETROUTE               26
#define RTM_NR_FAMILIES            27
#define RTM_NEWNEIGH               28
#define RTM_DELNEIGH               29
#define RTM_GETNEIGH               30
#define RTM_NEWRULE                0x20
#define RTM_DELRULE                33
#define RTM_GETRULE                34
#define RTM_NEWQDISC               36
#define RTM_DELQDISC               37
#define RTM_GETQDISC               38
#define RTM_NEWTCLASS              40
#define RTM_DELTCLASS              41
#define RTM_GETTCLASS              42
#define RTM_NEWTFILTER             44
#define RTM_DELTFILTER             45
#define RTM_GETTFILTER             46
#define RTM_NEWACTION              48
#define RTM_DELACTION              49
#define RTM_GETACTION              50
#define RTM_NEWPREFIX              52
#define RTM_GETMULTICAST           58
#define RTM_GETANYCAST             62
#define RTM_NEWNEIGHTBL            0x40
#define RTM_GETNEIGHTBL            66
#define RTM_SETNEIGHTBL            67
#define RTM_NEWNDUSEROPT           68
#define RTM_NEWADDRLABEL           72
#define RTM_DELADDRLABEL           73
#define RTM_GETADDRLABEL           74
#define RTM_GETDCB                 78
#define RTM_SETDCB                 79
#define RTM_NEWNETCONF             80
#define RTM_DELNETCONF             81
#define RTM_GETNETCONF             82
#define RTM_NEWMDB                 84
#define RTM_DELMDB                 85
#define RTM_GETMDB                 86
#define RTM_NEWNSID                88
#define RTM_DELNSID                89
#define RTM_GETNSID                90
#define RTM_NEWSTATS               92
#define RTM_GETSTATS               94
#define RTM_SETSTATS               95
#define RTM_NEWCACHEREPORT         96
#define RTM_NEWCHAIN               100
#define RTM_DELCHAIN               101
#define RTM_GETCHAIN               102
#define RTM_NEWNEXTHOP             104
#define RTM_DELNEXTHOP             105
#define RTM_GETNEXTHOP             106
#define RTM_NEWLINKPROP            108
#define RTM_NR_MSGTYPES            108
#define RTM_DELLINKPROP            109
#define RTM_GETLINKPROP            110
#define RTM_NEWVLAN                112
#define RTM_DELVLAN                113
#define RTM_GETVLAN                114
#define RTM_NEWNEXTHOPBUCKET       116
#define RTM_DELNEXTHOPBUCKET       117
#define RTM_GETNEXTHOPBUCKET       118
#define RTM_NEWTUNNEL              120
#define RTM_DELTUNNEL              121
#define RTM_GETTUNNEL              122
#define RTM_MAX                    123
#define RTM_F_NOTIFY               0x100
#define RTM_F_CLONED               0x200
#define RTM_F_EQUALIZE             0x400
#define RTM_F_PREFIX               0x800
#define RTM_F_LOOKUP_TABLE         0x1000
#define RTM_F_FIB_MATCH            0x2000
#define RTM_F_OFFLOAD              0x4000
#define RTM_F_TRAP                 0x8000
#define RTM_F_OFFLOAD_FAILED       0x20000000
#define RTMGRP_LINK                1
#define RTMGRP_NOTIFY              2
#define RTMGRP_NEIGH               4
#define RTMGRP_TC                  8
#define RTMGRP_IPV4_IFADDR         0x10
#define RTMGRP_IPV4_MROUTE         0x20
#define RTMGRP_IPV4_ROUTE          0x40
#define RTMGRP_IPV4_RULE           0x80
#define RTMGRP_IPV6_IFADDR         0x100
#define RTMGRP_IPV6_MROUTE         0x200
#define RTMGRP_IPV6_ROUTE          0x400
#define RTMGRP_IPV6_IFINFO         0x800
#define RTMGRP_IPV6_PREFIX         0x20000
#define RTN_UNSPEC                 0
#define RTN_UNICAST                1
#define RTN_LOCAL                  2
#define RTN_BROADCAST              3
#define RTN_ANYCAST                4
#define RTN_MULTICAST              5
#define RTN_BLACKHOLE              6
#define RTN_UNREACHABLE            7
#define RTN_PROHIBIT               8
#define RTN_THROW                  9
#define RTN_NAT                    10
#define RTN_MAX                    11
#define RTN_XRESOLVE               11
#define RTNH_F_DEAD                1
#define RTNH_F_PERVASIVE           2
#define RTNH_F_ONLINK              4
#define RTNH_F_OFFLOAD             8
#define RTNH_F_LINKDOWN            0x10
#define RTNH_F_UNRESOLVED          0x20
#define RTNH_F_TRAP                0x40
#define RTNLGRP_NONE               0
#define RTNLGRP_LINK               1
#define RTNLGRP_NOTIFY             2
#define RTNLGRP_NEIGH              3
#define RTNLGRP_TC                 4
#define RTNLGRP_IPV4_IFADDR        5
#define RTNLGRP_IPV4_MROUTE        6
#define RTNLGRP_IPV4_ROUTE         7
#define RTNLGRP_IPV4_RULE          8
#define RTNLGRP_IPV6_IFADDR        9
#define RTNLGRP_IPV6_MROUTE        10
#define RTNLGRP_IPV6_ROUTE         11
#define RTNLGRP_IPV6_IFINFO        12
#define RTNLGRP_NOP2               14
#define RTNLGRP_NOP4               17
#define RTNLGRP_IPV6_PREFIX        18
#define RTNLGRP_IPV6_RULE          19
#define RTNLGRP_ND_USEROPT         20
#define RTNLGRP_PHONET_IFADDR      21
#define RTNLGRP_PHONET_ROUTE       22
#define RTNLGRP_DCB                23
#define RTNLGRP_IPV4_NETCONF       24
#define RTNLGRP_IPV6_NETCONF       25
#define RTNLGRP_MDB                26
#define RTNLGRP_MPLS_ROUTE         27
#define RTNLGRP_NSID               28
#define RTNLGRP_MPLS_NETCONF       29
#define RTNLGRP_IPV4_MROUTE_R      30
#define RTNLGRP_IPV6_MROUTE_R      31
#define RTNLGRP_NEXTHOP            0x20
#define RTNLGRP_BRVLAN             33
#define RTNLGRP_MCTP_IFADDR        34
#define RTNLGRP_TUNNEL             35
#define RTNLGRP_MAX                36
#define RTNLGRP_STATS              36
#define RTPROT_UNSPEC              0
#define RTPROT_REDIRECT            1
#define RTPROT_KERNEL              2
#define RTPROT_BOOT                3
#define RTPROT_STATIC              4
#define RTPROT_GATED               8
#define RTPROT_RA                  9
#define RTPROT_MRT                 10
#define RTPROT_ZEBRA               11
#define RTPROT_BIRD                12
#define RTPROT_DNROUTED            13
#define RTPROT_XORP                14
#define RTPROT_NTK                 15
#define RTPROT_DHCP                0x10
#define RTPROT_MROUTED             17
#define RTPROT_KEEPALIVED          18
#define RTPROT_BABEL               42
#define RTPROT_OPENR               99
#define RTPROT_BGP                 186
#define RTPROT_ISIS                187
#define RTPROT_OSPF                188
#define RTPROT_RIP                 189
#define RTPROT_EIGRP               192
#define TCA_ROOT_UNSPEC            0
#define TCA_UNSPEC                 0
#define TCA_ACT_FLAG_LARGE_DUMP_ON 1
#define TCA_ACT_TAB                1
#define TCA_DUMP_FLAGS_TERSE       1
#define TCA_FLAG_LARGE_DUMP_ON     1
#define TCA_KIND                   1
#define TCA_ROOT_TAB               1
#define TCA_ACT_FLAG_TERSE_DUMP    2
#define TCA_OPTIONS                2
#define TCA_ROOT_FLAGS             2
#define TCA_ROOT_COUNT             3
#define TCA_STATS                  3
#define TCA_ROOT_TIME_DELTA        4
#define TCA_XSTATS                 4
#define TCA_RATE                   5
#define TCA_ROOT_EXT_WARN_MSG      5
#define TCA_ROOT_MAX               5
#define TCA_FCNT                   6
#define TCA_STAB                   8
#define TCA_PAD                    9
#define TCA_DUMP_INVISIBLE         10
#define TCA_CHAIN                  11
#define TCA_HW_OFFLOAD             12
#define TCA_INGRESS_BLOCK          13
#define TCA_EGRESS_BLOCK           14
#define TCA_DUMP_FLAGS             15
#define TCA_EXT_WARN_MSG           0x10
#define TCA_MAX                    0x10
#define RTA_ALIGNTO 4U
#define RTA_ALIGN(length) (((length) + RTA_ALIGNTO - 1) & ~(RTA_ALIGNTO - 1))
#define RTA_OK(attribute, length) \
	((length) >= (int)sizeof(struct rtattr) && (attribute)->rta_len >= sizeof(struct rtattr) && (attribute)->rta_len <= (length))
#define RTA_NEXT(attribute, length) \
	((length) -= RTA_ALIGN((attribute)->rta_len), (struct rtattr *)((char *)(attribute) + RTA_ALIGN((attribute)->rta_len)))
#define RTA_LENGTH(length) (RTA_ALIGN(sizeof(struct rtattr)) + (length))
#define RTA_SPACE(length) RTA_ALIGN(RTA_LENGTH(length))
#define RTA_DATA(attribute) ((void *)((char *)(attribute) + RTA_LENGTH(0)))
#define RTA_PAYLOAD(attribute) ((int)((attribute)->rta_len) - RTA_LENGTH(0))
#define RTM_RTA(message) ((struct rtattr *)((char *)(message) + NLMSG_ALIGN(sizeof(struct rtmsg))))
#define RTM_PAYLOAD(header) NLMSG_PAYLOAD(header, sizeof(struct rtmsg))
#define RTNH_ALIGN(length) (((length) + 3) & ~3)
#define RTNH_OK(hop, length) ((hop)->rtnh_len >= sizeof(struct rtnexthop) && (int)(hop)->rtnh_len <= (length))
#define RTNH_NEXT(hop) ((struct rtnexthop *)((char *)(hop) + RTNH_ALIGN((hop)->rtnh_len)))
#define RTNH_DATA(hop) ((struct rtattr *)((char *)(hop) + RTNH_ALIGN(sizeof(struct rtnexthop))))
#define TCA_RTA(message) ((struct rtattr *)((char *)(message) + NLMSG_ALIGN(sizeof(struct tcmsg))))

#endif
