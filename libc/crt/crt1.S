/* Where a program at a fixed address begins (System V ABI 3.4.1). */
	.section .note.GNU-stack, "", @progbits
	.text
	.globl _start
	.type _start, @function
_start:
	.cfi_startproc
	.cfi_undefined rip
	xorl %ebp, %ebp             /* the outermost frame */
	movl (%rsp), %esi           /* argc */
	leaq 8(%rsp), %rdx          /* argv */
	leaq main(%rip), %rdi
	leaq _init(%rip), %rcx
	leaq _fini(%rip), %r8
	xorl %r9d, %r9d
	andq $-16, %rsp
	call __libc_start_main
	hlt
	.cfi_endproc
	.size _start, . - _start
