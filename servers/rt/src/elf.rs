//! Loading of ELF64 programs: parsing (pure, host-tested) and mapping into a new process.
//!
//! Segments are mapped privately from the file's Memory, so that text is shared between all who
//! run it and is read in only as it is executed. Follows the System V ABI, AMD64 supplement.

use alloc::vec::Vec;

use kernel_abi::memory::{MapArguments, map_flags, protection};
use kernel_abi::{Error as KernelError, Handle, PAGE_SIZE, USER_END};
use kernel_stubs::safe;

/// Where position-independent programs go; randomised by the caller through `base`.
pub const DEFAULT_BASE: u64 = 0x0000_5555_5555_0000;
/// Bytes of a file that [`Image::parse`] wants to see: header and program headers.
pub const HEADER_BYTES: usize = 4096;
/// As many suffice for nearly every file; [`needed_bytes`] says whether they do.
pub const FIRST_BYTES: usize = 1024;

/// Bytes that [`Image::parse`] wants to see of a file with this beginning; [`HEADER_BYTES`] at most.
pub fn needed_bytes(file: &[u8]) -> usize {
    let table = long(file, 32).unwrap_or(0);
    let headers = half(file, 56).map_or(0, |count| usize::from(count) * PROGRAM_HEADER_SIZE);
    let end = usize::try_from(table).map_or(HEADER_BYTES, |table| table.saturating_add(headers));
    end.min(HEADER_BYTES)
}

const FILE_HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: usize = 56;
const MAX_PROGRAM_HEADERS: usize = 32;
const TYPE_EXECUTABLE: u16 = 2;
const TYPE_SHARED: u16 = 3;
const MACHINE_X86_64: u16 = 62;
const SEGMENT_LOAD: u32 = 1;
const SEGMENT_INTERPRETER: u32 = 3;

/// Why a file is not a program that can be run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfError {
    /// It does not start with the ELF magic.
    NotElf,
    /// For another class, byte order, version or machine.
    OtherMachine,
    /// Neither an executable nor position independent.
    NotExecutable,
    /// A header lies outside the file or contradicts itself.
    Malformed,
    /// It asks for a dynamic loader.
    NeedsInterpreter,
    /// A segment is writable and executable.
    WritableText,
    /// Mapping it failed.
    Kernel(KernelError),
}

impl From<KernelError> for ElfError {
    fn from(error: KernelError) -> ElfError {
        ElfError::Kernel(error)
    }
}

/// A segment to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Address in the image, before the base is added.
    pub address: u64,
    /// Offset in the file, congruent to the address modulo the page size.
    pub offset: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Bytes in memory.
    pub memory_size: u64,
    /// `kernel_abi::memory::protection`.
    pub protection: u32,
}

/// A checked program header table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Entry point, before the base is added.
    pub entry: u64,
    /// Whether it may be placed anywhere.
    pub position_independent: bool,
    /// Segments, ascending, not overlapping.
    pub segments: Vec<Segment>,
    /// Address of the program headers in memory, before the base is added (0: not loaded).
    pub program_headers: u64,
    /// How many there are.
    pub program_header_count: u64,
}

/// What loading produced, for the auxiliary vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Where to start.
    pub entry: u64,
    /// Difference between addresses in memory and in the file.
    pub base: u64,
    /// `AT_PHDR`.
    pub program_headers: u64,
    /// `AT_PHNUM`.
    pub program_header_count: u64,
    /// First address after the last segment, page aligned.
    pub end: u64,
}

fn bytes<const N: usize>(file: &[u8], at: usize) -> Result<[u8; N], ElfError> {
    let end = at.checked_add(N).ok_or(ElfError::Malformed)?;
    file.get(at..end)
        .and_then(|slice| slice.try_into().ok())
        .ok_or(ElfError::Malformed)
}

fn half(file: &[u8], at: usize) -> Result<u16, ElfError> {
    bytes(file, at).map(u16::from_le_bytes)
}

fn word(file: &[u8], at: usize) -> Result<u32, ElfError> {
    bytes(file, at).map(u32::from_le_bytes)
}

fn long(file: &[u8], at: usize) -> Result<u64, ElfError> {
    bytes(file, at).map(u64::from_le_bytes)
}

impl Image {
    /// Checks the first [`HEADER_BYTES`] (or all) of a file of `file_length` bytes.
    pub fn parse(file: &[u8], file_length: u64) -> Result<Image, ElfError> {
        if file.get(..4) != Some(b"\x7fELF") {
            return Err(ElfError::NotElf);
        }
        // Class 64, little endian, version 1.
        if bytes::<3>(file, 4)? != [2, 1, 1] || half(file, 18)? != MACHINE_X86_64 {
            return Err(ElfError::OtherMachine);
        }
        let kind = half(file, 16)?;
        if kind != TYPE_EXECUTABLE && kind != TYPE_SHARED {
            return Err(ElfError::NotExecutable);
        }
        let table = usize::try_from(long(file, 32)?).map_err(|_| ElfError::Malformed)?;
        let count = usize::from(half(file, 56)?);
        let right_size = usize::from(half(file, 54)?) == PROGRAM_HEADER_SIZE;
        if !right_size || count == 0 || count > MAX_PROGRAM_HEADERS || table < FILE_HEADER_SIZE {
            return Err(ElfError::Malformed);
        }
        let mut image = Image {
            entry: long(file, 24)?,
            position_independent: kind == TYPE_SHARED,
            segments: Vec::new(),
            program_headers: 0,
            program_header_count: count as u64,
        };
        for index in 0..count {
            let at = table
                .checked_add(index * PROGRAM_HEADER_SIZE)
                .ok_or(ElfError::Malformed)?;
            image.add_header(file, at, file_length, table as u64)?;
        }
        image.check_entry()?;
        Ok(image)
    }

