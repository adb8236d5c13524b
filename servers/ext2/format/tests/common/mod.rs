//! A disk in memory, and the host's mke2fs and e2fsck.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use ext2_format::{
    Attributes, BlockDevice, DeviceError, FileSystem, MountOptions, SECTOR_SIZE, Time,
};

/// A generator of pseudo-random numbers (xorshift64*), so that runs repeat.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }
}

/// A disk in memory. Writes since the last flush are remembered, as a power cut may lose any
/// of them; after `writes_left` writes the power is gone.
pub struct MemoryDisk {
    pub data: Vec<u8>,
    pub unflushed: Vec<(usize, Vec<u8>)>,
    pub record: bool,
    pub writes_left: Option<u64>,
    pub writes: u64,
}

impl MemoryDisk {
    pub fn new(data: Vec<u8>) -> MemoryDisk {
        MemoryDisk {
            data,
            unflushed: Vec::new(),
            record: false,
            writes_left: None,
            writes: 0,
        }
    }

    /// The disk after the power cut: of the writes after the last flush, a random part took
    /// place.
    pub fn after_power_cut(mut self, random: &mut Random) -> Vec<u8> {
        // `unflushed` holds what was there before each write.
        let lost: Vec<bool> = self
            .unflushed
            .iter()
            .map(|_| random.below(2) == 0)
            .collect();
        let mut kept = self.data.clone();
        for (offset, old) in self.unflushed.iter().rev() {
            kept[*offset..*offset + old.len()].copy_from_slice(old);
        }
        // Replay those that were not lost, in order.
        let mut offsets = Vec::new();
        for (index, (offset, old)) in self.unflushed.iter().enumerate() {
            offsets.push((index, *offset, old.len()));
        }
        let mut contents = Vec::new();
        let mut image = std::mem::take(&mut self.data);
        for (offset, old) in self.unflushed.iter().rev() {
            contents.push(image[*offset..*offset + old.len()].to_vec());
            image[*offset..*offset + old.len()].copy_from_slice(old);
        }
        contents.reverse();
        for (index, offset, length) in offsets {
            if !lost[index] {
                kept[offset..offset + length].copy_from_slice(&contents[index]);
            }
        }
        kept
    }
}

impl BlockDevice for MemoryDisk {
    fn sector_count(&self) -> u64 {
        (self.data.len() / SECTOR_SIZE) as u64
    }

    fn read(&mut self, first_sector: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        let start = first_sector as usize * SECTOR_SIZE;
        let source = self
            .data
            .get(start..start + buffer.len())
            .ok_or(DeviceError)?;
        buffer.copy_from_slice(source);
        Ok(())
    }

    fn write(&mut self, first_sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        if let Some(left) = &mut self.writes_left {
            *left = left.checked_sub(1).ok_or(DeviceError)?;
        }
        self.writes += 1;
        let start = first_sector as usize * SECTOR_SIZE;
        let target = self
            .data
            .get_mut(start..start + data.len())
            .ok_or(DeviceError)?;
        if self.record {
            self.unflushed.push((start, target.to_vec()));
        }
        target.copy_from_slice(data);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        if self.writes_left == Some(0) {
            return Err(DeviceError);
        }
        self.unflushed.clear();
        Ok(())
    }
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

fn temporary_file() -> PathBuf {
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("ext2-format-{}-{number}.img", std::process::id()))
}

/// An empty file system made by `mke2fs -t ext2` with `arguments`.
pub fn make(megabytes: usize, arguments: &[&str]) -> Vec<u8> {
    let path = temporary_file();
    std::fs::write(&path, vec![0; megabytes << 20]).unwrap();
    run(
        "mke2fs",
        &[&["-q", "-F", "-t", "ext2"], arguments].concat(),
        &path,
    );
    let image = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    image
}

fn run(program: &str, arguments: &[&str], path: &Path) {
    let output = Command::new(format!("/sbin/{program}"))
        .args(arguments)
        .arg(path)
        .output();
    let output = output.expect("the host needs e2fsprogs");
    assert!(output.status.success(), "{program}: {output:?}");
}

/// Runs `e2fsck -f` with `mode` (`-n` or `-y`): its exit status, its output and the image.
pub fn check(image: &[u8], mode: &str) -> (i32, String, Vec<u8>) {
    let path = temporary_file();
    std::fs::write(&path, image).unwrap();
    let output = Command::new("/sbin/e2fsck")
        .args(["-f", mode])
        .arg(&path)
        .output();
    let output = output.expect("the host needs e2fsprogs");
    let image = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap_or(-1), text, image)
}

/// Asserts that e2fsck finds nothing to complain about.
pub fn assert_clean(image: &[u8]) {
    let (status, text, _) = check(image, "-n");
    assert_eq!(status, 0, "{text}");
}

pub const NOW: Time = Time {
    seconds: 1_800_000_000,
    nanoseconds: 123_456_789,
};

pub fn options() -> MountOptions<'static> {
    MountOptions {
        read_only: false,
        cache_blocks: 64,
        now: NOW,
        in_use: &[],
        resumed: false,
    }
}

pub fn mount(image: Vec<u8>) -> FileSystem<MemoryDisk> {
    FileSystem::mount(MemoryDisk::new(image), options()).unwrap()
}

pub fn attributes() -> Attributes {
    Attributes {
        permissions: 0o644,
        user: 1000,
        group: 100_000,
        now: NOW,
    }
}
