/* <stdio_ext.h>: looking into a stream's buffer */
#ifndef _STDIO_EXT_H
#define _STDIO_EXT_H

#include <features.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FSETLOCKING_QUERY 0
#define FSETLOCKING_INTERNAL 1
#define FSETLOCKING_BYCALLER 2
void _flushlbf(void);
int __fsetlocking(FILE *, int);
int __fwriting(FILE *);
int __freading(FILE *);
int __fwritable(FILE *);
int __freadable(FILE *);
int __flbf(FILE *);
void __fpurge(FILE *);
int fpurge(FILE *);
size_t __fbufsize(FILE *);
size_t __fpending(FILE *);
size_t __freadahead(FILE *);
const char *__freadptr(FILE *, size_t *);
void __freadptrinc(FILE *, size_t);
void __fseterr(FILE *);

#ifdef __cplusplus
}
#endif

#endif
