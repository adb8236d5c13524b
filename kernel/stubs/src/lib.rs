//! System-call stubs: the only place outside the kernel that executes the syscall instruction.
#![no_std]
