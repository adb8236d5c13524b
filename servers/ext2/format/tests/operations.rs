//! Single operations on file systems that mke2fs made.

mod common;

use common::*;
use ext2_format::*;

fn names(file_system: &mut FileSystem<MemoryDisk>, directory: InodeNumber) -> Vec<String> {
    let mut names = Vec::new();
    file_system
        .read_directory(directory, 0, &mut |entry| {
            names.push(String::from_utf8_lossy(entry.name).into_owned());
            true
        })
        .unwrap();
    names.sort();
    names
}

fn unmount(file_system: FileSystem<MemoryDisk>) -> Vec<u8> {
    let image = file_system.unmount().unwrap().data;
    assert_clean(&image);
    image
}

#[test]
fn every_block_size_and_revision_opens_and_stays_clean() {
    for arguments in [
        &["-b", "1024"][..],
        &["-b", "2048"],
        &["-b", "4096"],
        &["-b", "1024", "-I", "128"],
        &["-b", "1024", "-r", "0"],
        &["-b", "4096", "-O", "^filetype,^sparse_super,^resize_inode"],
    ] {
        let mut file_system = mount(make(16, arguments));
        let file = file_system
            .create(ROOT_INODE, b"file", NewNode::Regular, attributes())
            .unwrap();
        file_system.write_at(file, 5000, b"text", NOW).unwrap();
        let inner = file_system
            .create(ROOT_INODE, b"inner", NewNode::Directory, attributes())
            .unwrap();
        file_system
            .create(inner, b"x", NewNode::Fifo, attributes())
            .unwrap();
        assert_eq!(
            names(&mut file_system, ROOT_INODE),
            [".", "..", "file", "inner", "lost+found"]
        );
        unmount(file_system);
    }
}

#[test]
fn a_mounted_disk_is_not_clean_and_an_unmounted_one_is() {
    let state = |image: &[u8]| image[1024 + 58] & 1;
    let file_system = mount(make(4, &[]));
    let mut disk = file_system;
    assert_eq!(state(&disk.device().data), 0);
    let image = disk.unmount().unwrap().data;
    assert_eq!(state(&image), 1);
}

#[test]
fn a_disk_that_was_not_clean_stays_so_until_it_is_checked() {
    let mut file_system = mount(make(4, &[]));
    let crashed = file_system.device().data.clone();
    let image = mount(crashed).unmount().unwrap().data;
    assert_eq!(image[1024 + 58] & 1, 0);
}

#[test]
fn an_unknown_incompatible_feature_is_refused_by_name() {
    let mut image = make(4, &[]);
    image[1024 + 96] |= 0x40;
    let error = FileSystem::mount(MemoryDisk::new(image), options())
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "unsupported feature: extents");
}

#[test]
fn an_unknown_read_only_feature_forbids_writing_and_is_named() {
    let mut image = make(4, &[]);
    image[1024 + 101] |= 0x04;
    let mut file_system = mount(image);
    assert_eq!(
        file_system.write_blocker().unwrap().to_string(),
        "metadata_csum"
    );
    let result = file_system.create(ROOT_INODE, b"a", NewNode::Regular, attributes());
    assert_eq!(result, Err(Error::ReadOnly));
}

#[test]
fn data_that_is_no_file_system_is_refused() {
    let result = FileSystem::mount(MemoryDisk::new(vec![0; 1 << 20]), options());
    assert_eq!(result.err(), Some(Error::NotExt2));
    let result = FileSystem::mount(MemoryDisk::new(Vec::new()), options());
    assert_eq!(result.err(), Some(Error::NotExt2));
}

