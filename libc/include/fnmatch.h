/* <fnmatch.h>: file name patterns (POSIX) */
#ifndef _FNMATCH_H
#define _FNMATCH_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FNM_FILE_NAME   1
#define FNM_NOMATCH     1
#define FNM_PATHNAME    1
#define FNM_NOESCAPE    2
#define FNM_PERIOD      4
#define FNM_LEADING_DIR 8
#define FNM_CASEFOLD    0x10
#define FNM_NOSYS       (-1)
int fnmatch(const char *, const char *, int);

#ifdef __cplusplus
}
#endif

#endif
