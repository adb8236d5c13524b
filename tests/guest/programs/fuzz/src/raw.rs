//! The bare instruction, with every register that any call looks at.

use std::arch::asm;

/// Registers of a system call, in this order: `rdi rsi rdx r10 r8 r9 r12 r13 r14 r15`.
pub type Registers = [u64; 10];

/// Executes a system call with anything in the registers: its result, and the registers after it.
///
/// # Safety
/// None: whatever the call does to this process is what the fuzzer is there for. Nothing of it may
/// matter to anybody but this process.
pub unsafe fn system_call(number: u64, registers: Registers) -> (i64, Registers) {
    let value: i64;
    let mut after = registers;
    // SAFETY: the registers that the kernel changes are declared. What happens to memory is the
    // caller's affair, which has said that nothing depends on it.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as i64 => value,
            inlateout("rdi") registers[0] => after[0],
            inlateout("rsi") registers[1] => after[1],
            inlateout("rdx") registers[2] => after[2],
            inlateout("r10") registers[3] => after[3],
            inlateout("r8") registers[4] => after[4],
            inlateout("r9") registers[5] => after[5],
            inlateout("r12") registers[6] => after[6],
            inlateout("r13") registers[7] => after[7],
            inlateout("r14") registers[8] => after[8],
            inlateout("r15") registers[9] => after[9],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    (value, after)
}
