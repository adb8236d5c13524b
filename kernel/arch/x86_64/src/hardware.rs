//! The hardware as the kernel's logic sees it: `Machine` over page tables, APIC and ports.

use crate::acpi::{self, Facts, PhysicalReader};
use crate::clock::{Clock, SHIFT};
use crate::flush;
use crate::io_apic::IoApic;
use crate::shared::Shared;
use crate::{apic, cpu, floating_point, ports, serial};
use alloc::vec::Vec;
use kernel_abi::process::Registers;
use kernel_abi::system::{ClockPage, control};
use kernel_core::machine::{Context, Cpu, Frame, Machine, OutOfFrames, PageFlags, Space};
use kernel_mem::{DirectMap, FrameAllocator, PageTables};

/// The physical frames; the heap takes from them too.
pub static FRAMES: Shared<FrameAllocator> = Shared::new();

/// Where the kernel maps device registers: a top-level entry of its own.
const DEVICE_WINDOW: u64 = 0xffff_ff00_0000_0000;
/// Two pages through which firmware tables are read.
const SCRATCH: u64 = DEVICE_WINDOW + (1 << 30);
const PORT_TEST_EXIT: u16 = 0xf4;
const PORT_RESET: u16 = 0xcf9;

/// What boot tells of the machine.
#[derive(Clone, Debug)]
pub struct BootInformation {
    /// Physical address of the RSDP, 0 = none.
    pub rsdp: u64,
    /// Seconds since 1970 at boot.
    pub date_s: u64,
    /// The kernel's command line.
    pub command_line: &'static str,
    /// RAM that the kernel manages or uses: (base, length).
    pub ram: Vec<(u64, u64)>,
    /// Processors.
    pub cpus: usize,
}

/// A vector that a device interrupt comes by.
#[derive(Clone, Copy)]
struct Route {
    token: u32,
    vector: u8,
    line: Option<u32>,
}

/// The machine.
pub struct Hardware {
    map: DirectMap,
    tables: PageTables,
    clock: Clock,
    clock_frame: Frame,
    realtime_offset_ns: u64,
    boot: BootInformation,
    facts: Facts,
    io_apics: Vec<IoApic>,
    /// Token of each vector, plus one.
    tokens: [u32; 256],
    routes: Vec<Route>,
    entropy: u64,
}

struct FirmwareReader<'a> {
    tables: &'a PageTables,
}

impl PhysicalReader for FirmwareReader<'_> {
    fn read(&mut self, address: u64, bytes: &mut [u8]) -> bool {
        let mut done = 0;
        while done < bytes.len() {
            let at = address + done as u64;
            let offset = (at % 4096) as usize;
            let count = (bytes.len() - done).min(4096 - offset);
            let mapped = FRAMES.with(|frames| self.tables.map_device(frames, SCRATCH, at & !4095));
            if mapped.is_err() {
                return false;
            }
            let piece = &mut bytes[done..done + count];
            // SAFETY: the page has just been mapped at SCRATCH, which nothing else uses; the old
            // translation is dropped first.
            unsafe {
                core::arch::asm!("invlpg [{}]", in(reg) SCRATCH, options(nostack, preserves_flags));
                let source = (SCRATCH + offset as u64) as *const u8;
                core::ptr::copy_nonoverlapping(source, piece.as_mut_ptr(), count);
            }
            done += count;
        }
        true
    }
}

impl Hardware {
    /// Maps the APICs, reads the firmware's tables, measures the clock.
    ///
    /// # Errors
    /// Not even the frames for the kernel's own tables are there.
    pub fn new(
        map: DirectMap,
        tables: PageTables,
        boot: BootInformation,
    ) -> Result<Hardware, OutOfFrames> {
        FRAMES.with(|frames| tables.map_device(frames, DEVICE_WINDOW, apic::PHYSICAL))?;
        // SAFETY: just mapped, for good.
        unsafe { apic::set_base(DEVICE_WINDOW) };
        apic::enable();
        let facts = acpi::find(&mut FirmwareReader { tables: &tables }, boot.rsdp);
        let io_apics = map_io_apics(&tables, &facts)?;
        mask_legacy_controllers();
        let clock = Clock::measure();
        let clock_frame = FRAMES.with(FrameAllocator::allocate).ok_or(OutOfFrames)?;
        map.zero(clock_frame);
        let realtime_offset_ns = boot.date_s.saturating_mul(1_000_000_000);
        let mut hardware = Hardware {
            map,
            tables,
            clock,
            clock_frame,
            realtime_offset_ns,
            boot,
            facts,
            io_apics,
            tokens: [0; 256],
            routes: Vec::new(),
            entropy: crate::clock::ticks() | 1,
        };
        hardware.write_clock_page();
        Ok(hardware)
    }

