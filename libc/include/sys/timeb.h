/* <sys/timeb.h>: the old clock */
#ifndef _SYS_TIMEB_H
#define _SYS_TIMEB_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef long time_t;
struct timeb {
	time_t time;
	unsigned short millitm;
	short timezone, dstflag;
};
int ftime(struct timeb *);

#ifdef __cplusplus
}
#endif

#endif
