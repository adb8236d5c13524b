//! PCI functions and what their configuration space says (PCI Local Bus 3.0, chapter 6).

use alloc::vec::Vec;
use core::fmt;

use crate::Platform;

const IDENTITY: u16 = 0x00;
const COMMAND: u16 = 0x04;
const CLASS: u16 = 0x08;
const HEADER_TYPE: u16 = 0x0c;
const FIRST_BAR: u16 = 0x10;
const BUS_NUMBERS: u16 = 0x18;
const SUBSYSTEM: u16 = 0x2c;
const CAPABILITIES: u16 = 0x34;

const COMMAND_MEMORY: u32 = 1 << 1;
const COMMAND_MASTER: u32 = 1 << 2;
const COMMAND_NO_LINE_INTERRUPT: u32 = 1 << 10;
const HAS_CAPABILITIES: u32 = 1 << 20;
const MESSAGE_INTERRUPTS: u32 = 0x11;
const MESSAGES_ON: u32 = 1 << 31;
const ALL_MASKED: u32 = 1 << 30;

/// Base registers of an ordinary function.
pub const BARS: usize = 6;
const DEVICES: u8 = 32;
const FUNCTIONS: u8 = 8;
/// A list of capabilities longer than this is a loop.
const MAX_CAPABILITIES: usize = 48;
const VIRTIO_VENDOR: u32 = 0x1af4;
/// Transitional virtio devices: the subsystem's number tells the type.
const VIRTIO_TRANSITIONAL: core::ops::RangeInclusive<u32> = 0x1000..=0x103f;
const VIRTIO_MODERN_BASE: u32 = 0x1040;

/// Where a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Bus.
    pub bus: u8,
    /// Device on the bus, below 32.
    pub device: u8,
    /// Function of the device, below 8.
    pub function: u8,
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{:02x}:{:02x}.{}",
            self.bus, self.device, self.function
        )
    }
}

/// Registers in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// Physical address.
    pub address: u64,
    /// Bytes.
    pub length: u64,
}

/// The function's MSI-X capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageInterrupts {
    capability: u16,
    /// Which base register holds the table.
    pub bar: usize,
    /// Where in it.
    pub offset: u64,
    /// Entries.
    pub count: u32,
}

/// A function that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Where it is.
    pub address: Address,
    /// Vendor in the high half, device in the low half; a virtio device has its modern number.
    pub identity: u32,
    /// Class, subclass and interface.
    pub class: u32,
    /// Registers in memory. I/O ports are not listed.
    pub bars: [Option<Bar>; BARS],
    /// Message interrupts, if it can raise any.
    pub messages: Option<MessageInterrupts>,
}

/// All functions on all buses that can be reached.
pub fn enumerate(platform: &mut impl Platform) -> Vec<Function> {
    let mut found = Vec::new();
    let mut buses = Vec::from([0_u8]);
    let mut next = 0;
    while let Some(&bus) = buses.get(next) {
        next += 1;
        for device in 0..DEVICES {
            scan_device(platform, bus, device, &mut found, &mut buses);
        }
    }
    found.sort_by_key(|function: &Function| function.address);
    found
}

fn scan_device(
    platform: &mut impl Platform,
    bus: u8,
    device: u8,
    found: &mut Vec<Function>,
    buses: &mut Vec<u8>,
) {
    for function in 0..FUNCTIONS {
        let address = Address {
            bus,
            device,
            function,
        };
        let identity = platform.configuration_read(address, IDENTITY);
        if identity & 0xffff == 0xffff {
            if function == 0 {
                return;
            }
            continue;
        }
        let header = platform.configuration_read(address, HEADER_TYPE) >> 16 & 0xff;
        if header & 0x7f == 1 {
            let secondary = (platform.configuration_read(address, BUS_NUMBERS) >> 8) as u8;
            // A bus that is listed already would mean a loop.
            if !buses.contains(&secondary) {
                buses.push(secondary);
            }
        } else {
            found.push(describe(platform, address, identity));
        }
        if function == 0 && header & 0x80 == 0 {
            return;
        }
    }
}

fn describe(platform: &mut impl Platform, address: Address, identity: u32) -> Function {
    let (vendor, mut device) = (identity & 0xffff, identity >> 16);
    if vendor == VIRTIO_VENDOR && VIRTIO_TRANSITIONAL.contains(&device) {
        device = VIRTIO_MODERN_BASE + (platform.configuration_read(address, SUBSYSTEM) >> 16);
    }
    Function {
        address,
        identity: vendor << 16 | device,
        class: platform.configuration_read(address, CLASS) >> 8,
        bars: measure_bars(platform, address),
        messages: find_messages(platform, address),
    }
}