    fn add_header(
        &mut self,
        file: &[u8],
        at: usize,
        file_length: u64,
        table: u64,
    ) -> Result<(), ElfError> {
        match word(file, at)? {
            SEGMENT_INTERPRETER => return Err(ElfError::NeedsInterpreter),
            SEGMENT_LOAD => {}
            _ => return Ok(()),
        }
        let segment = Segment {
            address: long(file, at + 16)?,
            offset: long(file, at + 8)?,
            file_size: long(file, at + 32)?,
            memory_size: long(file, at + 40)?,
            protection: protection_of(word(file, at + 4)?)?,
        };
        if segment.memory_size == 0 {
            return Ok(());
        }
        let file_end = segment
            .offset
            .checked_add(segment.file_size)
            .ok_or(ElfError::Malformed)?;
        let end = segment
            .address
            .checked_add(segment.memory_size)
            .ok_or(ElfError::Malformed)?;
        let congruent = segment.offset % PAGE_SIZE == segment.address % PAGE_SIZE;
        let after_last = self
            .segments
            .last()
            .is_none_or(|last| last.end() <= page_down(segment.address));
        let sizes = segment.file_size <= segment.memory_size && file_end <= file_length;
        if !congruent || !after_last || !sizes || end > USER_END / 2 {
            return Err(ElfError::Malformed);
        }
        if table >= segment.offset && table < file_end {
            self.program_headers = segment.address + (table - segment.offset);
        }
        self.segments.push(segment);
        Ok(())
    }

    fn check_entry(&self) -> Result<(), ElfError> {
        let inside = |segment: &Segment| {
            segment.protection & protection::EXECUTE != 0
                && self.entry >= segment.address
                && self.entry - segment.address < segment.memory_size
        };
        let low = !self.position_independent
            && self
                .segments
                .first()
                .is_some_and(|segment| segment.address < PAGE_SIZE);
        if low || !self.segments.iter().any(inside) {
            return Err(ElfError::Malformed);
        }
        Ok(())
    }

    /// First address after the last segment, page aligned, before the base is added.
    pub fn end(&self) -> u64 {
        self.segments.last().map_or(0, Segment::end)
    }
}

impl Segment {
    /// End in memory, page aligned.
    fn end(&self) -> u64 {
        page_up(self.address + self.memory_size)
    }
}

fn page_down(address: u64) -> u64 {
    address & !(PAGE_SIZE - 1)
}

fn page_up(address: u64) -> u64 {
    address.next_multiple_of(PAGE_SIZE)
}

fn protection_of(flags: u32) -> Result<u32, ElfError> {
    let bit = |mask: u32, bit: u32| if flags & mask != 0 { bit } else { 0 };
    let bits = bit(4, protection::READ) | bit(2, protection::WRITE) | bit(1, protection::EXECUTE);
    if bits & protection::WRITE != 0 && bits & protection::EXECUTE != 0 {
        return Err(ElfError::WritableText);
    }
    Ok(bits)
}

/// Maps a checked image into a new process. `file` is the Memory that holds the program at
/// `file_offset` (page aligned); `base` is where a position-independent one goes.
pub fn load(
    process: Handle,
    image: &Image,
    file: Handle,
    file_offset: u64,
    base: u64,
) -> Result<Loaded, ElfError> {
    let base = if image.position_independent { base } else { 0 };
    for segment in &image.segments {
        map_segment(process, segment, file, file_offset, base)?;
    }
    let program_headers = match image.program_headers {
        0 => 0,
        address => address + base,
    };
    Ok(Loaded {
        entry: image.entry + base,
        base,
        program_headers,
        program_header_count: image.program_header_count,
        end: image.end() + base,
    })
}

fn map_segment(
    process: Handle,
    segment: &Segment,
    file: Handle,
    file_offset: u64,
    base: u64,
) -> Result<(), ElfError> {
    let start = page_down(segment.address);
    let file_end = segment.address + segment.file_size;
    let mapped_end = if segment.file_size == 0 {
        start
    } else {
        page_up(file_end)
    };
    if mapped_end > start {
        let arguments = MapArguments {
            address: start + base,
            length: mapped_end - start,
            offset: file_offset + page_down(segment.offset),
            memory: file.0,
            protection: segment.protection,
            flags: map_flags::FIXED | map_flags::NO_REPLACE,
            maximum_protection: 0,
        };
        safe::memory_map_into(process, &arguments)?;
    }
    // What the file's last page holds beyond the segment must read as zero.
    if segment.memory_size > segment.file_size && mapped_end > file_end {
        const ZEROS: [u8; PAGE_SIZE as usize] = [0; PAGE_SIZE as usize];
        let length = (mapped_end - file_end).min(segment.memory_size - segment.file_size);
        safe::process_write(process, file_end + base, &ZEROS[..length as usize])?;
    }
    if segment.end() > mapped_end {
        map_anonymous(
            process,
            mapped_end + base,
            segment.end() - mapped_end,
            segment.protection,
        )?;
    }
    Ok(())
}

