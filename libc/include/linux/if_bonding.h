/* <linux/if_bonding.h>: bonded interfaces */
#ifndef _LINUX_IF_BONDING_H
#define _LINUX_IF_BONDING_H

#include <features.h>
#include <linux/types.h>
#include <linux/if.h>

#define BOND_ABI_VERSION 2
/* Requests of old programs, in the range for devices' own. */
#define BOND_ENSLAVE_OLD 0x89f0
#define BOND_RELEASE_OLD 0x89f1
#define BOND_SETHWADDR_OLD 0x89f2
#define BOND_SLAVE_INFO_QUERY_OLD 0x89fb
#define BOND_INFO_QUERY_OLD 0x89fc
#define BOND_CHANGE_ACTIVE_OLD 0x89fd
#define BOND_LINK_UP           0
#define BOND_MODE_ROUNDROBIN   0
#define BOND_STATE_ACTIVE      0
#define BOND_LINK_FAIL         1
#define BOND_MODE_ACTIVEBACKUP 1
#define BOND_STATE_BACKUP      1
#define BOND_LINK_DOWN         2
#define BOND_MODE_XOR          2
#define BOND_LINK_BACK         3
#define BOND_MODE_BROADCAST    3
#define BOND_MODE_8023AD       4
#define BOND_MODE_TLB          5
#define BOND_MODE_ALB          6
typedef struct ifbond { __s32 bond_mode, num_slaves, miimon; } ifbond;
typedef struct ifslave {
	__s32 slave_id;
	char slave_name[16];
	__s8 link, state;
	__u32 link_failure_count;
} ifslave;

#endif
