/* <asm/types.h>: the kernel interface's integer types */
#ifndef _ASM_TYPES_H
#define _ASM_TYPES_H

#include <features.h>
#include <linux/types.h>

#endif
