/* <libgen.h>: parts of a path (POSIX) */
#ifndef _LIBGEN_H
#define _LIBGEN_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

char *dirname(char *);
char *basename(char *);
#define basename basename

#ifdef __cplusplus
}
#endif

#endif
