//! Interrupt controllers: silenced, and used to start processors.

use crate::registers::{APIC_BASE, APIC_BASE_X2APIC, read_msr, write_msr, write_port};

const ICR_LOW: u64 = 0x300;
const ICR_HIGH: u64 = 0x310;
const DELIVERY_PENDING: u32 = 1 << 12;
const X2APIC_ICR: u32 = 0x830;
const INIT: u32 = 0x4500;
const STARTUP: u32 = 0x4600;

/// This processor's local APIC.
#[derive(Debug)]
pub struct LocalApic {
    x2apic: bool,
    base: u64,
}

impl LocalApic {
    /// Takes the local APIC, switching to x2APIC mode where `use_x2apic` says so.
    #[must_use]
    pub fn new(use_x2apic: bool) -> Self {
        // SAFETY: every 64-bit processor has this register.
        let base = unsafe { read_msr(APIC_BASE) };
        if use_x2apic {
            // SAFETY: `use_x2apic` is only set where the processor has the mode.
            unsafe { write_msr(APIC_BASE, base | APIC_BASE_X2APIC) };
        }
        Self {
            x2apic: use_x2apic,
            base: base & 0x000f_ffff_ffff_f000,
        }
    }

    /// Resets the processor `lapic_id` and leaves it waiting for a start-up interrupt.
    pub fn send_init(&self, lapic_id: u32) {
        self.send(lapic_id, INIT);
    }

    /// Starts a waiting processor at the page `page`, which lies below 1 MiB.
    pub fn send_startup(&self, lapic_id: u32, page: u64) {
        self.send(lapic_id, STARTUP | (page >> 12) as u32 & 0xff);
    }

    fn send(&self, lapic_id: u32, command: u32) {
        if self.x2apic {
            let value = u64::from(lapic_id) << 32 | u64::from(command);
            // SAFETY: x2APIC mode is on; the interrupt goes to a processor we start.
            unsafe { write_msr(X2APIC_ICR, value) };
            return;
        }
        let low = (self.base + ICR_LOW) as *mut u32;
        let high = (self.base + ICR_HIGH) as *mut u32;
        // SAFETY: the registers of the local APIC, in the identity map.
        unsafe {
            high.write_volatile(lapic_id << 24);
            low.write_volatile(command);
            while low.read_volatile() & DELIVERY_PENDING != 0 {
                core::hint::spin_loop();
            }
        }
    }
}

/// Masks all inputs of the two legacy interrupt controllers.
pub fn mask_legacy_interrupts() {
    // SAFETY: masking has no effect on memory.
    unsafe {
        write_port(0x21, 0xff);
        write_port(0xa1, 0xff);
    }
}

/// Masks the inputs of the I/O APIC at `address` that deliver ordinary interrupts.
///
/// # Safety
///
/// An I/O APIC is there, and in the identity map.
pub unsafe fn mask_io_apic(address: u32) {
    const VERSION: u32 = 1;
    const FIRST_ENTRY: u32 = 0x10;
    const MASKED: u32 = 1 << 16;
    let select = address as usize as *mut u32;
    let window = (address as usize + 0x10) as *mut u32;
    // SAFETY: the caller vouches for the address.
    unsafe {
        select.write_volatile(VERSION);
        let last = (window.read_volatile() >> 16) & 0xff;
        for entry in 0..=last {
            select.write_volatile(FIRST_ENTRY + 2 * entry);
            let value = window.read_volatile();
            // Fixed and lowest priority; firmware owns the others (SMI, NMI).
            if (value >> 8) & 0b111 <= 1 {
                window.write_volatile(value | MASKED);
            }
        }
    }
}
