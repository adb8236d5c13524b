//! The whole server over a disk and a kernel in memory, checked by e2fsck.

mod surviving;

use std::cell::RefCell;
use std::process::Command;
use std::rc::Rc;
use std::string::String;
use std::sync::atomic::{AtomicU32, Ordering};
use std::vec;
use std::vec::Vec;

use ext2_format::{BlockDevice, DeviceError, FileSystem, MountOptions, SECTOR_SIZE, Time};
use file_system::testing::{Client, TestKernel};
use file_system::{Kernel, Server, Volume};
use kernel_abi::Handle;
use proto::types::{Plain, file_type, open_flags};
use proto::{Attributes, Error};

use crate::disk::{Disk, STAGING_BYTES, Segment};
use crate::partition::find_partition;
use crate::redo::{LOG_BYTES, LogMemory, replay};
use crate::volume::DiskVolume;

const FILE: u32 = file_type::REGULAR | 0o644;
const DIRECTORY: u32 = file_type::DIRECTORY | 0o755;
const READ_WRITE: u32 = open_flags::READ_WRITE;

struct TestDisk {
    data: Vec<u8>,
    kernel: TestKernel,
    staging: Handle,
}

impl TestDisk {
    fn new(data: Vec<u8>, mut kernel: TestKernel) -> TestDisk {
        let staging = kernel.memory_create(STAGING_BYTES).unwrap();
        TestDisk {
            data,
            kernel,
            staging,
        }
    }
}