    /// The token that a vector was given for.
    pub fn token_of(&self, vector: u8) -> Option<u32> {
        self.tokens[usize::from(vector)].checked_sub(1)
    }

    /// Root of the kernel's own space.
    pub fn kernel_root(&self) -> u64 {
        self.tables.kernel_root()
    }

    fn write_clock_page(&mut self) {
        let sequence = {
            let mut bytes = [0; 8];
            self.map.read(self.clock_frame, 0, &mut bytes);
            u64::from_le_bytes(bytes)
        };
        let page = ClockPage {
            sequence: sequence + 2,
            tsc_base: self.clock.base,
            multiplier: self.clock.multiplier,
            shift: SHIFT.into(),
            realtime_offset_ns: self.realtime_offset_ns,
            cpus: self.boot.cpus as u64,
            memory_bytes: self.total_frames() as u64 * 4096,
        };
        self.map
            .write(self.clock_frame, 0, &(sequence + 1).to_le_bytes());
        let words = [
            page.tsc_base,
            page.multiplier,
            page.shift,
            page.realtime_offset_ns,
            page.cpus,
            page.memory_bytes,
        ];
        for (index, word) in words.iter().enumerate() {
            self.map
                .write(self.clock_frame, 8 + index * 8, &word.to_le_bytes());
        }
        self.map
            .write(self.clock_frame, 0, &page.sequence.to_le_bytes());
    }

    fn route_line(&self, line: u32, vector: u8, flags: u32) -> Option<u32> {
        let overrides = &self.facts.overrides[..self.facts.override_count];
        let found = overrides.iter().find(|entry| entry.line == line);
        let (global, flags) = found.map_or((line, flags), |entry| (entry.global, entry.flags));
        let chip = self.io_apics.iter().find(|chip| chip.has(global))?;
        chip.route(global, vector, cpu::apic_id_of(0), flags);
        Some(global)
    }

    fn set_line_mask(&self, token: u32, masked: bool) {
        let route = self.routes.iter().find(|route| route.token == token);
        let Some(line) = route.and_then(|route| route.line) else {
            return;
        };
        if let Some(chip) = self.io_apics.iter().find(|chip| chip.has(line)) {
            chip.set_mask(line, masked);
        }
    }

    fn power_off(&self) {
        // QEMU's port, for machines whose tables were not found.
        let port = if self.facts.power_port != 0 {
            self.facts.power_port
        } else {
            0x604
        };
        let value = 1 << 13 | u32::from(self.facts.power_type) << 10;
        // SAFETY: the port that the firmware names for this.
        unsafe { ports::write(port, 2, value) };
    }

    fn reboot(&self) {
        let (port, value) = match self.facts.reset {
            (0, _) => (PORT_RESET, 6),
            reset => reset,
        };
        // SAFETY: the machine's reset ports.
        unsafe {
            ports::write_u8(port, value);
            ports::write_u8(PORT_RESET, 6);
        }
    }
}

fn map_io_apics(tables: &PageTables, facts: &Facts) -> Result<Vec<IoApic>, OutOfFrames> {
    let mut chips = Vec::new();
    for (index, &(physical, first)) in facts.io_apics[..facts.io_apic_count].iter().enumerate() {
        let address = DEVICE_WINDOW + 4096 * (index as u64 + 1);
        FRAMES.with(|frames| tables.map_device(frames, address, physical & !4095))?;
        // SAFETY: just mapped, for good.
        chips.push(unsafe { IoApic::new(address + physical % 4096, first) });
    }
    Ok(chips)
}

