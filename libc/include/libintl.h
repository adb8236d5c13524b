/* <libintl.h>: message translation (POSIX.1-2024) */
#ifndef _LIBINTL_H
#define _LIBINTL_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct __locale_struct *locale_t;
char *gettext(const char *);
char *dgettext(const char *, const char *);
char *dcgettext(const char *, const char *, int);
char *ngettext(const char *, const char *, unsigned long);
char *dngettext(const char *, const char *, const char *, unsigned long);
char *dcngettext(const char *, const char *, const char *, unsigned long, int);
char *textdomain(const char *);
char *bindtextdomain(const char *, const char *);
char *bind_textdomain_codeset(const char *, const char *);
#define gettext_noop(text) text

#ifdef __cplusplus
}
#endif

#endif
