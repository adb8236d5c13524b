/* <sys/termios.h>: another name of <termios.h> */
#ifndef _SYS_TERMIOS_H
#define _SYS_TERMIOS_H

#include <features.h>
#include <termios.h>

#endif
