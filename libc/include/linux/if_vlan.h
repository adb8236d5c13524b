/* <linux/if_vlan.h>: virtual LANs */
#ifndef _LINUX_IF_VLAN_H
#define _LINUX_IF_VLAN_H

#include <features.h>

#define ADD_VLAN_CMD                       0
#define DEL_VLAN_CMD                       1
#define GET_VLAN_INGRESS_PRIORITY_CMD      4
#define GET_VLAN_EGRESS_PRIORITY_CMD       5
#define GET_VLAN_REALDEV_NAME_CMD          8
#define GET_VLAN_VID_CMD                   9
#define SET_VLAN_INGRESS_PRIORITY_CMD      2
#define SET_VLAN_EGRESS_PRIORITY_CMD       3
#define SET_VLAN_NAME_TYPE_CMD             6
#define SET_VLAN_FLAG_CMD                  7
#define VLAN_NAME_TYPE_PLUS_VID            0
#define VLAN_FLAG_REORDER_HDR              1
#define VLAN_NAME_TYPE_RAW_PLUS_VID        1
#define VLAN_FLAG_GVRP                     2
#define VLAN_NAME_TYPE_PLUS_VID_NO_PAD     2
#define VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD 3
#define VLAN_FLAG_LOOSE_BINDING            4
#define VLAN_NAME_TYPE_HIGHEST             4
#define VLAN_FLAG_MVRP                     8
#define VLAN_FLAG_BRIDGE_BINDING           0x10
struct vlan_ioctl_args {
	int cmd;
	char device1[24];
	union {
		char device2[24];
		int VID;
		unsigned skb_priority, name_type, bind_type, flag;
	} u;
	short vlan_qos;
};

#endif
