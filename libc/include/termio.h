/* <termio.h>: the old terminal interface */
#ifndef _TERMIO_H
#define _TERMIO_H

#include <features.h>
#include <termios.h>
#include <sys/ioctl.h>

#define NCC 8
struct termio {
	unsigned short c_iflag, c_oflag, c_cflag, c_lflag;
	unsigned char c_line, c_cc[NCC];
};

#endif
