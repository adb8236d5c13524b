//! The redo log: metadata that the disk lacks, in a Memory that survives this server.
//!
//! After each change the blocks that it modified are copied here, then one word is stored that
//! makes them count. When the server dies, the next instance writes what counts to the disk and
//! goes on. (Writing every change through to the disk would survive as well, and cost a disk
//! request for each block of each change; a copy costs a microsecond.)
//!
//! Layout: a page with the header and two lists, then two halves. A half is an array of records: a word with
//! the block's number, a word of zeros, the block. The header's commit word says which half
//! counts (bit 63) and how many of its records.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use ext2_format::{BlockDevice, Error as FormatError, FileSystem, SECTOR_SIZE, Unfinished};
use kernel_abi::PAGE_SIZE;
use kernel_abi::message::WORDS;

/// Memory that survives the server.
pub trait LogMemory {
    /// Copies out; `None` beyond the end.
    fn read(&self, offset: u64, bytes: &mut [u8]) -> Option<()>;
    /// Copies in; `None` beyond the end.
    fn write(&self, offset: u64, bytes: &[u8]) -> Option<()>;
    /// Reads an aligned word.
    fn load(&self, offset: u64) -> Option<u64>;
    /// Writes an aligned word after all that was written before.
    fn store(&self, offset: u64, value: u64) -> Option<()>;
}

/// Bytes of the Memory of a log.
pub const LOG_BYTES: u64 = PAGE_SIZE + 2 * HALF_BYTES;

const HALF_BYTES: u64 = 4 << 20;
const MAGIC: u64 = 0x3167_6f6c_3274_7865;
/// Offsets in the header.
const MAGIC_AT: u64 = 0;
const COMMIT_AT: u64 = 8;
const BLOCK_SIZE_AT: u64 = 16;
/// 1 when the disk was clean when it was first mounted.
const CLEAN_AT: u64 = 24;
/// A list in the header: places of a word, 0 when free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    start: u64,
    places: u64,
}

/// Nodes that another file system is mounted on.
pub const COVERED: List = List {
    start: 1024,
    places: 128,
};
/// Keys of the contents that are parked.
pub const PARKED: List = List {
    start: 2048,
    places: 256,
};

/// Most bytes of one write of a replay.
const MOST_AT_ONCE: usize = 64 << 10;
const SECOND_HALF: u64 = 1 << 63;
const RECORD_HEADER: u64 = 16;
/// The number of a record that holds an answered call instead of a block.
const CALL_RECORD: u64 = u64::MAX;

/// The number of a record that holds what is unfinished: a word each, 0 at the end.
const UNFINISHED_RECORD: u64 = u64::MAX - 1;
/// Such a word: a freed inode, a nameless one, or else a run of blocks: count << 32 | first.
const FREED_INODE: u64 = 1 << 63;
const NAMELESS_INODE: u64 = 1 << 62;

/// A call that was carried out: its number, and the words it is answered with.
pub type DoneCall = (u64, [u64; WORDS]);

/// What [`replay`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// A server before this one had mounted the disk while it was clean.
    pub resumed: bool,
    /// The last call that it carried out.
    pub call: Option<DoneCall>,
    /// What it had yet to do.
    pub unfinished: Unfinished,
}

fn record_at(half: u64, index: u64, block_size: u64) -> u64 {
    PAGE_SIZE + half * HALF_BYTES + index * (RECORD_HEADER + block_size)
}

