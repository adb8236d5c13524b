//! Ports, model-specific registers and processor identification.

use core::arch::asm;
use core::arch::x86_64::__cpuid_count;

use loader_core::boot::X2Apic;
use loader_core::paging::PagingFeatures;

/// Local APIC base register.
pub const APIC_BASE: u32 = 0x1b;
/// Bit of [`APIC_BASE`] that switches x2APIC mode on.
pub const APIC_BASE_X2APIC: u64 = 1 << 10;

/// Reads a byte from a port.
///
/// # Safety
///
/// Reading the port must have no effect on memory.
#[must_use]
pub unsafe fn read_port(port: u16) -> u8 {
    let value;
    // SAFETY: the caller vouches for the port.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack)) };
    value
}

/// Writes a byte to a port.
///
/// # Safety
///
/// Writing the port must have no effect on memory that is in use.
pub unsafe fn write_port(port: u16, value: u8) {
    // SAFETY: the caller vouches for the port.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack)) };
}

/// Writes a 32-bit word to a port.
///
/// # Safety
///
/// Writing the port must have no effect on memory that is in use.
pub unsafe fn write_port_u32(port: u16, value: u32) {
    // SAFETY: the caller vouches for the port.
    unsafe { asm!("out dx, eax", in("dx") port, in("eax") value, options(nomem, nostack)) };
}

/// Reads a model-specific register.
///
/// # Safety
///
/// The processor has the register.
#[must_use]
pub unsafe fn read_msr(register: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller vouches for the register.
    unsafe {
        asm!("rdmsr", in("ecx") register, out("eax") low, out("edx") high, options(nomem, nostack));
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Writes a model-specific register.
///
/// # Safety
///
/// The processor has the register, and the value breaks nothing that is in use.
pub unsafe fn write_msr(register: u32, value: u64) {
    let (low, high) = (value as u32, (value >> 32) as u32);
    // SAFETY: the caller vouches for register and value.
    unsafe {
        asm!("wrmsr", in("ecx") register, in("eax") low, in("edx") high, options(nostack));
    }
}

fn cpuid(leaf: u32) -> core::arch::x86_64::CpuidResult {
    __cpuid_count(leaf, 0)
}

/// What the processor's paging offers.
#[must_use]
pub fn paging_features() -> PagingFeatures {
    let edx = cpuid(0x8000_0001).edx;
    PagingFeatures {
        gib_pages: edx & (1 << 26) != 0,
        no_execute: edx & (1 << 20) != 0,
    }
}

/// Whether x2APIC mode exists and is on.
#[must_use]
pub fn x2apic() -> X2Apic {
    let supported = cpuid(1).ecx & (1 << 21) != 0;
    // SAFETY: every 64-bit processor has this register.
    let base = unsafe { read_msr(APIC_BASE) };
    X2Apic {
        supported,
        enabled: supported && base & APIC_BASE_X2APIC != 0,
    }
}

/// Local APIC id of this processor.
#[must_use]
pub fn lapic_id() -> u32 {
    // Leaf 0xb knows 32-bit ids; where it is missing it reports no processors.
    let topology = if cpuid(0).eax >= 0xb {
        cpuid(0xb)
    } else {
        cpuid(1)
    };
    if cpuid(0).eax >= 0xb && topology.ebx != 0 {
        topology.edx
    } else {
        cpuid(1).ebx >> 24
    }
}
