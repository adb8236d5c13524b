/* <termios.h>: terminals (POSIX) */
#ifndef _TERMIOS_H
#define _TERMIOS_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int pid_t;
typedef unsigned char cc_t;
typedef unsigned int speed_t;
typedef unsigned int tcflag_t;
#define NCCS 32
struct termios {
	tcflag_t c_iflag, c_oflag, c_cflag, c_lflag;
	cc_t c_line;
	cc_t c_cc[NCCS];
	speed_t __c_ispeed, __c_ospeed;
};
#define VDISCARD 13
#define VEOF     4
#define VEOL     11
#define VEOL2    0x10
#define VERASE   2
#define VINTR    0
#define VKILL    3
#define VLNEXT   15
#define VMIN     6
#define VQUIT    1
#define VREPRINT 12
#define VSTART   8
#define VSTOP    9
#define VSUSP    10
#define VSWTC    7
#define VTIME    5
#define VWERASE  14
#define BRKINT  2
#define ICRNL   0x100
#define IGNBRK  1
#define IGNCR   0x80
#define IGNPAR  4
#define IMAXBEL 0x2000
#define INLCR   0x40
#define INPCK   0x10
#define ISTRIP  0x20
#define IUCLC   0x200
#define IUTF8   0x4000
#define IXANY   0x800
#define IXOFF   0x1000
#define IXON    0x400
#define PARMRK  8
#define BS0    0
#define BS1    0x2000
#define BSDLY  0x2000
#define CR0    0
#define CR1    0x200
#define CR2    0x400
#define CR3    0x600
#define CRDLY  0x600
#define FF0    0
#define FF1    0x8000
#define FFDLY  0x8000
#define NL0    0
#define NL1    0x100
#define NLDLY  0x100
#define OCRNL  8
#define OFDEL  0x80
#define OFILL  0x40
#define OLCUC  2
#define ONLCR  4
#define ONLRET 0x20
#define ONOCR  0x10
#define OPOST  1
#define TAB0   0
#define TAB1   0x800
#define TAB2   0x1000
#define TAB3   0x1800
#define TABDLY 0x1800
#define VT0    0
#define VT1    0x4000
#define VTDLY  0x4000
#define XTABS  0x1800
#define B0       0
#define B1000000 0x1008
#define B110     3
#define B115200  0x1002
#define B1152000 0x1009
#define B1200    9
#define B134     4
#define B150     5
#define B1500000 0x100a
#define B1800    10
#define B19200   14
#define B200     6
#define B2000000 0x100b
#define B230400  0x1003
#define B2400    11
#define B2500000 0x100c
#define B300     7
#define B3000000 0x100d
#define B3500000 0x100e
#define B38400   15
#define B4000000 0x100f
#define B460800  0x1004
#define B4800    12
#define B50      1
#define B500000  0x1005
#define B57600   0x1001
#define B576000  0x1006
#define B600     8
#define B75      2
#define B921600  0x1007
#define B9600    13
#define CBAUD    0x100f
#define CBAUDEX  0x1000
#define EXTA     14
#define EXTB     15
#define CIBAUD  0x100f0000
#define CLOCAL  0x800
#define CMSPAR  0x40000000
#define CREAD   0x80
#define CRTSCTS 0x80000000U
#define CS5     0
#define CS6     0x10
#define CS7     0x20
#define CS8     48
#define CSIZE   48
#define CSTOPB  0x40
#define HUPCL   0x400
#define PARENB  0x100
#define PARODD  0x200
#define ECHO    8
#define ECHOCTL 0x200
#define ECHOE   0x10
#define ECHOK   0x20
#define ECHOKE  0x800
#define ECHONL  0x40
#define ECHOPRT 0x400
#define EXTPROC 0x10000
#define FLUSHO  0x1000
#define ICANON  2
#define IEXTEN  0x8000
#define ISIG    1
#define NOFLSH  0x80
#define PENDIN  0x4000
#define TOSTOP  0x100
#define XCASE   4
#define TCIFLUSH  0
#define TCIOFF    2
#define TCIOFLUSH 2
#define TCION     3
#define TCOFLUSH  1
#define TCOOFF    0
#define TCOON     1
#define TCSADRAIN 1
#define TCSAFLUSH 2
#define TCSANOW   0
speed_t cfgetospeed(const struct termios *);
speed_t cfgetispeed(const struct termios *);
int cfsetospeed(struct termios *, speed_t);
int cfsetispeed(struct termios *, speed_t);
int tcgetattr(int, struct termios *);
int tcsetattr(int, int, const struct termios *);
int tcsendbreak(int, int);
int tcdrain(int);
int tcflush(int, int);
int tcflow(int, int);
pid_t tcgetsid(int);
#include <bits/winsize.h>
int tcgetwinsize(int, struct winsize *);
int tcsetwinsize(int, const struct winsize *);
#if __BSD_VISIBLE
void cfmakeraw(struct termios *);
int cfsetspeed(struct termios *, speed_t);
#endif

#ifdef __cplusplus
}
#endif

#endif