#[test]
fn attributes_times_and_device_numbers_survive_a_remount() {
    let mut file_system = mount(make(4, &["-I", "256"]));
    let small = NewNode::CharacterDevice(5, 1);
    let large = NewNode::BlockDevice(300, 70_000);
    let tty = file_system
        .create(ROOT_INODE, b"tty", small, attributes())
        .unwrap();
    let disk = file_system
        .create(ROOT_INODE, b"disk", large, attributes())
        .unwrap();
    let late = Time {
        seconds: 5_000_000_000,
        nanoseconds: 999_999_999,
    };
    let early = Time {
        seconds: -5,
        nanoseconds: 1,
    };
    let change = AttributeChange {
        permissions: Some(0o4755),
        user: Some(70_000),
        modified: Some(late),
        accessed: Some(early),
        ..AttributeChange::default()
    };
    file_system.set_attributes(tty, change, NOW).unwrap();
    let mut file_system = mount(unmount(file_system));
    let inode = file_system.inode(tty).unwrap();
    assert_eq!(inode.mode(), 0o024755);
    assert_eq!((inode.user, inode.group), (70_000, 100_000));
    assert_eq!(
        (inode.modified, inode.accessed, inode.changed),
        (late, early, NOW)
    );
    assert_eq!(inode.device_numbers(), (5, 1));
    assert_eq!(
        file_system.inode(disk).unwrap().device_numbers(),
        (300, 70_000)
    );
}

#[test]
fn short_and_long_links_keep_their_targets() {
    let mut file_system = mount(make(4, &["-b", "1024"]));
    for length in [1, 59, 60, 61, 1023] {
        let target = vec![b'a' + (length % 26) as u8; length];
        let name = format!("link{length}");
        let node = NewNode::SymbolicLink(&target);
        let link = file_system
            .create(ROOT_INODE, name.as_bytes(), node, attributes())
            .unwrap();
        assert_eq!(file_system.read_link(link).unwrap(), target);
    }
    let result = file_system.create(
        ROOT_INODE,
        b"l",
        NewNode::SymbolicLink(&[b'x'; 1024]),
        attributes(),
    );
    assert_eq!(result, Err(Error::NameTooLong));
    unmount(file_system);
}

#[test]
fn a_file_reaches_through_all_levels_of_indirection_and_shrinks_again() {
    let mut file_system = mount(make(16, &["-b", "1024"]));
    let free = file_system.statistics().free_blocks;
    let file = file_system
        .create(ROOT_INODE, b"sparse", NewNode::Regular, attributes())
        .unwrap();
    let offsets = [
        0u64,
        11 << 10,
        12 << 10,
        267 << 10,
        268 << 10,
        300 << 20,
        5 << 30,
        16 << 30,
    ];
    for offset in offsets {
        file_system
            .write_at(file, offset, &offset.to_le_bytes(), NOW)
            .unwrap();
    }
    for offset in offsets {
        let mut word = [0; 8];
        file_system.read_at(file, offset, &mut word).unwrap();
        assert_eq!(u64::from_le_bytes(word), offset);
    }
    assert_eq!(file_system.inode(file).unwrap().size, (16 << 30) + 8);
    let extents = file_system.map_blocks(file, 0, 1 << 24).unwrap();
    assert_eq!(
        extents.iter().map(|e| u64::from(e.count)).sum::<u64>(),
        1 << 24
    );
    let mut file_system = mount(unmount(file_system));
    for size in [(5 << 30) + 3, 300 << 20, 268 << 10, (12 << 10) + 1, 5, 0] {
        file_system.truncate(file, size, NOW).unwrap();
        assert_eq!(file_system.inode(file).unwrap().size, size);
        file_system = mount(unmount(file_system));
    }
    assert_eq!(file_system.statistics().free_blocks, free);
}

