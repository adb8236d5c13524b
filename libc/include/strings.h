/* <strings.h>: string operations (POSIX) */
#ifndef _STRINGS_H
#define _STRINGS_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long size_t;
typedef struct __locale_struct *locale_t;
int strcasecmp(const char *, const char *);
int strncasecmp(const char *, const char *, size_t);
int strcasecmp_l(const char *, const char *, locale_t);
int strncasecmp_l(const char *, const char *, size_t, locale_t);
int ffs(int);
#if __BSD_VISIBLE || __XSI_VISIBLE
int ffsl(long);
int ffsll(long long);
int bcmp(const void *, const void *, size_t);
void bcopy(const void *, void *, size_t);
void bzero(void *, size_t);
char *index(const char *, int);
char *rindex(const char *, int);
#endif

#ifdef __cplusplus
}
#endif

#endif
