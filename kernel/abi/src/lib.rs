//! The contract between the kernel and everything above it.
//!
//! Every system call, object kind, right, signal bit, error and shared structure is declared
//! here, once. The kernel decodes by these tables; the stubs (`kernel-stubs`), the tracer and
//! the reference pages are generated from them.
//!
//! Conventions of the `syscall` instruction on x86_64:
//!
//! * `rax` holds the call number ([`calls::Call`]); arguments stand in `rdi rsi rdx r10 r8 r9`,
//!   and, for the message calls only, in `r12 r13 r14 r15` as well.
//! * `rax` returns a value `>= 0`, or the negated number of an [`Error`].
//! * `rcx` and `r11` are clobbered; every other register keeps its value, except those that a
//!   message call is said to return values in.
//! * Every structure that is passed by address is `repr(C)`, 8-byte aligned, and has no padding.
#![no_std]

pub mod calls;
pub mod error;
pub mod memory;
pub mod message;
pub mod object;
pub mod process;
pub mod socket;
pub mod system;
pub mod wait;

pub use calls::Call;
pub use error::Error;
pub use object::{Handle, ObjectKind, Rights, Signals};

/// Bytes in a page, the unit of mapping.
pub const PAGE_SIZE: u64 = 4096;

/// First address that user programs may not use.
pub const USER_END: u64 = 0x0000_7fff_ffff_f000;

/// Address of the read-only page with the clock's parameters ([`system::ClockPage`]), mapped by
/// the kernel into every process.
pub const CLOCK_PAGE: u64 = 0x0000_7fff_ffff_e000;

/// Address of the read-only page that holds the words which the process's owner set with
/// [`Call::ProcessSetIdentity`]; mapped by the kernel into every process.
pub const IDENTITY_PAGE: u64 = 0x0000_7fff_ffff_d000;