/// The 8259 controllers of old would deliver on vectors of exceptions.
fn mask_legacy_controllers() {
    // SAFETY: their mask registers.
    unsafe {
        ports::write_u8(0x21, 0xff);
        ports::write_u8(0xa1, 0xff);
    }
}

impl Machine for Hardware {
    #[inline]
    fn allocate_frame(&mut self) -> Option<Frame> {
        FRAMES.with(FrameAllocator::allocate)
    }

    fn allocate_contiguous(&mut self, count: usize, below_4g: bool) -> Option<Frame> {
        FRAMES.with(|frames| frames.allocate_contiguous(count, below_4g))
    }

    #[inline]
    fn free_frame(&mut self, frame: Frame) {
        FRAMES.with(|frames| frames.free(frame));
    }

    fn free_frames(&self) -> usize {
        FRAMES.with(|frames| frames.free_count())
    }

    fn total_frames(&self) -> usize {
        FRAMES.with(|frames| frames.total())
    }

    fn frame_limit(&self) -> u32 {
        FRAMES.with(|frames| frames.limit())
    }

    #[inline]
    fn zero_frame(&mut self, frame: Frame) {
        self.map.zero(frame);
    }

    #[inline]
    fn copy(&mut self, from: (Frame, usize), to: (Frame, usize), length: usize) {
        self.map.copy(from, to, length);
    }

    #[inline]
    fn read(&self, frame: Frame, offset: usize, bytes: &mut [u8]) {
        self.map.read(frame, offset, bytes);
    }

    #[inline]
    fn write(&mut self, frame: Frame, offset: usize, bytes: &[u8]) {
        self.map.write(frame, offset, bytes);
    }

    fn load_u32(&self, frame: Frame, offset: usize) -> u32 {
        self.map.load_u32(frame, offset)
    }

    fn exchange_u32(&mut self, frame: Frame, offset: usize, current: u32, new: u32) -> u32 {
        self.map.exchange_u32(frame, offset, current, new)
    }

    fn create_space(&mut self) -> Result<Space, OutOfFrames> {
        FRAMES.with(|frames| self.tables.create(frames))
    }

    fn destroy_space(&mut self, space: Space) {
        if cpu::root_of(cpu::local().index as usize) == space.0 {
            cpu::load_root(self.tables.kernel_root());
        }
        FRAMES.with(|frames| self.tables.destroy(frames, space));
    }

    #[inline]
    fn map(
        &mut self,
        space: Space,
        address: u64,
        frame: Frame,
        flags: PageFlags,
    ) -> Result<(), OutOfFrames> {
        let flush = FRAMES.with(|frames| self.tables.map(frames, space, address, frame, flags))?;
        flush::run(space.0, flush);
        Ok(())
    }

    fn map_absent(
        &mut self,
        space: Space,
        address: u64,
        shown: &[Option<Frame>],
        flags: PageFlags,
    ) -> Result<(), OutOfFrames> {
        FRAMES.with(|frames| (self.tables).map_absent(frames, space, address, shown, flags))
    }

    fn unmap(&mut self, space: Space, address: u64, pages: u64) {
        flush::run(space.0, self.tables.unmap(space, address, pages));
    }

    fn protect_read_only(&mut self, space: Space, address: u64, pages: u64) {
        flush::run(
            space.0,
            self.tables.protect_read_only(space, address, pages),
        );
    }

    #[inline]
    fn translate(&self, space: Space, address: u64, write: bool) -> Option<Frame> {
        self.tables.translate(space, address, write)
    }

    #[inline]
    fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    #[inline]
    fn now_ticks(&self) -> u64 {
        crate::clock::ticks()
    }

    #[inline]
    fn ticks_to_ns(&self, ticks: u64) -> u64 {
        self.clock.ticks_to_ns(ticks)
    }

    fn set_timer(&mut self, _cpu: Cpu, deadline_ns: u64) {
        if deadline_ns == u64::MAX {
            apic::set_timer(0);
            return;
        }
        let wait_ns = deadline_ns.saturating_sub(self.clock.now_ns());
        apic::set_timer(self.clock.timer_ticks(wait_ns));
    }

