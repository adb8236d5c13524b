/* <sys/io.h>: input and output ports */
#ifndef _SYS_IO_H
#define _SYS_IO_H

#include <features.h>

#ifdef __cplusplus
extern "C" {
#endif

int iopl(int);
int ioperm(unsigned long, unsigned long, int);
static __inline void outb(unsigned char value, unsigned short port) { __asm__ __volatile__("outb %0, %1" : : "a"(value), "dN"(port)); }
static __inline void outw(unsigned short value, unsigned short port) { __asm__ __volatile__("outw %0, %1" : : "a"(value), "dN"(port)); }
static __inline void outl(unsigned int value, unsigned short port) { __asm__ __volatile__("outl %0, %1" : : "a"(value), "dN"(port)); }
static __inline unsigned char inb(unsigned short port) { unsigned char value; __asm__ __volatile__("inb %1, %0" : "=a"(value) : "dN"(port)); return value; }
static __inline unsigned short inw(unsigned short port) { unsigned short value; __asm__ __volatile__("inw %1, %0" : "=a"(value) : "dN"(port)); return value; }
static __inline unsigned int inl(unsigned short port) { unsigned int value; __asm__ __volatile__("inl %1, %0" : "=a"(value) : "dN"(port)); return value; }

#ifdef __cplusplus
}
#endif

#endif
