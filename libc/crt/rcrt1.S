/*
 * Where a static position-independent program begins: it applies its own relative
 * relocations before anything may use an address stored in memory.
 */
	.section .note.GNU-stack, "", @progbits
	.text
	.hidden _DYNAMIC
	.weak _DYNAMIC
	.globl _start
	.type _start, @function
_start:
	.cfi_startproc
	.cfi_undefined rip
	xorl %ebp, %ebp
	movq %rsp, %r12             /* the kernel's argument block */
	leaq __ehdr_start(%rip), %r8 /* the load bias: the image is linked at zero */
	.hidden __ehdr_start
	leaq _DYNAMIC(%rip), %rdi
	xorl %esi, %esi             /* DT_RELA, its size; DT_RELR, its size */
	xorl %edx, %edx
	xorl %r9d, %r9d
	xorl %r10d, %r10d
1:	movq (%rdi), %rax
	testq %rax, %rax
	je 4f
	movq 8(%rdi), %rcx
	cmpq $7, %rax               /* DT_RELA */
	cmoveq %rcx, %rsi
	cmpq $8, %rax               /* DT_RELASZ */
	cmoveq %rcx, %rdx
	cmpq $36, %rax              /* DT_RELR */
	cmoveq %rcx, %r9
	cmpq $35, %rax              /* DT_RELRSZ */
	cmoveq %rcx, %r10
	addq $16, %rdi
	jmp 1b
4:	addq %r8, %rsi
	addq %rsi, %rdx
2:	cmpq %rdx, %rsi
	jae 5f
	cmpl $8, 8(%rsi)            /* R_X86_64_RELATIVE; a static program has no other */
	jne 3f
	movq (%rsi), %rax
	movq 16(%rsi), %rcx
	addq %r8, %rcx
	movq %rcx, (%r8, %rax)
3:	addq $24, %rsi
	jmp 2b
	/* Packed relative relocations: an even word is an address, an odd one a bitmap of the 63 words after. */
5:	addq %r8, %r9
	addq %r9, %r10
6:	cmpq %r10, %r9
	jae 9f
	movq (%r9), %rax
	addq $8, %r9
	testb $1, %al
	jnz 7f
	addq %r8, %rax
	addq %r8, (%rax)
	leaq 8(%rax), %rdi
	jmp 6b
7:	movq %rdi, %rcx
8:	shrq $1, %rax
	jz 10f
	testb $1, %al
	jz 11f
	addq %r8, (%rcx)
11:	addq $8, %rcx
	jmp 8b
10:	addq $504, %rdi
	jmp 6b
9:	movl (%r12), %esi
	leaq 8(%r12), %rdx
	leaq main(%rip), %rdi
	leaq _init(%rip), %rcx
	leaq _fini(%rip), %r8
	xorl %r9d, %r9d
	andq $-16, %rsp
	call __libc_start_main
	hlt
	.cfi_endproc
	.size _start, . - _start
