//! A machine of vectors.

use crate::machine::{Context, Cpu, Frame, MAX_CPUS, Machine, OutOfFrames, PageFlags, Space};
use kernel_abi::PAGE_SIZE;
use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

const PAGE: usize = PAGE_SIZE as usize;

/// Frames, page tables as maps, and a clock that tests turn.
pub struct FakeMachine {
    frames: Vec<Option<Box<[u8; PAGE]>>>,
    free: BTreeSet<u32>,
    spaces: BTreeMap<u64, BTreeMap<u64, (Frame, PageFlags)>>,
    next_space: u64,
    clock_frame: Frame,
    pub now_ns: u64,
    pub timers_ns: [u64; MAX_CPUS],
    pub kicked: [bool; MAX_CPUS],
    pub log: Vec<u8>,
    pub interrupts: BTreeMap<u32, bool>,
    pub ports: BTreeMap<u16, u32>,
    pub option: Vec<u8>,
    realtime_offset_ns: u64,
    random: u64,
    pub set_timer_calls: u64,
}

impl FakeMachine {
    /// A machine with this many frames.
    pub fn new(frames: u32) -> FakeMachine {
        let mut machine = FakeMachine {
            frames: (0..frames).map(|_| None).collect(),
            free: (1..frames).collect(),
            spaces: BTreeMap::new(),
            next_space: 1,
            clock_frame: Frame(0),
            now_ns: 0,
            timers_ns: [u64::MAX; MAX_CPUS],
            kicked: [false; MAX_CPUS],
            log: Vec::new(),
            interrupts: BTreeMap::new(),
            ports: BTreeMap::new(),
            option: b"test".to_vec(),
            realtime_offset_ns: 0,
            random: 1,
            set_timer_calls: 0,
        };
        machine.clock_frame = machine.allocate_frame().expect("a machine without frames");
        machine
    }

    /// Frames that are free.
    pub fn frames_free(&self) -> usize {
        self.free.len()
    }

    /// How many address spaces exist.
    pub fn space_count(&self) -> usize {
        self.spaces.len()
    }

    /// How a page is mapped.
    pub fn mapping(&self, space: Space, address: u64) -> Option<(Frame, PageFlags)> {
        self.spaces.get(&space.0)?.get(&address).copied()
    }

    fn bytes(&self, frame: Frame) -> &[u8; PAGE] {
        self.frames[frame.0 as usize]
            .as_deref()
            .expect("use of a frame that is free")
    }

    fn bytes_mut(&mut self, frame: Frame) -> &mut [u8; PAGE] {
        self.frames[frame.0 as usize]
            .as_deref_mut()
            .expect("use of a frame that is free")
    }
}

impl Machine for FakeMachine {
    fn allocate_frame(&mut self) -> Option<Frame> {
        let frame = self.free.pop_first()?;
        // Undefined contents, so that nobody relies on zeros.
        self.frames[frame as usize] = Some(Box::new([0xa5; PAGE]));
        Some(Frame(frame))
    }

    fn allocate_contiguous(&mut self, count: usize, _below_4g: bool) -> Option<Frame> {
        let limit = self.frames.len() as u32;
        let run =
            |first: u32| (first..first + count as u32).all(|frame| self.free.contains(&frame));
        let first = (0..limit.saturating_sub(count as u32)).find(|&first| run(first))?;
        for frame in first..first + count as u32 {
            self.free.remove(&frame);
            self.frames[frame as usize] = Some(Box::new([0xa5; PAGE]));
        }
        Some(Frame(first))
    }

    fn free_frame(&mut self, frame: Frame) {
        assert!(
            self.frames[frame.0 as usize].take().is_some(),
            "frame {} freed twice",
            frame.0
        );
        self.free.insert(frame.0);
    }

    fn free_frames(&self) -> usize {
        self.free.len()
    }

    fn total_frames(&self) -> usize {
        self.frames.len()
    }

    fn frame_limit(&self) -> u32 {
        self.frames.len() as u32
    }

    fn zero_frame(&mut self, frame: Frame) {
        self.bytes_mut(frame).fill(0);
    }

    fn copy(&mut self, from: (Frame, usize), to: (Frame, usize), length: usize) {
        let source = self.bytes(from.0)[from.1..from.1 + length].to_vec();
        self.bytes_mut(to.0)[to.1..to.1 + length].copy_from_slice(&source);
    }

