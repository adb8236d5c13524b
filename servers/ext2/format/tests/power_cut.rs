//! The power goes away after some write; what was synced must be there after a check.

mod common;

use std::collections::BTreeMap;

use common::*;
use ext2_format::*;

/// A file whose content was synced and not changed since.
#[derive(Clone)]
struct Synced {
    content: Vec<u8>,
    /// Where it was at the sync, and where renames brought it since: any of these may last.
    places: Vec<Place>,
}

/// A directory's index and a name.
type Place = (usize, Vec<u8>);

/// A workload that knows what it may expect after a power cut.
struct Workload {
    fs: FileSystem<MemoryDisk>,
    directories: Vec<InodeNumber>,
    random: Random,
    /// Content by place, as it is now.
    present: BTreeMap<Place, Vec<u8>>,
    synced: Vec<Synced>,
    /// Distinguishes the contents.
    serial: u32,
}

impl Workload {
    fn place(&mut self) -> Place {
        let directory = self.random.below(2) as usize;
        let name = format!("{:x>100}", self.random.below(40)).into_bytes();
        (directory, name)
    }

    /// What lies at `place` is about to be changed or replaced.
    fn give_up(&mut self, place: &Place) {
        self.synced.retain(|file| file.places.last() != Some(place));
    }

    fn write(&mut self) -> Result<(), Error> {
        let place = self.place();
        self.give_up(&place);
        let directory = self.directories[place.0];
        let file = match self.fs.lookup(directory, &place.1) {
            Ok(file) => file,
            Err(_) => self
                .fs
                .create(directory, &place.1, NewNode::Regular, attributes())?,
        };
        self.serial += 1;
        let length = 1 + self.random.below(700) as usize;
        let content = self.serial.to_le_bytes().repeat(length);
        self.fs.truncate(file, 0, NOW)?;
        self.present.insert(place, content.clone());
        self.fs.write_at(file, 0, &content, NOW)?;
        Ok(())
    }

    fn remove(&mut self) -> Result<(), Error> {
        let place = self.place();
        self.give_up(&place);
        if self.present.remove(&place).is_some()
            && let Some(file) = self.fs.unlink(self.directories[place.0], &place.1, NOW)?
        {
            self.fs.release(file, NOW)?;
        }
        Ok(())
    }

    fn rename(&mut self) -> Result<(), Error> {
        let (old, new) = (self.place(), self.place());
        if !self.present.contains_key(&old) || new == old {
            return Ok(());
        }
        self.give_up(&new);
        if let Some(file) = self
            .synced
            .iter_mut()
            .find(|file| file.places.last() == Some(&old))
        {
            file.places.push(new.clone());
        }
        if let Some(content) = self.present.remove(&old) {
            self.present.insert(new.clone(), content);
        }
        let (from, to) = (self.directories[old.0], self.directories[new.0]);
        if let Some(file) = self.fs.rename(from, &old.1, to, &new.1, false, NOW)? {
            self.fs.release(file, NOW)?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.fs.sync()?;
        let file = |(place, content): (&Place, &Vec<u8>)| Synced {
            content: content.clone(),
            places: vec![place.clone()],
        };
        self.synced = self.present.iter().map(file).collect();
        Ok(())
    }

    fn step(&mut self) -> Result<(), Error> {
        match self.random.below(24) {
            0..=7 => self.write(),
            8..=12 => self.remove(),
            13..=22 => self.rename(),
            _ => self.sync(),
        }
    }
}

/// Runs the workload until the power goes, and returns what must have survived, and the disk.
fn interrupted(image: Vec<u8>, seed: u64, writes: u64) -> (Vec<Synced>, MemoryDisk) {
    let mut disk = MemoryDisk::new(image);
    disk.record = true;
    let mut fs = FileSystem::mount(disk, options()).unwrap();
    let mut create = |name| fs.create(ROOT_INODE, name, NewNode::Directory, attributes());
    let directories = vec![create(b"d0").unwrap(), create(b"d1").unwrap()];
    fs.sync().unwrap();
    fs.device().writes_left = Some(writes);
    let (present, synced) = (BTreeMap::new(), Vec::new());
    let random = Random(seed);
    let mut workload = Workload {
        fs,
        directories,
        random,
        present,
        synced,
        serial: 0,
    };
    while workload.step().is_ok() {}
    let disk = std::mem::replace(workload.fs.device(), MemoryDisk::new(Vec::new()));
    (workload.synced, disk)
}

fn read_place(fs: &mut FileSystem<MemoryDisk>, place: &Place) -> Option<Vec<u8>> {
    let directory = fs
        .lookup(ROOT_INODE, format!("d{}", place.0).as_bytes())
        .ok()?;
    let file = fs.lookup(directory, &place.1).ok()?;
    let size = fs.inode(file).ok()?.size as usize;
    let mut data = vec![0; size];
    fs.read_at(file, 0, &mut data).ok()?;
    Some(data)
}

fn verify(image: Vec<u8>, synced: &[Synced], after: &str) {
    let mut fs = mount(image);
    // New files must not get blocks that old ones still have.
    for number in 0..20 {
        let name = format!("new{number}");
        let file = fs
            .create(ROOT_INODE, name.as_bytes(), NewNode::Regular, attributes())
            .unwrap();
        fs.write_at(file, 0, &[0xEE; 20_000], NOW).unwrap();
    }
    for file in synced {
        let found = file
            .places
            .iter()
            .any(|place| read_place(&mut fs, place).as_ref() == Some(&file.content));
        let name = |place: &Place| {
            (
                place.0,
                String::from_utf8_lossy(&place.1[96..]).into_owned(),
            )
        };
        let places: Vec<_> = file.places.iter().map(name).collect();
        assert!(found, "{after}: lost a file that was at {places:?}");
    }
}

fn cut_everywhere(arguments: &[&str], cuts: u64) {
    let image = make(16, arguments);
    for cut in 0..cuts {
        let writes = 1 + cut * 18;
        let (synced, disk) = interrupted(image.clone(), 99 + cut, writes);
        let image = disk.after_power_cut(&mut Random(cut + 1));
        let (status, text, repaired) = check(&image, "-y");
        assert!(
            status <= 2,
            "cut after {writes} writes: e2fsck says {status}: {text}"
        );
        assert_clean(&repaired);
        verify(
            repaired,
            &synced,
            &format!("cut after {writes} writes, checked"),
        );
        // Going on without a check may leak blocks but must not damage anything either.
        verify(
            image,
            &synced,
            &format!("cut after {writes} writes, not checked"),
        );
    }
}

#[test]
fn synced_files_survive_a_power_cut_at_1k_blocks() {
    cut_everywhere(&["-b", "1024"], 60);
}

#[test]
fn synced_files_survive_a_power_cut_at_4k_blocks() {
    cut_everywhere(&["-b", "4096"], 60);
}
