//! Checking the kernel's ELF64 file (System V ABI, chapters 4 and 5).

use core::fmt;

use crate::PAGE_SIZE;
use crate::memory::{page_ceil, page_floor, read_u16, read_u32, read_u64};

/// The kernel must be linked at or above this address: the top 2 GiB, as the protocol wants.
pub const LOWEST_ADDRESS: u64 = 0xffff_ffff_8000_0000;
/// Loadable segments a kernel may have.
pub const MAX_SEGMENTS: usize = 16;
/// The largest span of a kernel in memory, in bytes.
pub const MAX_SPAN: u64 = 256 * 1024 * 1024;

const HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: usize = 56;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PF_X: u32 = 1;
const PF_W: u32 = 2;

/// Why a file is not a kernel that can be loaded. Segments are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElfError {
    /// The file ends inside its headers.
    Truncated,
    /// It is not an ELF file.
    NotElf,
    /// It is not a 64-bit little-endian ELF file of version 1.
    Not64Bit,
    /// It is for another machine; this is its number.
    WrongMachine(u16),
    /// It is not an executable linked at a fixed address.
    NotExecutable,
    /// Its program headers have an unknown size.
    BadProgramHeaders,
    /// It wants an interpreter.
    NeedsInterpreter,
    /// It has no loadable segment.
    NoSegments,
    /// It has more than [`MAX_SEGMENTS`] loadable segments.
    TooManySegments,
    /// This segment's contents lie outside the file, or are larger than its memory.
    SegmentOutOfBounds(usize),
    /// This segment is not linked at or above [`LOWEST_ADDRESS`].
    NotHigherHalf(usize),
    /// This segment is both writable and executable.
    WritableAndExecutable(usize),
    /// This segment shares a page with an earlier one.
    Overlapping(usize),
    /// All segments together span more than [`MAX_SPAN`].
    TooLarge,
    /// The entry point is not in an executable segment.
    EntryOutsideCode(u64),
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated => write!(f, "the ELF file is truncated"),
            Self::NotElf => write!(f, "not an ELF file"),
            Self::Not64Bit => write!(f, "not a 64-bit little-endian ELF file"),
            Self::WrongMachine(machine) => write!(f, "built for machine {machine}, not x86-64"),
            Self::NotExecutable => write!(f, "not linked at a fixed address (ET_EXEC)"),
            Self::BadProgramHeaders => write!(f, "program headers of unknown size"),
            Self::NeedsInterpreter => write!(f, "wants a dynamic linker"),
            Self::NoSegments => write!(f, "nothing to load"),
            Self::TooManySegments => write!(f, "more than {MAX_SEGMENTS} loadable segments"),
            Self::SegmentOutOfBounds(n) => write!(f, "segment {n} lies outside the file"),
            Self::NotHigherHalf(n) => write!(f, "segment {n} is below {LOWEST_ADDRESS:#x}"),
            Self::WritableAndExecutable(n) => write!(f, "segment {n} is writable and executable"),
            Self::Overlapping(n) => write!(f, "segment {n} shares a page with an earlier one"),
            Self::TooLarge => write!(f, "larger than {MAX_SPAN} bytes in memory"),
            Self::EntryOutsideCode(address) => {
                write!(
                    f,
                    "entry point {address:#x} is not in an executable segment"
                )
            }
        }
    }
}

/// A loadable segment whose every field has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where it is linked.
    pub virtual_address: u64,
    /// Bytes it takes in memory.
    pub memory_size: u64,
    /// Where its contents start in the file.
    pub file_offset: u64,
    /// Bytes of contents; the rest of its memory is zero.
    pub file_size: u64,
    /// May be written.
    pub writable: bool,
    /// May be executed.
    pub executable: bool,
}

impl Segment {
    /// The first page's address.
    #[must_use]
    pub const fn first_page(&self) -> u64 {
        page_floor(self.virtual_address)
    }

    /// Its length in whole pages, in bytes.
    #[must_use]
    pub const fn page_length(&self) -> u64 {
        // Ending exactly at 2^64 is legal for a kernel in the top 2 GiB, hence the wrapping.
        let end = self.virtual_address.wrapping_add(self.memory_size);
        let last_page = page_floor(end.wrapping_sub(1));
        last_page.wrapping_sub(self.first_page()) + PAGE_SIZE
    }

    fn holds(&self, address: u64) -> bool {
        address >= self.virtual_address && address - self.virtual_address < self.memory_size
    }
}

/// A kernel that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executable {
    /// Where execution starts unless a request overrides it.
    pub entry: u64,
    segments: [Segment; MAX_SEGMENTS],
    count: usize,
}

