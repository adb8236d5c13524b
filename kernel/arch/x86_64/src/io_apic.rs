//! The I/O APIC: legacy interrupt lines (Intel 82093AA data sheet). Messages need none of it.

/// One I/O APIC.
#[derive(Clone, Copy, Debug)]
pub struct IoApic {
    base: u64,
    first: u32,
    count: u32,
}

const LEVEL: u32 = 1 << 15;
const ACTIVE_LOW: u32 = 1 << 13;
const MASKED: u32 = 1 << 16;

impl IoApic {
    /// An I/O APIC whose lines start at global interrupt `first`.
    ///
    /// # Safety
    /// `base` maps its registers, uncached, for good.
    pub unsafe fn new(base: u64, first: u32) -> IoApic {
        let mut found = IoApic {
            base,
            first,
            count: 0,
        };
        found.count = (found.read(1) >> 16 & 0xff) + 1;
        for line in 0..found.count {
            found.write(0x10 + 2 * line, MASKED);
        }
        found
    }

    fn read(&self, register: u32) -> u32 {
        // SAFETY: contract of `new`: select, then read the window.
        unsafe {
            (self.base as *mut u32).write_volatile(register);
            ((self.base + 0x10) as *const u32).read_volatile()
        }
    }

    fn write(&self, register: u32, value: u32) {
        // SAFETY: as in `read`.
        unsafe {
            (self.base as *mut u32).write_volatile(register);
            ((self.base + 0x10) as *mut u32).write_volatile(value);
        }
    }

    /// Whether a global interrupt is one of its lines.
    pub fn has(&self, line: u32) -> bool {
        line >= self.first && line - self.first < self.count
    }

    /// Routes a line to a vector of a processor, masked. `flags`: bit 0 level, bit 1 active low.
    pub fn route(&self, line: u32, vector: u8, apic_id: u32, flags: u32) {
        let register = 0x10 + 2 * (line - self.first);
        let level = if flags & 1 != 0 { LEVEL } else { 0 };
        let polarity = if flags & 2 != 0 { ACTIVE_LOW } else { 0 };
        self.write(register, MASKED | level | polarity | u32::from(vector));
        self.write(register + 1, apic_id << 24);
    }

    /// Masks or unmasks a line.
    pub fn set_mask(&self, line: u32, masked: bool) {
        let register = 0x10 + 2 * (line - self.first);
        let value = self.read(register) & !MASKED;
        self.write(register, if masked { value | MASKED } else { value });
    }
}
