/* <linux/rfkill.h>: radio switches */
#ifndef _LINUX_RFKILL_H
#define _LINUX_RFKILL_H

#include <features.h>
#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rfkill_event { __u32 idx; __u8 type, op, soft, hard; } __attribute__((__packed__));
enum { RFKILL_TYPE_ALL, RFKILL_TYPE_WLAN, RFKILL_TYPE_BLUETOOTH, RFKILL_TYPE_UWB, RFKILL_TYPE_WIMAX, RFKILL_TYPE_WWAN, RFKILL_TYPE_GPS, RFKILL_TYPE_FM, RFKILL_TYPE_NFC, NUM_RFKILL_TYPES };
enum { RFKILL_OP_ADD, RFKILL_OP_DEL, RFKILL_OP_CHANGE, RFKILL_OP_CHANGE_ALL };

#ifdef __cplusplus
}
#endif

#endif