    fn kick(&mut self, cpu: Cpu) {
        let index = usize::from(cpu.0);
        if cpu::is_online(index) {
            apic::send(cpu::apic_id_of(index), apic::KICK_VECTOR);
        }
    }

    fn save_floating_point(&mut self, _cpu: Cpu, context: &mut Context) {
        floating_point::save_current(context);
    }

    fn restore_floating_point(&mut self, _cpu: Cpu, context: &Context) {
        floating_point::reload_current(context);
    }

    fn create_interrupt(
        &mut self,
        line: Option<u32>,
        flags: u32,
        token: u32,
    ) -> Option<(u64, u64)> {
        let mut vectors = apic::FIRST_DEVICE_VECTOR..apic::END_DEVICE_VECTOR;
        let vector = vectors.find(|vector| self.tokens[usize::from(*vector)] == 0)?;
        let global = match line {
            Some(line) => Some(self.route_line(line, vector, flags)?),
            None => None,
        };
        self.tokens[usize::from(vector)] = token.checked_add(1)?;
        self.routes.push(Route {
            token,
            vector,
            line: global,
        });
        let address = apic::PHYSICAL | u64::from(cpu::apic_id_of(0)) << 12;
        Some(if line.is_some() {
            (0, 0)
        } else {
            (address, vector.into())
        })
    }

    fn destroy_interrupt(&mut self, token: u32) {
        self.set_line_mask(token, true);
        for route in self.routes.extract_if(.., |route| route.token == token) {
            self.tokens[usize::from(route.vector)] = 0;
        }
    }

    fn unmask_interrupt(&mut self, token: u32) {
        self.set_line_mask(token, false);
    }

    fn mask_interrupt(&mut self, token: u32) {
        self.set_line_mask(token, true);
    }

    fn port_read(&mut self, port: u16, width: u8) -> u32 {
        // SAFETY: the core lets only holders of the port's capability get here.
        unsafe { ports::read(port, width) }
    }

    fn port_write(&mut self, port: u16, width: u8, value: u32) {
        // SAFETY: as above.
        unsafe { ports::write(port, width, value) };
    }

    fn debug_write(&mut self, bytes: &[u8]) {
        serial::write(bytes);
    }

    fn is_device_memory(&self, address: u64, length: u64) -> bool {
        let Some(end) = address.checked_add(length) else {
            return false;
        };
        let apart = |&(base, size): &(u64, u64)| end <= base || base + size <= address;
        let local = apic::PHYSICAL;
        length > 0 && self.boot.ram.iter().all(apart) && (end <= local || local + 4096 <= address)
    }

    fn control(&mut self, command: u64, argument: u64) {
        match command {
            control::POWER_OFF => self.power_off(),
            control::REBOOT => self.reboot(),
            // SAFETY: the port of QEMU's exit device; elsewhere nothing listens there.
            control::TEST_EXIT => unsafe { ports::write(PORT_TEST_EXIT, 4, argument as u32) },
            _ => return,
        }
        // The machine may take a moment to obey, in which nobody should be told that it did not.
        let patience_ns = self.clock.now_ns() + 1_000_000_000;
        while self.clock.now_ns() < patience_ns {
            core::hint::spin_loop();
        }
    }

    fn has_option(&self, option: &[u8]) -> bool {
        let mut words = self.boot.command_line.split_ascii_whitespace();
        words.any(|word| {
            let key = word.split_once('=').map_or(word, |(key, _)| key);
            key.as_bytes() == option
        })
    }

    fn set_realtime_offset_ns(&mut self, offset_ns: u64) {
        self.realtime_offset_ns = offset_ns;
        self.write_clock_page();
    }

    fn realtime_offset_ns(&self) -> u64 {
        self.realtime_offset_ns
    }

    fn clock_frame(&self) -> Frame {
        self.clock_frame
    }

    fn entropy(&mut self) -> u64 {
        // The counter's jitter, stirred; where the processor has a generator, that too.
        self.entropy ^= crate::clock::ticks().rotate_left(32) ^ cpu::random_word();
        self.entropy ^= self.entropy << 13;
        self.entropy ^= self.entropy >> 7;
        self.entropy ^= self.entropy << 17;
        self.entropy
    }
}

const _: () = assert!(size_of::<Registers>() == 160);
