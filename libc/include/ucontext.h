/* <ucontext.h>: a thread's context */
#ifndef _UCONTEXT_H
#define _UCONTEXT_H

#include <features.h>
#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

#if __GNU_VISIBLE
#define NGREG (sizeof(gregset_t) / sizeof(greg_t))
#endif
int getcontext(ucontext_t *);
void makecontext(ucontext_t *, void (*)(void), int, ...);
int setcontext(const ucontext_t *);
int swapcontext(ucontext_t *, const ucontext_t *);

#ifdef __cplusplus
}
#endif

#endif