#[test]
fn what_truncation_cut_off_reads_as_zeros_after_growth() {
    let mut file_system = mount(make(4, &["-b", "1024"]));
    let file = file_system
        .create(ROOT_INODE, b"f", NewNode::Regular, attributes())
        .unwrap();
    file_system.write_at(file, 0, &[7; 3000], NOW).unwrap();
    file_system.truncate(file, 1500, NOW).unwrap();
    file_system.truncate(file, 3000, NOW).unwrap();
    let mut data = [1; 3000];
    assert_eq!(file_system.read_at(file, 0, &mut data).unwrap(), 3000);
    assert!(data[..1500].iter().all(|byte| *byte == 7));
    assert!(data[1500..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_full_disk_gives_no_space_and_gets_it_back() {
    let mut file_system = mount(make(2, &["-b", "1024"]));
    let free = file_system.statistics();
    let file = file_system
        .create(ROOT_INODE, b"f", NewNode::Regular, attributes())
        .unwrap();
    let mut offset = 0;
    let error = loop {
        match file_system.write_at(file, offset, &[5; 70_000], NOW) {
            Ok(written) => offset += written as u64,
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::NoSpace);
    assert_eq!(file_system.statistics().free_blocks, 0);
    let directory = file_system.create(ROOT_INODE, b"d", NewNode::Directory, attributes());
    assert_eq!(directory, Err(Error::NoSpace));
    assert_eq!(
        file_system.unlink(ROOT_INODE, b"f", NOW).unwrap(),
        Some(file)
    );
    file_system.release(file, NOW).unwrap();
    assert_eq!(file_system.statistics(), free);
    // Without a sync in between: allocation makes the freed blocks available itself.
    file_system
        .create(ROOT_INODE, b"d", NewNode::Directory, attributes())
        .unwrap();
    unmount(file_system);
}

#[test]
fn a_nameless_open_file_is_freed_at_the_next_mount() {
    let mut file_system = mount(make(4, &[]));
    let free = file_system.statistics();
    let mut files = Vec::new();
    for name in [b"a", b"b", b"c", b"d"] {
        let file = file_system
            .create(ROOT_INODE, name, NewNode::Regular, attributes())
            .unwrap();
        file_system.write_at(file, 0, &[1; 100_000], NOW).unwrap();
        assert_eq!(
            file_system.unlink(ROOT_INODE, name, NOW).unwrap(),
            Some(file)
        );
        files.push(file);
    }
    file_system.sync().unwrap();
    // The middle, the newest and the oldest of the list go in turn; one stays.
    file_system.release(files[1], NOW).unwrap();
    file_system.release(files[3], NOW).unwrap();
    file_system.release(files[0], NOW).unwrap();
    let mut data = [0; 4];
    file_system.read_at(files[2], 99_996, &mut data).unwrap();
    assert_eq!(data, [1; 4]);
    let image = file_system.unmount().unwrap().data;
    let file_system = mount(image);
    assert_eq!(file_system.statistics(), free);
    unmount(file_system);
}

#[test]
fn cursors_stay_valid_while_entries_come_and_go() {
    let mut file_system = mount(make(8, &["-b", "1024"]));
    let directory = file_system
        .create(ROOT_INODE, b"d", NewNode::Directory, attributes())
        .unwrap();
    for number in 0..300 {
        let name = format!("stays{number}");
        file_system
            .create(directory, name.as_bytes(), NewNode::Regular, attributes())
            .unwrap();
    }
    let (mut seen, mut cursor, mut round) = (Vec::new(), 0, 0);
    loop {
        let mut batch = 0;
        let before = cursor;
        cursor = file_system
            .read_directory(directory, cursor, &mut |entry| {
                batch += 1;
                if batch <= 7 {
                    seen.push(entry.name.to_vec());
                }
                batch <= 7
            })
            .unwrap();
        if cursor == before {
            break;
        }
        let name = format!("comes{round}");
        file_system
            .create(directory, name.as_bytes(), NewNode::Regular, attributes())
            .unwrap();
        if round % 2 == 1 {
            let file = file_system
                .unlink(directory, name.as_bytes(), NOW)
                .unwrap()
                .unwrap();
            file_system.release(file, NOW).unwrap();
        }
        round += 1;
    }
    for number in 0..300 {
        let name = format!("stays{number}").into_bytes();
        assert_eq!(seen.iter().filter(|other| **other == name).count(), 1);
    }
    unmount(file_system);
}

#[test]
fn rename_follows_posix() {
    let mut file_system = mount(make(4, &[]));
    let fs = &mut file_system;
    let a = fs
        .create(ROOT_INODE, b"a", NewNode::Directory, attributes())
        .unwrap();
    let b = fs
        .create(a, b"b", NewNode::Directory, attributes())
        .unwrap();
    let file = fs
        .create(ROOT_INODE, b"file", NewNode::Regular, attributes())
        .unwrap();
    let mut rename = |from, old: &[u8], to, new: &[u8]| fs.rename(from, old, to, new, false, NOW);
    assert_eq!(rename(ROOT_INODE, b"a", b, b"c"), Err(Error::Invalid));
    assert_eq!(rename(ROOT_INODE, b"a", a, b"c"), Err(Error::Invalid));
    assert_eq!(
        rename(ROOT_INODE, b"file", ROOT_INODE, b"a"),
        Err(Error::IsDirectory)
    );
    assert_eq!(
        rename(ROOT_INODE, b"a", ROOT_INODE, b"file"),
        Err(Error::NotDirectory)
    );
    assert_eq!(rename(a, b"b", ROOT_INODE, b"a"), Err(Error::NotEmpty));
    assert_eq!(
        rename(ROOT_INODE, b"none", ROOT_INODE, b"x"),
        Err(Error::NotFound)
    );
    assert_eq!(rename(a, b".", ROOT_INODE, b"x"), Err(Error::Invalid));
    assert_eq!(rename(ROOT_INODE, b"file", ROOT_INODE, b"file"), Ok(None));
    assert_eq!(rename(a, b"b", ROOT_INODE, b"moved"), Ok(None));
    assert_eq!(fs.lookup(b, b".."), Ok(ROOT_INODE));
    assert_eq!(fs.inode(a).unwrap().links, 2);
    assert_eq!(fs.inode(ROOT_INODE).unwrap().links, 5);
    let result = fs.rename(ROOT_INODE, b"a", ROOT_INODE, b"moved", true, NOW);
    assert_eq!(result, Err(Error::Exists));
    let result = fs.rename(ROOT_INODE, b"a", ROOT_INODE, b"moved", false, NOW);
    assert_eq!(result, Ok(Some(b)));
    fs.release(b, NOW).unwrap();
    assert_eq!(fs.lookup(ROOT_INODE, b"moved"), Ok(a));
    assert_eq!(fs.lookup(ROOT_INODE, b"a"), Err(Error::NotFound));
    fs.link(a, b"other", file, NOW).unwrap();
    assert_eq!(
        fs.rename(ROOT_INODE, b"file", a, b"other", false, NOW),
        Ok(None)
    );
    assert_eq!(
        fs.lookup(ROOT_INODE, b"file"),
        Ok(file),
        "two names of one file both stay"
    );
    unmount(file_system);
}

#[test]
fn a_removed_directory_takes_no_entries() {
    let mut file_system = mount(make(4, &[]));
    let directory = file_system
        .create(ROOT_INODE, b"d", NewNode::Directory, attributes())
        .unwrap();
    assert_eq!(
        file_system.remove_directory(ROOT_INODE, b"d", NOW),
        Ok(Some(directory))
    );
    let result = file_system.create(directory, b"x", NewNode::Regular, attributes());
    assert_eq!(result, Err(Error::NotFound));
    assert!(names(&mut file_system, directory).is_empty());
    file_system.release(directory, NOW).unwrap();
    unmount(file_system);
}

#[test]
fn a_hashed_directory_is_read_and_becomes_linear_when_changed() {
    let mut file_system = mount(make(8, &["-b", "1024"]));
    let directory = file_system
        .create(ROOT_INODE, b"d", NewNode::Directory, attributes())
        .unwrap();
    for number in 0..500 {
        let name = format!("a-rather-long-name-{number}");
        file_system
            .create(directory, name.as_bytes(), NewNode::Regular, attributes())
            .unwrap();
    }
    let image = unmount(file_system);
    // e2fsck -D builds the index.
    let (status, text, image) = check_with_index(&image);
    assert!(status <= 1, "{text}");
    let mut file_system = mount(image);
    assert_eq!(names(&mut file_system, directory).len(), 502);
    file_system
        .create(directory, b"another", NewNode::Regular, attributes())
        .unwrap();
    let gone = file_system
        .unlink(directory, b"a-rather-long-name-7", NOW)
        .unwrap()
        .unwrap();
    file_system.release(gone, NOW).unwrap();
    assert_eq!(names(&mut file_system, directory).len(), 502);
    unmount(file_system);
}

fn check_with_index(image: &[u8]) -> (i32, String, Vec<u8>) {
    check(image, "-yD")
}