    fn read(&self, frame: Frame, offset: usize, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.bytes(frame)[offset..offset + bytes.len()]);
    }

    fn write(&mut self, frame: Frame, offset: usize, bytes: &[u8]) {
        self.bytes_mut(frame)[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    fn load_u32(&self, frame: Frame, offset: usize) -> u32 {
        let mut word = [0; 4];
        self.read(frame, offset, &mut word);
        u32::from_le_bytes(word)
    }

    fn exchange_u32(&mut self, frame: Frame, offset: usize, current: u32, new: u32) -> u32 {
        let found = self.load_u32(frame, offset);
        if found == current {
            self.write(frame, offset, &new.to_le_bytes());
        }
        found
    }

    fn create_space(&mut self) -> Result<Space, OutOfFrames> {
        let space = self.next_space;
        self.next_space += 1;
        self.spaces.insert(space, BTreeMap::new());
        Ok(Space(space))
    }

    fn destroy_space(&mut self, space: Space) {
        assert!(
            self.spaces.remove(&space.0).is_some(),
            "space destroyed twice"
        );
    }

    fn map(
        &mut self,
        space: Space,
        address: u64,
        frame: Frame,
        flags: PageFlags,
    ) -> Result<(), OutOfFrames> {
        assert!(
            !(flags.write && flags.execute),
            "mapped writable and executable"
        );
        assert!(address.is_multiple_of(PAGE_SIZE));
        self.spaces
            .get_mut(&space.0)
            .expect("no such space")
            .insert(address, (frame, flags));
        Ok(())
    }

    fn map_absent(
        &mut self,
        space: Space,
        address: u64,
        frames: &[Option<Frame>],
        flags: PageFlags,
    ) -> Result<(), OutOfFrames> {
        let places = (address..).step_by(PAGE_SIZE as usize);
        for (place, frame) in places.zip(frames) {
            let mapped = self.spaces.get(&space.0).expect("no such space");
            if let Some(frame) = frame
                && !mapped.contains_key(&place)
            {
                self.map(space, place, *frame, flags)?;
            }
        }
        Ok(())
    }

    fn unmap(&mut self, space: Space, address: u64, pages: u64) {
        let end = address.saturating_add(pages.saturating_mul(PAGE_SIZE));
        let table = self.spaces.get_mut(&space.0).expect("no such space");
        table.retain(|&page, _| page < address || page >= end);
    }

    fn protect_read_only(&mut self, space: Space, address: u64, pages: u64) {
        let end = address.saturating_add(pages.saturating_mul(PAGE_SIZE));
        let table = self.spaces.get_mut(&space.0).expect("no such space");
        for (_, (_, flags)) in table.range_mut(address..end) {
            flags.write = false;
        }
    }

    fn translate(&self, space: Space, address: u64, write: bool) -> Option<Frame> {
        let page = address & !(PAGE_SIZE - 1);
        let (frame, flags) = self.spaces.get(&space.0)?.get(&page)?;
        ((!write || flags.write) && !flags.device).then_some(*frame)
    }

    fn now_ns(&self) -> u64 {
        self.now_ns
    }

    fn now_ticks(&self) -> u64 {
        self.now_ns
    }

    fn ticks_to_ns(&self, ticks: u64) -> u64 {
        ticks
    }

    fn set_timer(&mut self, cpu: Cpu, deadline_ns: u64) {
        self.set_timer_calls += 1;
        self.timers_ns[usize::from(cpu.0)] = deadline_ns;
    }

    fn kick(&mut self, cpu: Cpu) {
        self.kicked[usize::from(cpu.0)] = true;
    }

    fn save_floating_point(&mut self, _cpu: Cpu, _context: &mut Context) {}

    fn restore_floating_point(&mut self, _cpu: Cpu, _context: &Context) {}

    fn create_interrupt(
        &mut self,
        _line: Option<u32>,
        _flags: u32,
        token: u32,
    ) -> Option<(u64, u64)> {
        self.interrupts.insert(token, true);
        Some((0xfee0_0000, u64::from(token)))
    }

    fn destroy_interrupt(&mut self, token: u32) {
        self.interrupts.remove(&token);
    }

    fn unmask_interrupt(&mut self, token: u32) {
        self.interrupts.insert(token, false);
    }

    fn mask_interrupt(&mut self, token: u32) {
        self.interrupts.insert(token, true);
    }

    fn port_read(&mut self, port: u16, _width: u8) -> u32 {
        self.ports.get(&port).copied().unwrap_or(u32::MAX)
    }

    fn port_write(&mut self, port: u16, _width: u8, value: u32) {
        self.ports.insert(port, value);
    }

    fn debug_write(&mut self, bytes: &[u8]) {
        self.log.extend_from_slice(bytes);
    }

    fn is_device_memory(&self, address: u64, length: u64) -> bool {
        address >= self.frames.len() as u64 * PAGE_SIZE && address.checked_add(length).is_some()
    }

    fn control(&mut self, _command: u64, _argument: u64) {}

    fn has_option(&self, option: &[u8]) -> bool {
        self.option == option
    }

    fn set_realtime_offset_ns(&mut self, offset_ns: u64) {
        self.realtime_offset_ns = offset_ns;
    }

    fn realtime_offset_ns(&self) -> u64 {
        self.realtime_offset_ns
    }

    fn clock_frame(&self) -> Frame {
        self.clock_frame
    }

    fn entropy(&mut self) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.random ^ (self.random >> 33)
    }
}
