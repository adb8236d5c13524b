//! The bare instruction.

use core::arch::asm;
use kernel_abi::{Call, Error};

/// Executes a system call with up to six arguments.
///
/// # Safety
/// The call may read and write the memory that its arguments name, change the mappings of the
/// process and close handles: the caller answers for what the kernel's contract says of `call`.
#[inline]
pub unsafe fn system_call(call: Call, arguments: [u64; 6]) -> Result<u64, Error> {
    let value: i64;
    // SAFETY: the instruction clobbers rcx, r11 and memory as declared; the rest is the caller's.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") call as u64 as i64 => value,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            in("r9") arguments[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    kernel_abi::error::result(value)
}

macro_rules! arity {
    ($name:ident: $($argument:ident $index:literal),*) => {
        /// [`system_call`] with fewer arguments.
        ///
        /// # Safety
        /// As for [`system_call`].
        #[inline]
        pub unsafe fn $name(call: Call, $($argument: u64),*) -> Result<u64, Error> {
            #[allow(unused_mut, reason = "the call without arguments sets none")]
            let mut arguments = [0u64; 6];
            $(arguments[$index] = $argument;)*
            // SAFETY: passed on to the caller.
            unsafe { system_call(call, arguments) }
        }
    };
}

arity!(call0:);
arity!(call1: a 0);
arity!(call2: a 0, b 1);
arity!(call3: a 0, b 1, c 2);
arity!(call4: a 0, b 1, c 2, d 3);
arity!(call5: a 0, b 1, c 2, d 3, e 4);
arity!(call6: a 0, b 1, c 2, d 3, e 4, f 5);
