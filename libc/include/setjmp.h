/* <setjmp.h>: non-local jumps (C 7.13, POSIX) */
#ifndef _SETJMP_H
#define _SETJMP_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct __jmp_buf_tag {
	unsigned long __registers[8];
	unsigned long __mask_saved;
	unsigned long __mask[16];
} jmp_buf[1];
int setjmp(jmp_buf) __attribute__((__returns_twice__));
_Noreturn void longjmp(jmp_buf, int);
#define setjmp setjmp
#if __POSIX_VISIBLE
typedef jmp_buf sigjmp_buf;
int sigsetjmp(sigjmp_buf, int) __attribute__((__returns_twice__));
_Noreturn void siglongjmp(sigjmp_buf, int);
#define sigsetjmp sigsetjmp
#endif
#if __BSD_VISIBLE || __XSI_VISIBLE
int _setjmp(jmp_buf) __attribute__((__returns_twice__));
_Noreturn void _longjmp(jmp_buf, int);
#endif

#ifdef __cplusplus
}
#endif

#endif
