/* <bits/sigset.h>: a set of signals */
#ifndef _BITS_SIGSET_H
#define _BITS_SIGSET_H

#include <features.h>

typedef struct __sigset_t { unsigned long __bits[16]; } sigset_t;

#endif
