/* <features.h>: which parts of the headers a program has asked for */
#ifndef _FEATURES_H
#define _FEATURES_H

/* The names a program may define before its first #include. */
#if defined(_ALL_SOURCE) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif
#if defined(_DEFAULT_SOURCE) && !defined(_BSD_SOURCE)
#define _BSD_SOURCE 1
#endif
#if !defined(_POSIX_SOURCE) && !defined(_POSIX_C_SOURCE) && !defined(_XOPEN_SOURCE) \
 && !defined(_GNU_SOURCE) && !defined(_BSD_SOURCE) && !defined(__STRICT_ANSI__)
#define _BSD_SOURCE 1
#define _XOPEN_SOURCE 700
#endif

/* What they come to: every other header tests only these four, each 0 or 1. */
#ifdef _GNU_SOURCE
#define __GNU_VISIBLE 1
#else
#define __GNU_VISIBLE 0
#endif
#if defined(_BSD_SOURCE) || __GNU_VISIBLE
#define __BSD_VISIBLE 1
#else
#define __BSD_VISIBLE 0
#endif
#if defined(_XOPEN_SOURCE) || __BSD_VISIBLE
#define __XSI_VISIBLE 1
#else
#define __XSI_VISIBLE 0
#endif
#if defined(_POSIX_SOURCE) || defined(_POSIX_C_SOURCE) || __XSI_VISIBLE
#define __POSIX_VISIBLE 1
#else
#define __POSIX_VISIBLE 0
#endif

/* Spellings that work in every language version. */
#if defined(__cplusplus)
#define __restrict __restrict__
#define __inline inline
#elif __STDC_VERSION__ >= 199901L
#define __restrict restrict
#define __inline inline
#else
#define __restrict __restrict__
#define __inline __inline__
#endif
#if defined(__cplusplus)
#define _Noreturn __attribute__((__noreturn__))
#elif __STDC_VERSION__ < 201112L
#define _Noreturn __attribute__((__noreturn__))
#endif
#define __REDIR(alias, name) __typeof__(name) alias __asm__(#name)

#endif