/// Maps fresh memory at an exact place in another process.
pub fn map_anonymous(
    process: Handle,
    address: u64,
    length: u64,
    protection: u32,
) -> Result<u64, KernelError> {
    let flags = map_flags::FIXED | map_flags::NO_REPLACE | map_flags::ANONYMOUS;
    let memory = Handle::NONE.0;
    let arguments = MapArguments {
        address,
        length,
        memory,
        protection,
        flags,
        ..Default::default()
    };
    safe::memory_map_into(process, &arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    fn program() -> Vec<u8> {
        let mut file = vec![0u8; 0x2000];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[16..18].copy_from_slice(&TYPE_EXECUTABLE.to_le_bytes());
        file[18..20].copy_from_slice(&MACHINE_X86_64.to_le_bytes());
        file[24..32].copy_from_slice(&0x40_1000u64.to_le_bytes());
        file[32..40].copy_from_slice(&64u64.to_le_bytes());
        file[54..56].copy_from_slice(&56u16.to_le_bytes());
        file[56..58].copy_from_slice(&2u16.to_le_bytes());
        segment(&mut file, 64, 4, 0, 0x40_0000, 0x100, 0x100);
        segment(&mut file, 120, 5, 0x1000, 0x40_1000, 0x1000, 0x1800);
        file
    }

    fn segment(
        file: &mut [u8],
        at: usize,
        flags: u32,
        offset: u64,
        address: u64,
        size: u64,
        memory: u64,
    ) {
        file[at..at + 4].copy_from_slice(&SEGMENT_LOAD.to_le_bytes());
        file[at + 4..at + 8].copy_from_slice(&flags.to_le_bytes());
        for (field, value) in [(8, offset), (16, address), (32, size), (40, memory)] {
            file[at + field..at + field + 8].copy_from_slice(&value.to_le_bytes());
        }
    }

    fn parse(file: &[u8]) -> Result<Image, ElfError> {
        Image::parse(file, file.len() as u64)
    }

    #[test]
    fn a_static_program_parses_into_its_segments() {
        let image = parse(&program()).unwrap();
        assert_eq!(image.entry, 0x40_1000);
        assert_eq!(image.program_headers, 0x40_0040);
        assert_eq!(image.segments.len(), 2);
        assert_eq!(image.end(), 0x40_3000);
    }

    #[test]
    fn what_is_no_elf_or_for_another_machine_is_refused() {
        assert_eq!(parse(b"#!/bin/sh\n"), Err(ElfError::NotElf));
        assert_eq!(parse(b""), Err(ElfError::NotElf));
        let mut file = program();
        file[18] = 40;
        assert_eq!(parse(&file), Err(ElfError::OtherMachine));
        let mut file = program();
        file[4] = 1;
        assert_eq!(parse(&file), Err(ElfError::OtherMachine));
    }

    #[test]
    fn a_truncated_program_is_refused() {
        let file = program();
        for length in [5, 30, 63, 100, 170] {
            assert_eq!(parse(&file[..length]), Err(ElfError::Malformed), "{length}");
        }
        assert_eq!(Image::parse(&file, 0x1800), Err(ElfError::Malformed));
    }

    #[test]
    fn writable_text_and_an_interpreter_are_refused() {
        let mut file = program();
        file[124] = 7;
        assert_eq!(parse(&file), Err(ElfError::WritableText));
        let mut file = program();
        file[64] = SEGMENT_INTERPRETER as u8;
        assert_eq!(parse(&file), Err(ElfError::NeedsInterpreter));
    }

    #[test]
    fn overlapping_and_wrapping_segments_are_refused() {
        let mut file = program();
        segment(&mut file, 120, 5, 0x1000, 0x40_0000, 0x1000, 0x1000);
        assert_eq!(parse(&file), Err(ElfError::Malformed));
        let mut file = program();
        segment(&mut file, 120, 5, 0x1000, u64::MAX - 0xfff, 0x1000, 0x1000);
        assert_eq!(parse(&file), Err(ElfError::Malformed));
    }

    #[test]
    fn no_flipped_byte_of_the_headers_makes_the_parser_fail_badly() {
        let file = program();
        for at in 0..176 {
            for value in [0u8, 1, 0x7f, 0x80, 0xff] {
                let mut broken = file.clone();
                broken[at] = value;
                if let Ok(image) = parse(&broken) {
                    assert!(
                        image
                            .segments
                            .iter()
                            .all(|s| s.address.checked_add(s.memory_size).is_some())
                    );
                }
            }
        }
    }
}
