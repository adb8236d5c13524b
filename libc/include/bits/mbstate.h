/* <bits/mbstate.h>: the state of a multibyte conversion */
#ifndef _BITS_MBSTATE_H
#define _BITS_MBSTATE_H

#include <features.h>

typedef struct __mbstate_t { unsigned __partial, __unused; } mbstate_t;

#endif
