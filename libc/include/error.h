/* <error.h>: error messages (GNU) */
#ifndef _ERROR_H
#define _ERROR_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

void error(int, int, const char *, ...);
void error_at_line(int, int, const char *, unsigned, const char *, ...);
extern unsigned error_message_count;
extern int error_one_per_line;
extern void (*error_print_progname)(void);

#ifdef __cplusplus
}
#endif

#endif
