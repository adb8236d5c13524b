/* <netinet/igmp.h>: IGMP */
#ifndef _NETINET_IGMP_H
#define _NETINET_IGMP_H

#include <features.h>
#include <stdint.h>
#include <netinet/in.h>

struct igmp {
	uint8_t igmp_type, igmp_code;
	uint16_t igmp_cksum;
	struct in_addr igmp_group;
};
#define IGMP_DELAYING_MEMBER            1
#define IGMP_v1_ROUTER                  1
#define IGMP_IDLE_MEMBER                2
#define IGMP_v2_ROUTER                  2
#define IGMP_LAZY_MEMBER                3
#define IGMP_SLEEPING_MEMBER            4
#define IGMP_AWAKENING_MEMBER           5
#define IGMP_MINLEN                     8
#define IGMP_MAX_HOST_REPORT_DELAY      10
#define IGMP_TIMER_SCALE                10
#define IGMP_HOST_MEMBERSHIP_QUERY      17
#define IGMP_MEMBERSHIP_QUERY           17
#define IGMP_HOST_MEMBERSHIP_REPORT     18
#define IGMP_V1_MEMBERSHIP_REPORT       18
#define IGMP_DVMRP                      19
#define IGMP_PIM                        20
#define IGMP_TRACE                      21
#define IGMP_HOST_NEW_MEMBERSHIP_REPORT 22
#define IGMP_V2_MEMBERSHIP_REPORT       22
#define IGMP_HOST_LEAVE_MESSAGE         23
#define IGMP_V2_LEAVE_GROUP             23
#define IGMP_MTRACE_RESP                30
#define IGMP_MTRACE                     31

#endif
