/* <glob.h>: file name expansion (POSIX) */
#ifndef _GLOB_H
#define _GLOB_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned long size_t;
typedef struct {
	size_t gl_pathc;
	char **gl_pathv;
	size_t gl_offs;
	int __reserved1;
	void *__reserved2[5];
} glob_t;
#define GLOB_ERR         1
#define GLOB_NOSPACE     1
#define GLOB_ABORTED     2
#define GLOB_MARK        2
#define GLOB_NOMATCH     3
#define GLOB_NOSORT      4
#define GLOB_NOSYS       4
#define GLOB_DOOFFS      8
#define GLOB_NOCHECK     0x10
#define GLOB_APPEND      0x20
#define GLOB_NOESCAPE    0x40
#define GLOB_PERIOD      0x80
#define GLOB_TILDE       0x1000
#define GLOB_TILDE_CHECK 0x4000
int glob(const char *__restrict, int, int (*)(const char *, int), glob_t *__restrict);
void globfree(glob_t *);
#ifdef _LARGEFILE64_SOURCE
#define glob64 glob
#define globfree64 globfree
#define glob64_t glob_t
#endif

#ifdef __cplusplus
}
#endif

#endif
