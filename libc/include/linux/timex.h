/* <linux/timex.h>: tuning the clock */
#ifndef _LINUX_TIMEX_H
#define _LINUX_TIMEX_H

#include <features.h>
#include <sys/timex.h>

#endif
