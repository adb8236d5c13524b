/* <tar.h>: the tar format (POSIX) */
#ifndef _TAR_H
#define _TAR_H

#include <features.h>

#define TMAGIC "ustar"
#define TMAGLEN 6
#define TVERSION "00"
#define TVERSLEN 2
#define AREGTYPE 0
#define BLKTYPE  52
#define CHRTYPE  51
#define CONTTYPE 55
#define DIRTYPE  53
#define FIFOTYPE 54
#define LNKTYPE  49
#define REGTYPE  48
#define SYMTYPE  50
#define TSUID 04000
#define TSGID 02000
#define TSVTX 01000
#define TUREAD 00400
#define TUWRITE 00200
#define TUEXEC 00100
#define TGREAD 00040
#define TGWRITE 00020
#define TGEXEC 00010
#define TOREAD 00004
#define TOWRITE 00002
#define TOEXEC 00001

#endif
