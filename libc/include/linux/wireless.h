/* <linux/wireless.h>: wireless interfaces */
#ifndef _LINUX_WIRELESS_H
#define _LINUX_WIRELESS_H

#include <features.h>
#include <linux/types.h>
#include <linux/if.h>

#define SIOCGIWNAME 0x8b01
#define SIOCGIWAP 0x8b15
#define SIOCGIWESSID 0x8b1b
#if __BSD_VISIBLE
struct iw_point { void *pointer; __u16 length, flags; };
struct iw_param { __s32 value; __u8 fixed, disabled; __u16 flags; };
union iwreq_data {
	char name[IFNAMSIZ];
	struct iw_point essid;
	struct iw_param bitrate;
	__u32 mode;
	struct sockaddr ap_addr;
	struct iw_point data;
};
struct iwreq {
	union { char ifrn_name[IFNAMSIZ]; } ifr_ifrn;
	union iwreq_data u;
};
#endif

#endif
