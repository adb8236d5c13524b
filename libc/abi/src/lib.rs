//! The C functions: names, types and calling convention of the C library.
//!
//! `pure` holds what needs nothing from the system (strings, numbers, patterns, time);
//! `sys` holds what makes system calls. A pure function that must allocate or set
//! `errno` goes through the C symbols (`malloc`, `__errno_location`) that `sys` defines.
#![no_std]
// Else the compiler takes `strcpy` to be a call of the C library's `strcpy`.
#![no_builtins]
#![feature(c_variadic, thread_local)]
// C names and C preconditions: the standard's text is each function's safety contract.
#![allow(clippy::missing_safety_doc, non_camel_case_types)]
// `*&raw mut STATIC` is how the compiler's own lint wants a mutable static to be used.
#![allow(clippy::deref_addrof)]

extern crate alloc;

pub mod pure;
// The host tests link `pure` alone over another C library (libc/tests/host.sh).
#[cfg(not(pure_only))]
pub mod sys;
