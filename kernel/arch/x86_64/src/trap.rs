//! Interrupts and exceptions.

use crate::{apic, backtrace, cpu, debug_line, enter, floating_point, flush};
use kernel_abi::process::{Registers, fault_kind};

/// What the entry code pushes for a trap from the kernel, lowest address first.
#[repr(C)]
#[derive(Debug)]
#[allow(missing_docs, reason = "each field is the register of its name")]
pub struct KernelFrame {
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rax: u64,
    pub vector: u64,
    pub error: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

const NON_MASKABLE: u64 = 2;
const DEVICE_NOT_AVAILABLE: u64 = 7;
const DOUBLE_FAULT: u64 = 8;
const PAGE_FAULT: u64 = 14;
const MACHINE_CHECK: u64 = 18;
const FIRST_INTERRUPT: u64 = 32;

fn fault_address() -> u64 {
    let address: u64;
    // SAFETY: reading a control register.
    unsafe {
        core::arch::asm!("mov {}, cr2", out(reg) address, options(nomem, nostack, preserves_flags))
    };
    address
}

/// A trap from user mode; the registers are in the thread's context. Returns those to go on with.
pub extern "C" fn from_user(vector: u64, error: u64) -> *const Registers {
    match vector {
        // Answered without the kernel lock: its holder waits for it.
        vector if vector == u64::from(apic::FLUSH_VECTOR) => {
            flush::answer();
            apic::end_of_interrupt();
            cpu::local().context.cast()
        }
        vector if vector >= FIRST_INTERRUPT => enter::interrupt(vector as u8),
        PAGE_FAULT => {
            let address = fault_address();
            enter::with_kernel(|kernel, cpu| {
                kernel.page_fault(cpu, address, error & 2 != 0, error & 16 != 0);
            })
        }
        DEVICE_NOT_AVAILABLE => enter::with_kernel(|_, _| {
            // SAFETY: the kernel lock is held here.
            unsafe { floating_point::load(cpu::local()) };
        }),
        NON_MASKABLE | DOUBLE_FAULT | MACHINE_CHECK => {
            panic!("exception {vector} (error {error:#x}) in user mode")
        }
        _ => fault(vector),
    }
}

/// An exception that the program is to blame for.
fn fault(vector: u64) -> *const Registers {
    let kind = match vector {
        0 => fault_kind::DIVIDE,
        1 | 3 => fault_kind::TRAP,
        6 => fault_kind::ILLEGAL_INSTRUCTION,
        16 | 19 => fault_kind::FLOATING_POINT,
        17 => fault_kind::ALIGNMENT,
        // General protection: a non-canonical address or a privileged instruction.
        _ => fault_kind::PROTECTION,
    };
    // SAFETY: the context of the current thread, which nobody else touches while it runs.
    let instruction = unsafe { (*cpu::local().context).registers.rip };
    let address = match kind {
        fault_kind::PROTECTION => 0,
        _ => instruction,
    };
    enter::with_kernel(|kernel, cpu| kernel.fault(cpu, kind, address))
}

/// A trap from the kernel: an interrupt of the idle loop, noted for it, or a bug.
pub extern "C" fn from_kernel(frame: &mut KernelFrame) {
    let vector = frame.vector;
    if vector == u64::from(apic::FLUSH_VECTOR) {
        flush::answer();
        apic::end_of_interrupt();
    } else if vector >= FIRST_INTERRUPT {
        cpu::local().pending[vector as usize / 64] |= 1 << (vector % 64);
    } else {
        debug_line!(
            "\nkernel exception {vector}, error {:#x}, cr2 {:#x}",
            frame.error,
            fault_address()
        );
        debug_line!("{frame:#x?}");
        backtrace::print(frame.rip, frame.rsp);
        panic!("exception {vector} in the kernel");
    }
}
