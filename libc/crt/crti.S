/* The beginning of the old-style initialization functions; crtn.S has their end. */
	.section .note.GNU-stack, "", @progbits
	.section .init, "ax", @progbits
	.globl _init
	.type _init, @function
_init:
	pushq %rax                  /* keeps the stack aligned for calls in between */
	.section .fini, "ax", @progbits
	.globl _fini
	.type _fini, @function
_fini:
	pushq %rax