/// Writes what a log holds to the disk. A Memory that holds no log changes nothing.
///
/// # Errors
/// [`FormatError::Device`], [`FormatError::Corrupt`].
pub fn replay<L: LogMemory, D: BlockDevice>(
    memory: &L,
    device: &mut D,
) -> Result<Replayed, FormatError> {
    const SHORT: FormatError = FormatError::Corrupt("the redo log is cut short");
    let word = |at| memory.load(at).ok_or(SHORT);
    if word(MAGIC_AT)? != MAGIC {
        return Ok(Replayed::default());
    }
    let (commit, block_size) = (word(COMMIT_AT)?, word(BLOCK_SIZE_AT)?);
    if !(1024..=4096).contains(&block_size) || !block_size.is_power_of_two() {
        return Err(FormatError::Corrupt("the redo log's block size"));
    }
    let (half, count) = (commit >> 63, commit & !SECOND_HALF);
    if count > HALF_BYTES / (RECORD_HEADER + block_size) {
        return Err(SHORT);
    }
    let mut replayed = Replayed {
        resumed: word(CLEAN_AT)? == 1,
        ..Replayed::default()
    };
    // Only the last copy of a block counts; in order, they go to the disk in few requests.
    let mut copies = BTreeMap::new();
    let mut data = vec![0; block_size as usize];
    for index in 0..count {
        let at = record_at(half, index, block_size);
        let number = word(at)?;
        match number {
            CALL_RECORD | UNFINISHED_RECORD => {
                memory.read(at + RECORD_HEADER, &mut data).ok_or(SHORT)?;
            }
            block => {
                copies.insert(block, at + RECORD_HEADER);
            }
        }
        match number {
            CALL_RECORD => replayed.call = Some(decode_call(&data)),
            UNFINISHED_RECORD => decode_unfinished(&data, &mut replayed.unfinished),
            _ => {}
        }
    }
    write_blocks(memory, device, block_size, &copies)?;
    device.flush()?;
    Ok(replayed)
}

/// Writes blocks, given with where their copies are, in runs.
fn write_blocks<L: LogMemory, D: BlockDevice>(
    memory: &L,
    device: &mut D,
    block_size: u64,
    copies: &BTreeMap<u64, u64>,
) -> Result<(), FormatError> {
    const SHORT: FormatError = FormatError::Corrupt("the redo log is cut short");
    let sectors = block_size / SECTOR_SIZE as u64;
    let mut run = Vec::new();
    for (&block, &at) in copies {
        let start = run.len();
        run.resize(start + block_size as usize, 0);
        memory.read(at, &mut run[start..]).ok_or(SHORT)?;
        let goes_on = copies.contains_key(&block.saturating_add(1)) && run.len() < MOST_AT_ONCE;
        if !goes_on {
            let first = block - (run.len() as u64 / block_size - 1);
            device.write(first.checked_mul(sectors).ok_or(SHORT)?, &run)?;
            run.clear();
        }
    }
    Ok(())
}

fn decode_unfinished(data: &[u8], found: &mut Unfinished) {
    let words = data
        .chunks_exact(8)
        .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap_or([0; 8])));
    for word in words.take_while(|word| *word != 0) {
        match word {
            word if word & FREED_INODE != 0 => found.inodes.push(word as u32),
            word if word & NAMELESS_INODE != 0 => found.nameless.push(word as u32),
            run => found.blocks.push((run as u32, (run >> 32) as u32)),
        }
    }
}

fn decode_call(data: &[u8]) -> DoneCall {
    let mut words = data
        .chunks_exact(8)
        .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap_or([0; 8])));
    let number = words.next().unwrap_or(0);
    (number, core::array::from_fn(|_| words.next().unwrap_or(0)))
}

/// The log of a mounted file system.
pub struct Log<L> {
    memory: L,
    block_size: u64,
    half: u64,
    count: u64,
    epoch: u64,
    recorded: Recorded,
}

/// What of the unfinished is in this half already: how many runs and inodes, and which had no name.
#[derive(Default)]
struct Recorded {
    blocks: usize,
    last_run: Option<(u32, u32)>,
    inodes: usize,
    nameless: Vec<u32>,
}

impl<L: LogMemory> Log<L> {
    /// Starts an empty log, replacing what `memory` held: the file system has been mounted, so
    /// the disk has it. `None` when the Memory is too small.
    pub fn start<D: BlockDevice>(memory: L, file_system: &FileSystem<D>) -> Option<Log<L>> {
        let block_size = u64::from(file_system.block_size());
        let half = memory.load(COMMIT_AT)? >> 63 ^ 1;
        memory.store(COMMIT_AT, half << 63)?;
        memory.store(BLOCK_SIZE_AT, block_size)?;
        memory.store(CLEAN_AT, file_system.is_clean().into())?;
        memory.store(MAGIC_AT, MAGIC)?;
        // An epoch that no file system has: the first commit takes everything.
        Some(Log {
            memory,
            block_size,
            half,
            count: 0,
            epoch: u64::MAX,
            recorded: Recorded::default(),
        })
    }

    fn records(&self) -> u64 {
        HALF_BYTES / (RECORD_HEADER + self.block_size)
    }

