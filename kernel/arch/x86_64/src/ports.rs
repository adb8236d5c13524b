//! x86 I/O ports.

use core::arch::asm;

/// Reads a byte.
///
/// # Safety
/// Reading may change the device's state: the caller must own the port.
#[inline]
pub unsafe fn read_u8(port: u16) -> u8 {
    let value;
    // SAFETY: passed on to the caller.
    unsafe { asm!("in al, dx", out("al") value, in("dx") port, options(nomem, nostack)) };
    value
}

/// Writes a byte.
///
/// # Safety
/// The caller must own the port.
#[inline]
pub unsafe fn write_u8(port: u16, value: u8) {
    // SAFETY: passed on to the caller.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack)) };
}

/// Reads 1, 2 or 4 bytes; other widths read 0.
///
/// # Safety
/// The caller must own the port.
pub unsafe fn read(port: u16, width: u8) -> u32 {
    let value: u32;
    match width {
        // SAFETY: passed on to the caller.
        1 => unsafe { read_u8(port).into() },
        2 => {
            let half: u16;
            // SAFETY: passed on to the caller.
            unsafe { asm!("in ax, dx", out("ax") half, in("dx") port, options(nomem, nostack)) };
            half.into()
        }
        4 => {
            // SAFETY: passed on to the caller.
            unsafe { asm!("in eax, dx", out("eax") value, in("dx") port, options(nomem, nostack)) };
            value
        }
        _ => 0,
    }
}

/// Writes 1, 2 or 4 bytes; other widths do nothing.
///
/// # Safety
/// The caller must own the port.
pub unsafe fn write(port: u16, width: u8, value: u32) {
    match width {
        // SAFETY: passed on to the caller.
        1 => unsafe { write_u8(port, value as u8) },
        2 => {
            let half = value as u16;
            // SAFETY: passed on to the caller.
            unsafe { asm!("out dx, ax", in("dx") port, in("ax") half, options(nomem, nostack)) };
        }
        4 => {
            // SAFETY: passed on to the caller.
            unsafe { asm!("out dx, eax", in("dx") port, in("eax") value, options(nomem, nostack)) };
        }
        _ => {}
    }
}