impl Executable {
    /// Checks all headers of `file`.
    ///
    /// # Errors
    ///
    /// The first [`ElfError`] found.
    pub fn parse(file: &[u8]) -> Result<Self, ElfError> {
        check_header(file)?;
        let entry = read_u64(file, 24).ok_or(ElfError::Truncated)?;
        let empty = Segment {
            virtual_address: 0,
            memory_size: 0,
            file_offset: 0,
            file_size: 0,
            writable: false,
            executable: false,
        };
        let mut executable = Self {
            entry,
            segments: [empty; MAX_SEGMENTS],
            count: 0,
        };
        for header in program_headers(file)?.chunks_exact(PROGRAM_HEADER_SIZE) {
            match read_u32(header, 0) {
                Some(PT_INTERP) => return Err(ElfError::NeedsInterpreter),
                Some(PT_LOAD) => executable.add(header, file.len() as u64)?,
                _ => {}
            }
        }
        if executable.count == 0 {
            return Err(ElfError::NoSegments);
        }
        if executable.span() > MAX_SPAN {
            return Err(ElfError::TooLarge);
        }
        if !executable.is_code(entry) {
            return Err(ElfError::EntryOutsideCode(entry));
        }
        Ok(executable)
    }

    /// The loadable segments that take memory, in the order of the file.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments[..self.count]
    }

    /// Address of the lowest page.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.segments()
            .iter()
            .map(Segment::first_page)
            .min()
            .unwrap_or(LOWEST_ADDRESS)
    }

    /// Bytes from the lowest page to the end of the highest one.
    #[must_use]
    pub fn span(&self) -> u64 {
        let base = self.base();
        let ends = self
            .segments()
            .iter()
            .map(|s| s.first_page() - base + s.page_length());
        ends.max().unwrap_or(0)
    }

    /// Whether `address` lies in an executable segment.
    #[must_use]
    pub fn is_code(&self, address: u64) -> bool {
        self.segments()
            .iter()
            .any(|segment| segment.executable && segment.holds(address))
    }

    fn add(&mut self, header: &[u8], file_length: u64) -> Result<(), ElfError> {
        let number = self.count;
        let segment = parse_segment(header).ok_or(ElfError::Truncated)?;
        if segment.memory_size == 0 && segment.file_size == 0 {
            return Ok(());
        }
        check_segment(&segment, file_length, number)?;
        for earlier in self.segments() {
            let (first, second) = if earlier.first_page() <= segment.first_page() {
                (earlier, &segment)
            } else {
                (&segment, earlier)
            };
            // Pages carry the permissions, so two segments may not share one.
            if second.first_page() - first.first_page() < first.page_length() {
                return Err(ElfError::Overlapping(number));
            }
        }
        *self
            .segments
            .get_mut(number)
            .ok_or(ElfError::TooManySegments)? = segment;
        self.count += 1;
        Ok(())
    }
}

fn check_header(file: &[u8]) -> Result<(), ElfError> {
    let header = file.get(..HEADER_SIZE).ok_or(ElfError::Truncated)?;
    if header[..4] != *b"\x7fELF" {
        return Err(ElfError::NotElf);
    }
    // Class 64-bit, data little endian, version 1.
    if header[4..7] != [2, 1, 1] {
        return Err(ElfError::Not64Bit);
    }
    match read_u16(header, 18) {
        Some(62) => {}
        machine => return Err(ElfError::WrongMachine(machine.unwrap_or(0))),
    }
    // ET_EXEC. A position-independent kernel would need its relocations applied; ours is
    // linked at its address.
    if read_u16(header, 16) != Some(2) {
        return Err(ElfError::NotExecutable);
    }
    Ok(())
}

fn program_headers(file: &[u8]) -> Result<&[u8], ElfError> {
    let offset = read_u64(file, 32).ok_or(ElfError::Truncated)?;
    let size = read_u16(file, 54).ok_or(ElfError::Truncated)?;
    let count = read_u16(file, 56).ok_or(ElfError::Truncated)?;
    if usize::from(size) != PROGRAM_HEADER_SIZE {
        return Err(ElfError::BadProgramHeaders);
    }
    let start = usize::try_from(offset).map_err(|_| ElfError::Truncated)?;
    let length = usize::from(count) * PROGRAM_HEADER_SIZE;
    let end = start.checked_add(length).ok_or(ElfError::Truncated)?;
    file.get(start..end).ok_or(ElfError::Truncated)
}

fn parse_segment(header: &[u8]) -> Option<Segment> {
    let flags = read_u32(header, 4)?;
    Some(Segment {
        virtual_address: read_u64(header, 16)?,
        memory_size: read_u64(header, 40)?,
        file_offset: read_u64(header, 8)?,
        file_size: read_u64(header, 32)?,
        writable: flags & PF_W != 0,
        executable: flags & PF_X != 0,
    })
}

fn check_segment(segment: &Segment, file_length: u64, number: usize) -> Result<(), ElfError> {
    let out_of_bounds = ElfError::SegmentOutOfBounds(number);
    let file_end = segment
        .file_offset
        .checked_add(segment.file_size)
        .ok_or(out_of_bounds)?;
    if file_end > file_length || segment.file_size > segment.memory_size {
        return Err(out_of_bounds);
    }
    // The end may be exactly 2^64, so the last byte is what is checked.
    let last_byte = segment.virtual_address.checked_add(segment.memory_size - 1);
    if segment.virtual_address < LOWEST_ADDRESS || last_byte.is_none() {
        return Err(ElfError::NotHigherHalf(number));
    }
    if segment.writable && segment.executable {
        return Err(ElfError::WritableAndExecutable(number));
    }
    if page_ceil(segment.memory_size) > MAX_SPAN {
        return Err(ElfError::TooLarge);
    }
    Ok(())
}
