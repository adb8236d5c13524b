/* <bits/winsize.h>: a terminal's size */
#ifndef _BITS_WINSIZE_H
#define _BITS_WINSIZE_H

#include <features.h>

struct winsize {
	unsigned short ws_row, ws_col;
	unsigned short ws_xpixel, ws_ypixel;
};

#endif
