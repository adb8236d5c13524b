/* <sys/cachectl.h>: cache control, which this architecture does not need */
#ifndef _SYS_CACHECTL_H
#define _SYS_CACHECTL_H

#include <features.h>

#define ICACHE 1
#define DCACHE 2
#define BCACHE 3

#endif