impl BlockDevice for TestDisk {
    fn sector_count(&self) -> u64 {
        (self.data.len() / SECTOR_SIZE) as u64
    }
    fn read(&mut self, first_sector: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        let start = first_sector as usize * SECTOR_SIZE;
        buffer.copy_from_slice(
            self.data
                .get(start..start + buffer.len())
                .ok_or(DeviceError)?,
        );
        Ok(())
    }
    fn write(&mut self, first_sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        let start = first_sector as usize * SECTOR_SIZE;
        let target = self
            .data
            .get_mut(start..start + data.len())
            .ok_or(DeviceError)?;
        target.copy_from_slice(data);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}

impl Disk for TestDisk {
    fn staging(&mut self) -> Result<Handle, Error> {
        Ok(self.staging)
    }
    fn clear_staging(&mut self, offset: u64, length: u64) -> Result<(), Error> {
        self.kernel
            .copy_in(self.staging, offset, &vec![0; length as usize])
    }
    fn transfer(&mut self, write: bool, memory: Handle, segments: &[Segment]) -> Result<(), Error> {
        for segment in segments {
            let mut bytes = vec![0; segment.length as usize];
            if write {
                self.kernel.copy_out(memory, segment.offset, &mut bytes)?;
                self.write(segment.sector, &bytes).map_err(|_| Error::Io)?;
            } else {
                self.read(segment.sector, &mut bytes)
                    .map_err(|_| Error::Io)?;
                self.kernel.copy_in(memory, segment.offset, &bytes)?;
            }
        }
        Ok(())
    }
}

/// A log that the test keeps while servers come and go.
#[derive(Clone)]
struct TestLog(Rc<RefCell<Vec<u8>>>);

impl LogMemory for TestLog {
    fn read(&self, offset: u64, bytes: &mut [u8]) -> Option<()> {
        let memory = self.0.borrow();
        bytes.copy_from_slice(memory.get(offset as usize..offset as usize + bytes.len())?);
        Some(())
    }
    fn write(&self, offset: u64, bytes: &[u8]) -> Option<()> {
        let mut memory = self.0.borrow_mut();
        let place = memory.get_mut(offset as usize..offset as usize + bytes.len())?;
        place.copy_from_slice(bytes);
        Some(())
    }
    fn load(&self, offset: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.read(offset, &mut bytes)?;
        Some(u64::from_le_bytes(bytes))
    }
    fn store(&self, offset: u64, value: u64) -> Option<()> {
        self.write(offset, &value.to_le_bytes())
    }
}

type TestClient = Client<DiskVolume<TestDisk, TestLog>>;

static COUNTER: AtomicU32 = AtomicU32::new(0);

fn temporary_file() -> std::path::PathBuf {
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(std::format!("ext2-server-{}-{number}", std::process::id()))
}

fn make(megabytes: usize, block_size: &str) -> Vec<u8> {
    let path = temporary_file();
    std::fs::write(&path, vec![0; megabytes << 20]).unwrap();
    let mut command = Command::new("/sbin/mke2fs");
    command
        .args(["-q", "-F", "-t", "ext2", "-b", block_size])
        .arg(&path);
    assert!(command.status().unwrap().success());
    let image = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    image
}

fn check(image: &[u8]) -> (bool, String) {
    let path = temporary_file();
    std::fs::write(&path, image).unwrap();
    let output = Command::new("/sbin/e2fsck")
        .arg("-fn")
        .arg(&path)
        .output()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

fn assert_clean(image: &[u8]) {
    let (clean, text) = check(image);
    assert!(clean, "{text}");
}

fn new_log() -> TestLog {
    TestLog(Rc::new(RefCell::new(vec![0; LOG_BYTES as usize])))
}

fn mount(image: Vec<u8>, kernel: TestKernel) -> TestClient {
    resume(image, kernel, new_log())
}

fn resume(image: Vec<u8>, kernel: TestKernel, log: TestLog) -> TestClient {
    let mut sessions = kernel.clone();
    let nodes = sessions
        .sessions()
        .into_iter()
        .filter_map(TestClient::open_file);
    let in_use: Vec<u32> = nodes.map(|file| file.node as u32).collect();
    let mut disk = TestDisk::new(image, kernel.clone());
    let replayed = replay(&log, &mut disk).unwrap();
    let options = MountOptions {
        read_only: false,
        cache_blocks: 64,
        now: Time {
            seconds: 1_800_000_000,
            nanoseconds: 0,
        },
        in_use: &in_use,
        resumed: replayed.resumed,
    };
    let mut file_system = FileSystem::mount(disk, options).unwrap();
    file_system.resume(&replayed.unfinished, &in_use).unwrap();
    let volume = DiskVolume::new(file_system, Some(log), replayed.call);
    Client::new(Server::new(volume, kernel))
}

fn client(block_size: &str) -> TestClient {
    mount(make(8, block_size), TestKernel::default())
}

fn image_of(client: TestClient) -> Vec<u8> {
    proto::file_system::unmount(&client, &[]).unwrap();
    let (mut volume, _) = client.crash();
    core::mem::take(&mut volume.file_system.device().data)
}

#[test]
fn content_survives_an_unmount_at_every_block_size() {
    for block_size in ["1024", "2048", "4096"] {
        let client = client(block_size);
        client.create("a", FILE).unwrap();
        let file = client.open("a", READ_WRITE).unwrap();
        let data: Vec<u8> = (0..300_000u32).map(|index| (index / 7) as u8).collect();
        for part in data.chunks(7777) {
            assert_eq!(client.write(file, None, part), Ok(part.len() as u64));
        }
        assert_eq!(client.write(file, Some(100), b"inside"), Ok(6));
        let image = image_of(client);
        assert_clean(&image);
        let client = mount(image, TestKernel::default());
        let file = client.open("a", 0).unwrap();
        let found = client.read(file, 0, 400_000).unwrap();
        assert_eq!(found.len(), data.len());
        assert_eq!(&found[100..106], b"inside");
        assert!(found[106..] == data[106..]);
    }
}

#[test]
fn gaps_and_cut_off_parts_read_as_zeros() {
    for block_size in ["1024", "4096"] {
        let client = client(block_size);
        client.create("other", FILE).unwrap();
        let other = client.open("other", READ_WRITE).unwrap();
        client.write(other, None, &vec![0xAA; 200_000]).unwrap();
        proto::file_system::sync(&client, &[]).unwrap();
        client.close(other);
        client.unlink("other", false).unwrap();
        proto::file_system::sync(&client, &[]).unwrap();
        // New blocks now hold 0xAA on the disk.
        client.create("a", FILE).unwrap();
        let file = client.open("a", READ_WRITE).unwrap();
        client.write(file, None, &[1; 500]).unwrap();
        client.write(file, Some(2000), &[2; 1000]).unwrap();
        client.write(file, Some(50_001), &[3; 10]).unwrap();
        client
            .with_file(file, |client| proto::file::truncate(client, 2500, &[]))
            .unwrap();
        client
            .with_file(file, |client| proto::file::truncate(client, 9000, &[]))
            .unwrap();
        // A write into the hole, inside the file.
        client.write(file, Some(6000), &[4; 10]).unwrap();
        let mut expected = vec![0; 9000];
        expected[..500].fill(1);
        expected[2000..2500].fill(2);
        expected[6000..6010].fill(4);
        assert!(client.read(file, 0, 10_000).unwrap() == expected);
        let image = image_of(client);
        assert_clean(&image);
        let client = mount(image, TestKernel::default());
        let file = client.open("a", 0).unwrap();
        assert!(client.read(file, 0, 10_000).unwrap() == expected);
    }
}

#[test]
fn pages_dropped_for_want_of_memory_are_read_again() {
    let client = client("1024");
    client.create("a", FILE).unwrap();
    let file = client.open("a", READ_WRITE).unwrap();
    client.write(file, None, &vec![5; 50_000]).unwrap();
    proto::file_system::sync(&client, &[]).unwrap();
    client.write(file, Some(10), &[6; 10]).unwrap();
    let freed = client.server.borrow_mut().shrink(1000);
    assert_eq!(freed, 12, "all but the dirty page");
    client.write(file, None, &[7; 10]).unwrap();
    let found = client.read(file, 0, 60_000).unwrap();
    assert_eq!(found.len(), 50_010);
    assert_eq!(
        (found[9], found[10], found[20], found[49_999]),
        (5, 6, 5, 5)
    );
    assert_eq!(found[50_000..], [7; 10]);
}

#[test]
fn an_open_file_without_a_name_is_freed_when_closed_and_unmapped() {
    let client = client("1024");
    client.create("a", FILE).unwrap();
    let file = client.open("a", READ_WRITE).unwrap();
    client.write(file, None, &vec![5; 50_000]).unwrap();
    let kernel = client.server.borrow().kernel.clone();
    let memory = kernel.memory_of(file).unwrap();
    kernel.set_references(memory, 1);
    client.unlink("a", false).unwrap();
    let node = TestClient::open_file(file).unwrap().node;
    let (free, generation) = {
        let volume = &mut client.server.borrow_mut().volume;
        (
            volume.status().blocks_free,
            volume.generation(node).unwrap(),
        )
    };
    client.close(file);
    client
        .server
        .borrow_mut()
        .page_request(u64::from(generation) << 32 | node, 0, 4096);
    assert!(
        client.server.borrow_mut().volume.attributes(node).is_ok(),
        "the mapping keeps it"
    );
    kernel.set_references(memory, 0);
    client.server.borrow_mut().release_unmapped();
    assert!(client.server.borrow_mut().volume.status().blocks_free >= free + 49);
    assert_clean(&image_of(client));
}

fn encode(credentials: proto::Credentials) -> Vec<u8> {
    let mut bytes = vec![0; proto::Credentials::SIZE];
    credentials.encode(&mut bytes);
    bytes
}

#[test]
fn a_full_disk_writes_what_fits() {
    let client = client("1024");
    client.create("a", FILE).unwrap();
    let file = client.open("a", READ_WRITE).unwrap();
    let mut total = 0;
    let error = loop {
        match client.write(file, None, &vec![1; 100_000]) {
            Ok(count) => total += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::NoSpace);
    assert_eq!(client.status(file).unwrap().size, total);
    assert_clean(&image_of(client));
}

#[test]
fn names_attributes_and_special_files_go_through() {
    let client = client("4096");
    client.create("d", DIRECTORY | 0o2000).unwrap();
    client.symlink("target", "d/link").unwrap();
    let node = client.create("d/fifo", file_type::FIFO | 0o600).unwrap();
    assert_eq!(client.names("d").unwrap(), [".", "..", "fifo", "link"]);
    client.rename("d/fifo", "fifo").unwrap();
    let (found, _, _, attributes) = client.walk("fifo", false).unwrap();
    assert_eq!((found, attributes.mode), (node, file_type::FIFO | 0o600));
    let device = 5 << 8 | 1;
    let root = client.node("").unwrap();
    let credentials = encode(client.credentials.get());
    let mode = file_type::CHARACTER | 0o620;
    proto::file_system::create(&client, root, mode, device, b"tty", &credentials, &[]).unwrap();
    let attributes: Attributes = client.walk("tty", false).unwrap().3;
    assert_eq!(attributes.special_device, device);
    assert_eq!(client.open("tty", 0), Err(Error::NotSupported));
    assert_clean(&image_of(client));
}

#[test]
fn the_linux_partition_of_a_partition_table_is_found() {
    let mut data = vec![0; 200 * SECTOR_SIZE];
    data[512..520].copy_from_slice(b"EFI PART");
    data[512 + 72..512 + 80].copy_from_slice(&2u64.to_le_bytes());
    data[512 + 80..512 + 84].copy_from_slice(&4u32.to_le_bytes());
    data[512 + 84..512 + 88].copy_from_slice(&128u32.to_le_bytes());
    let mut disk = TestDisk::new(data.clone(), TestKernel::default());
    assert_eq!(find_partition(&mut disk), Ok(None), "no partition fits");
    let entry = 1024 + 128;
    let kind = "AF3DC60F838472478E793D69D8477DE4";
    for index in 0..16 {
        data[entry + index] = u8::from_str_radix(&kind[index * 2..index * 2 + 2], 16).unwrap();
    }
    data[entry + 32..entry + 40].copy_from_slice(&40u64.to_le_bytes());
    data[entry + 40..entry + 48].copy_from_slice(&99u64.to_le_bytes());
    let mut disk = TestDisk::new(data, TestKernel::default());
    assert_eq!(find_partition(&mut disk), Ok(Some((40, 60))));
    let mut whole = TestDisk::new(vec![0; 100 * SECTOR_SIZE], TestKernel::default());
    assert_eq!(find_partition(&mut whole), Ok(Some((0, 100))));
}
