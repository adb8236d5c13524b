/* <linux/limits.h>: limits */
#ifndef _LINUX_LIMITS_H
#define _LINUX_LIMITS_H

#include <features.h>
#include <limits.h>

#endif
