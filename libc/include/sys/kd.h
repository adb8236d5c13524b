/* <sys/kd.h>: the console keyboard */
#ifndef _SYS_KD_H
#define _SYS_KD_H

#include <features.h>
#include <linux/kd.h>

#endif
