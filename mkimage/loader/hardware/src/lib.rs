//! What the loader does to an x86-64 machine: the thin, unsafe side of `loader-core`.
#![no_std]
#![cfg(target_arch = "x86_64")]

pub mod apic;
pub mod clock;
pub mod console;
pub mod memory;
pub mod registers;
pub mod trampoline;

use loader_core::{Handover, LoadError, PhysicalMemory};
use trampoline::Trampoline;

/// Starts the other processors and enters the kernel.
///
/// # Errors
///
/// [`LoadError::Unreachable`] when the response about processors cannot be written.
///
/// # Safety
///
/// `handover` comes from [`loader_core::prepare`] over memory that nobody else uses,
/// `trampoline` is the page that was passed to it, and the firmware has let go of the machine.
pub unsafe fn start_kernel(
    mut handover: Handover,
    trampoline: u64,
    memory: &mut impl PhysicalMemory,
) -> Result<core::convert::Infallible, LoadError> {
    // SAFETY: the caller hands over the page and the machine.
    let mut trampoline = unsafe { Trampoline::install(trampoline, &handover) };
    apic::mask_legacy_interrupts();
    for &address in handover.madt.io_apics() {
        // SAFETY: the firmware's tables say that an I/O APIC is there, and nobody uses it.
        unsafe { apic::mask_io_apic(address) };
    }
    let apic = apic::LocalApic::new(handover.use_x2apic);
    handover.keep_processors(memory, |processor| {
        processor.stack_top == 0 || trampoline.start_processor(&apic, processor)
    })?;
    // SAFETY: the tables map the trampoline, the kernel and the stack.
    unsafe { trampoline.enter_kernel(handover.entry, handover.stack_top) }
}
