/* <stdbool.h>: boolean type (C 7.18) */
#ifndef _STDBOOL_H
#define _STDBOOL_H

#include <features.h>

#if !defined(__cplusplus) && __STDC_VERSION__ < 202311L
#define bool _Bool
#define true 1
#define false 0
#endif
#define __bool_true_false_are_defined 1

#endif
