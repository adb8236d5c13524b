/* <arpa/nameser_compat.h>: another name of <arpa/nameser.h> */
#ifndef _ARPA_NAMESER_COMPAT_H
#define _ARPA_NAMESER_COMPAT_H

#include <features.h>
#include <arpa/nameser.h>

#endif
