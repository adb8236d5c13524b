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
        bars: named_bars(platform, address),
        messages: find_messages(platform, address),
    }
}

/// The base registers in memory that capabilities point into, as long as these say.
///
/// The textbook way finds sizes by writing ones to each register, with decoding off meanwhile. That
/// changes the machine's memory map while other processors run, which QEMU's emulator does not
/// survive: a processor's access to its own interrupt controller may reach a device instead.
fn named_bars(platform: &mut impl Platform, address: Address) -> [Option<Bar>; BARS] {
    const IN_PORTS: u32 = 1;
    let extents = extents(platform, address);
    let mut bars = [None; BARS];
    let mut index = 0;
    while index < BARS {
        let register = FIRST_BAR + 4 * index as u16;
        let low = platform.configuration_read(address, register);
        let is_wide = low & (0b110 | IN_PORTS) == 0b100 && index + 1 < BARS;
        let high = match is_wide {
            true => platform.configuration_read(address, register + 4),
            false => 0,
        };
        let base = u64::from(high) << 32 | u64::from(low & !0xf);
        if low & IN_PORTS == 0 && base != 0 && extents[index] != 0 {
            let length = extents[index];
            bars[index] = Some(Bar {
                address: base,
                length,
            });
        }
        index += if is_wide { 2 } else { 1 };
    }
    bars
}

/// The end of what capabilities name in each base register: virtio's structures (virtio 1.2,
/// 4.1.4) and the tables of message interrupts.
fn extents(platform: &mut impl Platform, address: Address) -> [u64; BARS] {
    const VENDOR_SPECIFIC: u32 = 0x09;
    let mut extents = [0; BARS];
    let mut name = |bar: u32, end: u64| {
        if let Some(extent) = extents.get_mut(bar as usize) {
            *extent = end.max(*extent);
        }
    };
    let is_virtio = platform.configuration_read(address, IDENTITY) & 0xffff == VIRTIO_VENDOR;
    for (capability, head) in capabilities(platform, address) {
        let mut word = |offset: u16| platform.configuration_read(address, capability + offset);
        match head & 0xff {
            VENDOR_SPECIFIC if is_virtio && capability <= 0xf0 => {
                name(word(4) & 0xff, u64::from(word(8)) + u64::from(word(12)));
            }
            MESSAGE_INTERRUPTS if capability <= 0xf4 => {
                let count = u64::from(head >> 16 & 0x7ff) + 1;
                let (table, pending) = (word(4), word(8));
                name(table & 7, u64::from(table & !7) + count * 16);
                name(
                    pending & 7,
                    u64::from(pending & !7) + count.div_ceil(64) * 8,
                );
            }
            _ => {}
        }
    }
    extents
}

/// The capabilities' places and first words.
fn capabilities(platform: &mut impl Platform, address: Address) -> Vec<(u16, u32)> {
    let mut found = Vec::new();
    if platform.configuration_read(address, COMMAND) & HAS_CAPABILITIES == 0 {
        return found;
    }
    let mut capability = platform.configuration_read(address, CAPABILITIES) as u16 & 0xfc;
    while capability != 0 && found.len() < MAX_CAPABILITIES {
        let head = platform.configuration_read(address, capability);
        found.push((capability, head));
        capability = (head >> 8) as u16 & 0xfc;
    }
    found
}

fn find_messages(platform: &mut impl Platform, address: Address) -> Option<MessageInterrupts> {
    let found = capabilities(platform, address);
    let (capability, head) = *found
        .iter()
        .find(|found| found.1 & 0xff == MESSAGE_INTERRUPTS)?;
    let table = platform.configuration_read(address, capability + 4);
    let bar = (table & 7) as usize;
    (bar < BARS).then_some(MessageInterrupts {
        capability,
        bar,
        offset: u64::from(table & !7),
        count: (head >> 16 & 0x7ff) + 1,
    })
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
