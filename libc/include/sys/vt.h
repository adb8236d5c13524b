/* <sys/vt.h>: virtual terminals */
#ifndef _SYS_VT_H
#define _SYS_VT_H

#include <features.h>
#include <linux/vt.h>

#endif
