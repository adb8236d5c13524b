/* <stdnoreturn.h>: _Noreturn (C 7.23) */
#ifndef _STDNORETURN_H
#define _STDNORETURN_H

#include <features.h>

#ifndef __cplusplus
#define noreturn _Noreturn
#endif

#endif