    fn append(&mut self, number: u64, data: &[u8]) -> Option<()> {
        if self.count >= self.records() {
            return None;
        }
        let at = record_at(self.half, self.count, self.block_size);
        self.memory.write(at, &number.to_le_bytes())?;
        self.memory.write(at + RECORD_HEADER, data)?;
        self.count += 1;
        Some(())
    }

    /// Copies blocks of the file system: all dirty ones to the other half, or those that
    /// changed behind the others. False when there is no room.
    fn copy<D: BlockDevice>(
        &mut self,
        file_system: &mut FileSystem<D>,
        all: bool,
    ) -> Result<bool, FormatError> {
        if all {
            self.half ^= 1;
            self.count = 0;
            self.recorded = Recorded::default();
        }
        let mut fits = true;
        file_system.visit_changes(all, &mut |block, data| {
            fits &= self.append(block, data).is_some();
        })?;
        // A place is left for the call.
        Ok(self.record_unfinished(file_system) && fits && self.count < self.records())
    }

    /// Adds what is unfinished and not in this half yet. False when there is no room.
    fn record_unfinished<D: BlockDevice>(&mut self, file_system: &FileSystem<D>) -> bool {
        let (blocks, inodes, nameless) = file_system.unfinished();
        let recorded = &self.recorded;
        if (blocks.len(), inodes.len()) == (recorded.blocks, recorded.inodes)
            && blocks.last() == recorded.last_run.as_ref()
            && nameless == recorded.nameless
        {
            return true;
        }
        // The last run may have grown since it was recorded.
        let runs = blocks.iter().skip(recorded.blocks.saturating_sub(1));
        let runs = runs.map(|(first, count)| u64::from(*count) << 32 | u64::from(*first));
        let freed = inodes.iter().skip(recorded.inodes);
        let freed = freed.map(|number| FREED_INODE | u64::from(*number));
        let others = nameless
            .iter()
            .filter(|number| !recorded.nameless.contains(number));
        let others = others.map(|number| NAMELESS_INODE | u64::from(*number));
        let words: Vec<u64> = runs.chain(freed).chain(others).collect();
        self.recorded = Recorded {
            blocks: blocks.len(),
            last_run: blocks.last().copied(),
            inodes: inodes.len(),
            nameless: nameless.to_vec(),
        };
        let in_record = self.block_size as usize / 8;
        words.chunks(in_record).all(|words| {
            let mut data: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            data.resize(self.block_size as usize, 0);
            self.append(UNFINISHED_RECORD, &data).is_some()
        })
    }

    /// Makes the present state of the file system, and the call that led to it, survive.
    pub fn commit<D: BlockDevice>(
        &mut self,
        file_system: &mut FileSystem<D>,
        call: Option<DoneCall>,
    ) -> Result<(), FormatError> {
        let same = file_system.changes_epoch() == self.epoch;
        let mut fits = same && self.copy(file_system, false)?;
        if !fits {
            fits = self.copy(file_system, true)?;
        }
        if !fits {
            // Too much is dirty: on the disk it is as safe.
            file_system.sync()?;
            self.copy(file_system, true)?;
        }
        self.epoch = file_system.changes_epoch();
        if let Some((number, words)) = call {
            let mut data: Vec<u8> = number.to_le_bytes().to_vec();
            data.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            self.append(CALL_RECORD, &data);
        }
        let word = self.half << 63 | self.count;
        self.memory
            .store(COMMIT_AT, word)
            .ok_or(FormatError::Corrupt("the redo log is too small"))
    }

    /// The members of a list, noted by this server or one before it.
    pub fn members(&self, list: List) -> Vec<u64> {
        let places = (0..list.places).filter_map(|place| self.memory.load(list.start + place * 8));
        places.filter(|member| *member != 0).collect()
    }

    /// Takes a member into a list, or out of it. False when there is no place.
    pub fn note(&mut self, list: List, member: u64, present: bool) -> bool {
        if self.members(list).contains(&member) == present {
            return true;
        }
        let (before, after) = if present { (0, member) } else { (member, 0) };
        let mut places = (0..list.places).map(|place| list.start + place * 8);
        let place = places.find(|at| self.memory.load(*at) == Some(before));
        place.and_then(|at| self.memory.store(at, after)).is_some()
    }

    /// Ends the log: the disk has everything and is clean.
    pub fn finish(&mut self) {
        let _ = self.memory.store(MAGIC_AT, 0);
    }
}
