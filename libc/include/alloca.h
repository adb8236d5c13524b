/* <alloca.h>: memory on the caller's stack */
#ifndef _ALLOCA_H
#define _ALLOCA_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long size_t;
void *alloca(size_t);
#define alloca(size) __builtin_alloca(size)

#ifdef __cplusplus
}
#endif

#endif
