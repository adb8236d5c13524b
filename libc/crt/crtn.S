/* The end of the old-style initialization functions; crti.S has their beginning. */
	.section .note.GNU-stack, "", @progbits
	.section .init, "ax", @progbits
	popq %rax
	ret
	.section .fini, "ax", @progbits
	popq %rax
	ret
