/* <net/if_arp.h>: hardware types and ARP */
#ifndef _NET_IF_ARP_H
#define _NET_IF_ARP_H

#include <features.h>
#include <inttypes.h>
#include <sys/types.h>
#include <sys/socket.h>

#define ARPD_UPDATE               1
#define ARPD_LOOKUP               2
#define ARPD_FLUSH                3
#define ARPHRD_NETROM             0
#define ARPHRD_ETHER              1
#define ARPHRD_EETHER             2
#define ARPHRD_AX25               3
#define ARPHRD_PRONET             4
#define ARPHRD_CHAOS              5
#define ARPHRD_IEEE802            6
#define ARPHRD_ARCNET             7
#define ARPHRD_APPLETLK           8
#define ARPHRD_DLCI               15
#define ARPHRD_ATM                19
#define ARPHRD_METRICOM           23
#define ARPHRD_IEEE1394           24
#define ARPHRD_EUI64              27
#define ARPHRD_INFINIBAND         0x20
#define ARPHRD_SLIP               0x100
#define ARPHRD_CSLIP              0x101
#define ARPHRD_SLIP6              0x102
#define ARPHRD_CSLIP6             0x103
#define ARPHRD_RSRVD              0x104
#define ARPHRD_ADAPT              0x108
#define ARPHRD_ROSE               0x10e
#define ARPHRD_X25                0x10f
#define ARPHRD_HWX25              0x110
#define ARPHRD_CAN                0x118
#define ARPHRD_PPP                0x200
#define ARPHRD_CISCO              0x201
#define ARPHRD_HDLC               0x201
#define ARPHRD_LAPB               0x204
#define ARPHRD_DDCMP              0x205
#define ARPHRD_RAWHDLC            0x206
#define ARPHRD_RAWIP              0x207
#define ARPHRD_TUNNEL             0x300
#define ARPHRD_TUNNEL6            0x301
#define ARPHRD_FRAD               0x302
#define ARPHRD_SKIP               0x303
#define ARPHRD_LOOPBACK           0x304
#define ARPHRD_LOCALTLK           0x305
#define ARPHRD_FDDI               0x306
#define ARPHRD_BIF                0x307
#define ARPHRD_SIT                0x308
#define ARPHRD_IPDDP              0x309
#define ARPHRD_IPGRE              0x30a
#define ARPHRD_PIMREG             0x30b
#define ARPHRD_HIPPI              0x30c
#define ARPHRD_ASH                0x30d
#define ARPHRD_ECONET             0x30e
#define ARPHRD_IRDA               0x30f
#define ARPHRD_FCPP               0x310
#define ARPHRD_FCAL               0x311
#define ARPHRD_FCPL               0x312
#define ARPHRD_FCFABRIC           0x313
#define ARPHRD_IEEE802_TR         0x320
#define ARPHRD_IEEE80211          0x321
#define ARPHRD_IEEE80211_PRISM    0x322
#define ARPHRD_IEEE80211_RADIOTAP 0x323
#define ARPHRD_IEEE802154         0x324
#define ARPHRD_IEEE802154_MONITOR 0x325
#define ARPHRD_PHONET             0x334
#define ARPHRD_PHONET_PIPE        0x335
#define ARPHRD_CAIF               0x336
#define ARPHRD_IP6GRE             0x337
#define ARPHRD_NETLINK            0x338
#define ARPHRD_6LOWPAN            0x339
#define ARPHRD_VSOCKMON           0x33a
#define ARPHRD_NONE               0xfffe
#define ARPHRD_VOID               0xffff
#define ARPOP_REQUEST             1
#define ARPOP_REPLY               2
#define ARPOP_RREQUEST            3
#define ARPOP_RREPLY              4
#define ARPOP_InREQUEST           8
#define ARPOP_InREPLY             9
#define ARPOP_NAK                 10
#define ATF_COM                   2
#define ATF_PERM                  4
#define ATF_PUBL                  8
#define ATF_USETRAILERS           0x10
#define ATF_NETMASK               0x20
#define ATF_DONTPUB               0x40
#define ATF_MAGIC                 0x80
#define MAX_ADDR_LEN              7
struct arphdr {
	uint16_t ar_hrd, ar_pro;
	uint8_t ar_hln, ar_pln;
	uint16_t ar_op;
};
struct arpreq {
	struct sockaddr arp_pa, arp_ha;
	int arp_flags;
	struct sockaddr arp_netmask;
	char arp_dev[16];
};
struct arpreq_old {
	struct sockaddr arp_pa, arp_ha;
	int arp_flags;
	struct sockaddr arp_netmask;
};
struct arpd_request {
	unsigned short req;
	uint32_t ip;
	unsigned long dev, stamp, updated;
	unsigned char ha[MAX_ADDR_LEN];
};

#endif
