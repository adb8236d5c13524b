/* <malloc.h>: the allocator's other functions */
#ifndef _MALLOC_H
#define _MALLOC_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long size_t;
void *malloc(size_t);
void *calloc(size_t, size_t);
void *realloc(void *, size_t);
void free(void *);
void *valloc(size_t);
void *memalign(size_t, size_t);
size_t malloc_usable_size(void *);
int malloc_trim(size_t);

#ifdef __cplusplus
}
#endif

#endif
