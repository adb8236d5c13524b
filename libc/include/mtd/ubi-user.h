/* <mtd/ubi-user.h>: volumes on flash memory */
#ifndef _MTD_UBI_USER_H
#define _MTD_UBI_USER_H

#include <features.h>
#include <linux/types.h>
#include <sys/ioctl.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UBI_MAX_VOLUME_NAME 127
#define UBI_DEV_NUM_AUTO (-1)
#define UBI_VOL_NUM_AUTO (-1)
#define UBI_MAX_RNVOL 32
enum { UBI_DYNAMIC_VOLUME = 3, UBI_STATIC_VOLUME = 4 };
struct ubi_attach_req { __s32 ubi_num, mtd_num, vid_hdr_offset; __s16 max_beb_per1024; __s8 padding[10]; };
struct ubi_mkvol_req {
	__s32 vol_id, alignment;
	__s64 bytes;
	__s8 vol_type;
	__u8 flags;
	__s16 name_len;
	__s8 padding2[4];
	char name[UBI_MAX_VOLUME_NAME + 1];
} __attribute__((__packed__));
struct ubi_rsvol_req { __s64 bytes; __s32 vol_id; } __attribute__((__packed__));
struct ubi_rnvol_req {
	__s32 count;
	__s8 padding1[12];
	struct {
		__s32 vol_id;
		__s16 name_len;
		__s8 padding2[2];
		char name[UBI_MAX_VOLUME_NAME + 1];
	} ents[UBI_MAX_RNVOL];
} __attribute__((__packed__));
#define UBI_IOCMKVOL _IOW('o', 0, struct ubi_mkvol_req)
#define UBI_IOCRMVOL _IOW('o', 1, __s32)
#define UBI_IOCRSVOL _IOW('o', 2, struct ubi_rsvol_req)
#define UBI_IOCRNVOL _IOW('o', 3, struct ubi_rnvol_req)
#define UBI_IOCATT _IOW('o', 64, struct ubi_attach_req)
#define UBI_IOCDET _IOW('o', 65, __s32)
#define UBI_IOCVOLUP _IOW('O', 0, __s64)

#ifdef __cplusplus
}
#endif

#endif
