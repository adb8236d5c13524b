/* <sys/param.h>: miscellaneous limits */
#ifndef _SYS_PARAM_H
#define _SYS_PARAM_H

#include <features.h>
#include <sys/resource.h>
#include <endian.h>
#include <limits.h>

#define MAXSYMLINKS 20
#define MAXHOSTNAMELEN 64
#define MAXNAMLEN 255
#define MAXPATHLEN 4096
#define NBBY 8
#define NGROUPS 32
#define CANBSIZ 255
#define NOFILE 256
#define NCARGS 131072
#define DEV_BSIZE 512
#define NOGROUP (-1)
#undef MIN
#undef MAX
#define MIN(left, right) ((left) < (right) ? (left) : (right))
#define MAX(left, right) ((left) > (right) ? (left) : (right))
#define __bitop(array, bit, operation) ((array)[(bit) / NBBY] operation (1 << ((bit) % NBBY)))
#define setbit(array, bit) __bitop(array, bit, |=)
#define clrbit(array, bit) __bitop(array, bit, &=~)
#define isset(array, bit) (!!__bitop(array, bit, &))
#define isclr(array, bit) (!__bitop(array, bit, &))
#define howmany(count, unit) (((count) + ((unit) - 1)) / (unit))
#define roundup(count, unit) (howmany(count, unit) * (unit))
#define powerof2(number) !(((number) - 1) & (number))

#endif
