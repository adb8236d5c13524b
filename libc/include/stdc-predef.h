/* <stdc-predef.h>: what the compiler must know of the library */
#ifndef _STDC_PREDEF_H
#define _STDC_PREDEF_H
#define __STDC_ISO_10646__ 201206L
#define __STDC_UTF_16__ 1
#define __STDC_UTF_32__ 1
#endif
