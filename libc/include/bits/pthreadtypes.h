/* <bits/pthreadtypes.h>: storage of the thread objects */
#ifndef _BITS_PTHREADTYPES_H
#define _BITS_PTHREADTYPES_H

#include <features.h>

#ifdef __cplusplus
typedef unsigned long pthread_t;
#else
typedef struct __pthread *pthread_t;
#endif
typedef int pthread_once_t;
typedef unsigned int pthread_key_t;
typedef int pthread_spinlock_t;
typedef struct { unsigned __attr; } pthread_mutexattr_t;
typedef struct { unsigned __attr; } pthread_condattr_t;
typedef struct { unsigned __attr; } pthread_barrierattr_t;
typedef struct { unsigned __attr[2]; } pthread_rwlockattr_t;
typedef struct { union { int __words[14]; unsigned long __longs[7]; } __u; } pthread_attr_t;
typedef struct { union { int __words[10]; void *__pointers[5]; } __u; } pthread_mutex_t;
typedef struct { union { int __words[12]; void *__pointers[6]; } __u; } pthread_cond_t;
typedef struct { union { int __words[14]; void *__pointers[7]; } __u; } pthread_rwlock_t;
typedef struct { union { int __words[8]; void *__pointers[4]; } __u; } pthread_barrier_t;

#endif
