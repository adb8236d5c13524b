/* <utime.h>: file times */
#ifndef _UTIME_H
#define _UTIME_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef long time_t;
struct utimbuf { time_t actime, modtime; };
int utime(const char *, const struct utimbuf *);

#ifdef __cplusplus
}
#endif

#endif
