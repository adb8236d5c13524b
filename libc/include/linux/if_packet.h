/* <linux/if_packet.h>: packet sockets */
#ifndef _LINUX_IF_PACKET_H
#define _LINUX_IF_PACKET_H

#include <features.h>
#include <linux/types.h>
#include <netpacket/packet.h>

struct tpacket_auxdata {
	__u32 tp_status, tp_len, tp_snaplen;
	__u16 tp_mac, tp_net, tp_vlan_tci, tp_vlan_tpid;
};
#define TP_STATUS_AVAILABLE       0
#define TP_STATUS_KERNEL          0
#define TP_STATUS_SEND_REQUEST    1
#define TP_STATUS_USER            1
#define TP_STATUS_COPY            2
#define TP_STATUS_SENDING         2
#define TP_STATUS_LOSING          4
#define TP_STATUS_WRONG_FORMAT    4
#define TP_STATUS_CSUMNOTREADY    8
#define TP_STATUS_VLAN_VALID      0x10
#define TP_STATUS_BLK_TMO         0x20
#define TP_STATUS_VLAN_TPID_VALID 0x40
#define TP_STATUS_CSUM_VALID      0x80
#define TP_STATUS_TS_SOFTWARE     0x20000000
#define TP_STATUS_TS_SYS_HARDWARE 0x40000000
#define TP_STATUS_TS_RAW_HARDWARE 0x80000000U

#endif
