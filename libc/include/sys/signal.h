/* <sys/signal.h>: another name of <signal.h> */
#ifndef _SYS_SIGNAL_H
#define _SYS_SIGNAL_H

#include <features.h>
#include <signal.h>

#endif
