/* <linux/ethtool.h>: Ethernet controllers */
#ifndef _LINUX_ETHTOOL_H
#define _LINUX_ETHTOOL_H

#include <features.h>
#include <linux/types.h>
#include <netinet/if_ether.h>

#define DUPLEX_HALF      0
#define DUPLEX_FULL      1
#define DUPLEX_UNKNOWN   255
#define ETHTOOL_GSET     1
#define ETHTOOL_SSET     2
#define ETHTOOL_GDRVINFO 3
#define ETHTOOL_GWOL     5
#define ETHTOOL_SWOL     6
#define ETHTOOL_GMSGLVL  7
#define ETHTOOL_SMSGLVL  8
#define ETHTOOL_GLINK    10
#define SPEED_10         10
#define SPEED_100        100
#define SPEED_1000       0x3e8
#define SPEED_2500       0x9c4
#define SPEED_5000       0x1388
#define SPEED_10000      0x2710
#define SPEED_14000      0x36b0
#define SPEED_20000      0x4e20
#define SPEED_25000      0x61a8
#define SPEED_40000      0x9c40
#define SPEED_50000      0xc350
#define SPEED_56000      0xdac0
#define SPEED_100000     0x186a0
#define SPEED_200000     0x30d40
#define SPEED_400000     0x61a80
struct ethtool_value { __u32 cmd, data; };
struct ethtool_drvinfo {
	__u32 cmd;
	char driver[32], version[32], fw_version[32], bus_info[32], erom_version[32], reserved2[12];
	__u32 n_priv_flags, n_stats, testinfo_len, eedump_len, regdump_len;
};
struct ethtool_cmd {
	__u32 cmd, supported, advertising;
	__u16 speed;
	__u8 duplex, port, phy_address, transceiver, autoneg, mdio_support;
	__u32 maxtxpkt, maxrxpkt;
	__u16 speed_hi;
	__u8 eth_tp_mdix, eth_tp_mdix_ctrl;
	__u32 lp_advertising, reserved[2];
};

#endif
