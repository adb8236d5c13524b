/* <linux/fd.h>: floppy disks */
#ifndef _LINUX_FD_H
#define _LINUX_FD_H

#include <features.h>
#include <sys/ioctl.h>

struct floppy_struct {
	unsigned size, sect, head, track, stretch;
	unsigned char gap, rate, spec1, fmt_gap;
	const char *name;
};
struct format_descr { unsigned device, head, track; };
#define FDGETPRM _IOR(2, 0x04, struct floppy_struct)
#define FDFMTBEG _IO(2, 0x47)
#define FDFMTTRK _IOW(2, 0x48, struct format_descr)
#define FDFMTEND _IO(2, 0x49)
#define FDFLUSH _IO(2, 0x4b)
#define FD_FILL_BYTE 0xf6

#endif
