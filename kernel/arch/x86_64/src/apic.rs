//! The local APIC: timer, end of interrupt, interrupts between processors (Intel SDM volume 3,
//! chapter 11). Used through memory, which every machine offers.

use core::sync::atomic::{AtomicU64, Ordering};

/// Vector of the timer.
pub const TIMER_VECTOR: u8 = 0x20;
/// Vector that makes a processor reschedule.
pub const KICK_VECTOR: u8 = 0x21;
/// Vector that makes a processor forget translations.
pub const FLUSH_VECTOR: u8 = 0x22;
/// First vector given to devices.
pub const FIRST_DEVICE_VECTOR: u8 = 0x30;
/// One more than the last vector given to devices.
pub const END_DEVICE_VECTOR: u8 = 0xf0;
const SPURIOUS_VECTOR: u32 = 0xff;

const IDENTIFIER: u64 = 0x20;
const TASK_PRIORITY: u64 = 0x80;
const END_OF_INTERRUPT: u64 = 0xb0;
const SPURIOUS: u64 = 0xf0;
const COMMAND_LOW: u64 = 0x300;
const COMMAND_HIGH: u64 = 0x310;
const TIMER: u64 = 0x320;
const INITIAL_COUNT: u64 = 0x380;
const CURRENT_COUNT: u64 = 0x390;
const DIVIDE: u64 = 0x3e0;
const ENABLED: u32 = 1 << 8;
const DIVIDE_BY_1: u32 = 0b1011;
const SENDING: u32 = 1 << 12;

/// Physical address of the registers, unless firmware has moved them.
pub const PHYSICAL: u64 = 0xfee0_0000;

static BASE: AtomicU64 = AtomicU64::new(0);

/// Says where the registers are mapped.
///
/// # Safety
/// `address` maps the page of local APIC registers, uncached, on every processor, for good.
pub unsafe fn set_base(address: u64) {
    BASE.store(address, Ordering::Release);
}

#[inline]
fn read(register: u64) -> u32 {
    let address = BASE.load(Ordering::Relaxed) + register;
    // SAFETY: contract of `set_base`; the registers are 32 bits wide at multiples of 16.
    unsafe { (address as *const u32).read_volatile() }
}

#[inline]
fn write(register: u64, value: u32) {
    let address = BASE.load(Ordering::Relaxed) + register;
    // SAFETY: as in `read`.
    unsafe { (address as *mut u32).write_volatile(value) };
}

/// Turns the running processor's APIC on, its timer stopped.
pub fn enable() {
    write(TASK_PRIORITY, 0);
    write(SPURIOUS, ENABLED | SPURIOUS_VECTOR);
    write(DIVIDE, DIVIDE_BY_1);
    write(TIMER, u32::from(TIMER_VECTOR));
    write(INITIAL_COUNT, 0);
}

/// The running processor's identifier.
pub fn identifier() -> u32 {
    read(IDENTIFIER) >> 24
}

/// Ends the interrupt in service.
#[inline]
pub fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}

/// Starts the one-shot timer (0 stops it).
#[inline]
pub fn set_timer(count: u32) {
    write(INITIAL_COUNT, count);
}

/// What is left of the timer's count.
pub fn timer_count() -> u32 {
    read(CURRENT_COUNT)
}

/// Sends a vector to another processor.
pub fn send(apic_id: u32, vector: u8) {
    write(COMMAND_HIGH, apic_id << 24);
    write(COMMAND_LOW, u32::from(vector));
    while read(COMMAND_LOW) & SENDING != 0 {
        core::hint::spin_loop();
    }
}