/// Sizes are found by writing ones, so decoding is off meanwhile.
fn measure_bars(platform: &mut impl Platform, address: Address) -> [Option<Bar>; BARS] {
    let command = platform.configuration_read(address, COMMAND) & 0xffff;
    platform.configuration_write(address, COMMAND, command & !COMMAND_MEMORY & !1);
    let mut bars = [None; BARS];
    let mut index = 0;
    while index < BARS {
        let register = FIRST_BAR + 4 * index as u16;
        let low = platform.configuration_read(address, register);
        let is_port = low & 1 != 0;
        let is_wide = !is_port && low & 0b110 == 0b100 && index + 1 < BARS;
        let low_mask = probe(platform, address, register);
        let (high, high_mask) = if is_wide {
            let high = platform.configuration_read(address, register + 4);
            (high, probe(platform, address, register + 4))
        } else {
            (0, u32::MAX)
        };
        let base = u64::from(high) << 32 | u64::from(low & !0xf);
        let mask = u64::from(high_mask) << 32 | u64::from(low_mask & !0xf);
        if !is_port && low_mask & !0xf != 0 && base != 0 {
            let length = mask.wrapping_neg();
            bars[index] = Some(Bar {
                address: base,
                length,
            });
        }
        index += if is_wide { 2 } else { 1 };
    }
    platform.configuration_write(address, COMMAND, command);
    bars
}

/// Which bits of a base register can be set.
fn probe(platform: &mut impl Platform, address: Address, register: u16) -> u32 {
    let before = platform.configuration_read(address, register);
    platform.configuration_write(address, register, u32::MAX);
    let mask = platform.configuration_read(address, register);
    platform.configuration_write(address, register, before);
    mask
}

fn find_messages(platform: &mut impl Platform, address: Address) -> Option<MessageInterrupts> {
    if platform.configuration_read(address, COMMAND) & HAS_CAPABILITIES == 0 {
        return None;
    }
    let mut capability = platform.configuration_read(address, CAPABILITIES) as u16 & 0xfc;
    for _ in 0..MAX_CAPABILITIES {
        if capability == 0 {
            break;
        }
        let head = platform.configuration_read(address, capability);
        if head & 0xff == MESSAGE_INTERRUPTS {
            let table = platform.configuration_read(address, capability + 4);
            let bar = (table & 7) as usize;
            return (bar < BARS).then_some(MessageInterrupts {
                capability,
                bar,
                offset: u64::from(table & !7),
                count: (head >> 16 & 0x7ff) + 1,
            });
        }
        capability = (head >> 8) as u16 & 0xfc;
    }
    None
}

impl Function {
    /// Lets the function answer at its registers and reach memory.
    pub fn enable(&self, platform: &mut impl Platform) {
        let command = platform.configuration_read(self.address, COMMAND) & 0xffff;
        let on = COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_LINE_INTERRUPT;
        platform.configuration_write(self.address, COMMAND, command | on);
    }

    /// Lets it answer at its registers, but not reach memory nor interrupt.
    pub fn quieten(&self, platform: &mut impl Platform) {
        let command = platform.configuration_read(self.address, COMMAND) & 0xffff;
        let command = command & !COMMAND_MASTER | COMMAND_MEMORY;
        platform.configuration_write(self.address, COMMAND, command);
        if let Some(messages) = &self.messages {
            self.switch_messages(platform, messages, false);
        }
    }

    /// Switches message interrupts on.
    pub fn enable_messages(&self, platform: &mut impl Platform, messages: &MessageInterrupts) {
        self.switch_messages(platform, messages, true);
    }

    fn switch_messages(
        &self,
        platform: &mut impl Platform,
        messages: &MessageInterrupts,
        on: bool,
    ) {
        let head = platform.configuration_read(self.address, messages.capability);
        let head = head & !MESSAGES_ON & !ALL_MASKED | if on { MESSAGES_ON } else { 0 };
        platform.configuration_write(self.address, messages.capability, head);
    }

    /// Copies the first 256 bytes of configuration space.
    pub fn configuration(&self, platform: &mut impl Platform) -> [u8; 256] {
        let mut bytes = [0; 256];
        for (index, word) in bytes.chunks_exact_mut(4).enumerate() {
            let value = platform.configuration_read(self.address, 4 * index as u16);
            word.copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    /// Whether it is a virtio device.
    pub fn is_virtio(&self) -> bool {
        self.identity >> 16 == VIRTIO_VENDOR
    }
}
