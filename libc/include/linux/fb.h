/* <linux/fb.h>: frame buffers */
#ifndef _LINUX_FB_H
#define _LINUX_FB_H

#include <features.h>
#include <linux/types.h>

#define FBIOGET_VSCREENINFO 0x4600
#define FBIOPUT_VSCREENINFO 0x4601
#define FBIOGET_FSCREENINFO 0x4602
#define FBIOGETCMAP 0x4604
#define FBIOPUTCMAP 0x4605
#define FBIOPAN_DISPLAY 0x4606
struct fb_cmap { __u32 start, len; __u16 *red, *green, *blue, *transp; };
#define FB_ACTIVATE_NOW              0
#define FB_TYPE_PACKED_PIXELS        0
#define FB_VISUAL_MONO01             0
#define FB_VMODE_NONINTERLACED       0
#define FB_ACTIVATE_NXTOPEN          1
#define FB_SYNC_HOR_HIGH_ACT         1
#define FB_TYPE_PLANES               1
#define FB_VISUAL_MONO10             1
#define FB_VMODE_INTERLACED          1
#define FB_ACTIVATE_TEST             2
#define FB_SYNC_VERT_HIGH_ACT        2
#define FB_TYPE_INTERLEAVED_PLANES   2
#define FB_VISUAL_TRUECOLOR          2
#define FB_VMODE_DOUBLE              2
#define FB_TYPE_TEXT                 3
#define FB_VISUAL_PSEUDOCOLOR        3
#define FB_SYNC_EXT                  4
#define FB_TYPE_VGA_PLANES           4
#define FB_VISUAL_DIRECTCOLOR        4
#define FB_VMODE_ODD_FLD_FIRST       4
#define FB_TYPE_FOURCC               5
#define FB_VISUAL_STATIC_PSEUDOCOLOR 5
#define FB_VISUAL_FOURCC             6
#define FB_SYNC_COMP_HIGH_ACT        8
#define FB_ACTIVATE_MASK             15
#define FB_ACTIVATE_VBL              0x10
#define FB_SYNC_BROADCAST            0x10
#define FB_SYNC_ON_GREEN             0x20
#define FB_ACTIVATE_ALL              0x40
#define FB_ACTIVATE_FORCE            0x80
#define FB_VMODE_MASK                255
#define FB_ACTIVATE_INV_MODE         0x100
#define FB_VMODE_YWRAP               0x100
#define FB_ACTIVATE_KD_TEXT          0x200
#define FB_VMODE_CONUPDATE           0x200
#define FB_VMODE_SMOOTH_XPAN         0x200
struct fb_bitfield { __u32 offset, length, msb_right; };
struct fb_fix_screeninfo {
	char id[16];
	unsigned long smem_start;
	__u32 smem_len, type, type_aux, visual;
	__u16 xpanstep, ypanstep, ywrapstep;
	__u32 line_length;
	unsigned long mmio_start;
	__u32 mmio_len, accel;
	__u16 capabilities, reserved[2];
};
struct fb_var_screeninfo {
	__u32 xres, yres, xres_virtual, yres_virtual, xoffset, yoffset, bits_per_pixel, grayscale;
	struct fb_bitfield red, green, blue, transp;
	__u32 nonstd, activate, height, width, accel_flags, pixclock;
	__u32 left_margin, right_margin, upper_margin, lower_margin, hsync_len, vsync_len, sync, vmode, rotate, colorspace, reserved[4];
};

#endif
