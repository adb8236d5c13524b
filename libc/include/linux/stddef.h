/* <linux/stddef.h>: nothing of its own */
#ifndef _LINUX_STDDEF_H
#define _LINUX_STDDEF_H

#include <features.h>
#include <stddef.h>

#endif
