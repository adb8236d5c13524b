/* <linux/fib_rules.h>: routing rules by netlink */
#ifndef _LINUX_FIB_RULES_H
#define _LINUX_FIB_RULES_H

#include <features.h>
#include <linux/types.h>
#include <linux/rtnetlink.h>

struct fib_rule_hdr { __u8 family, dst_len, src_len, tos, table, res1, res2, action; __u32 flags; };
#define FR_ACT_UNSPEC      0
#define FR_ACT_TO_TBL      1
#define FR_ACT_GOTO        2
#define FR_ACT_NOP         3
#define FR_ACT_BLACKHOLE   6
#define FR_ACT_UNREACHABLE 7
#define FR_ACT_MAX         8
#define FR_ACT_PROHIBIT    8
#define FRA_UNSPEC         0
#define FRA_DST            1
#define FRA_SRC            2
#define FRA_IFNAME         3
#define FRA_IIFNAME        3
#define FRA_GOTO           4
#define FRA_PRIORITY       6
#define FRA_FWMARK         10
#define FRA_FLOW           11
#define FRA_TABLE          15
#define FRA_FWMASK         0x10
#define FRA_OIFNAME        17
#define FRA_MAX            24

#endif
