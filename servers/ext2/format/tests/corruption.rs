//! Damaged images give errors: no panic, no endless loop.

mod common;

use common::*;
use ext2_format::*;

fn populated(arguments: &[&str]) -> Vec<u8> {
    let mut fs = mount(make(4, arguments));
    for number in 0..8u64 {
        let name = format!("directory{number}");
        let directory = fs
            .create(
                ROOT_INODE,
                name.as_bytes(),
                NewNode::Directory,
                attributes(),
            )
            .unwrap();
        for inner in 0..10u64 {
            let name = format!("file{inner}");
            let file = fs
                .create(directory, name.as_bytes(), NewNode::Regular, attributes())
                .unwrap();
            let size = (number * 1000 + inner * 3000) as usize;
            fs.write_at(file, inner * 100_000, &vec![1; size], NOW)
                .unwrap();
        }
        let node = NewNode::SymbolicLink(&[b'x'; 100]);
        fs.create(directory, b"link", node, attributes()).unwrap();
    }
    fs.unmount().unwrap().data
}

/// Does a little of everything; errors are fine.
fn exercise(image: Vec<u8>) {
    let Ok(mut fs) = FileSystem::mount(MemoryDisk::new(image), options()) else {
        return;
    };
    let mut queue = vec![ROOT_INODE];
    let mut visited = 0;
    while let Some(directory) = queue.pop() {
        visited += 1;
        if visited > 200 {
            break;
        }
        let mut entries = Vec::new();
        let _ = fs.read_directory(directory, 0, &mut |entry| {
            entries.push((entry.name.to_vec(), entry.inode));
            entries.len() < 100
        });
        for (name, number) in entries {
            if name == b"." || name == b".." {
                continue;
            }
            let Ok(inode) = fs.inode(number) else {
                continue;
            };
            match inode.kind {
                FileKind::Directory => queue.push(number),
                FileKind::SymbolicLink => {
                    let _ = fs.read_link(number);
                }
                _ => {
                    let mut data = [0; 5000];
                    let _ = fs.read_at(number, 100_000, &mut data);
                    let _ = fs.write_at(number, 20_000, &[2; 3000], NOW);
                    let _ = fs.truncate(number, 15_000, NOW);
                }
            }
            let _ = fs.rename(directory, &name, ROOT_INODE, b"target", false, NOW);
            if let Ok(Some(number)) = fs.unlink(ROOT_INODE, b"target", NOW) {
                let _ = fs.release(number, NOW);
            }
        }
        let _ = fs.create(directory, b"new", NewNode::Directory, attributes());
    }
    let _ = fs.sync();
    let _ = fs.unmount();
}

fn flip_bytes(arguments: &[&str], rounds: u64) {
    let image = populated(arguments);
    let mut random = Random(12345);
    for round in 0..rounds {
        let mut damaged = image.clone();
        // The superblock, the descriptors, the first tables and directories lie here.
        let reach = if round % 3 == 0 { 4096 } else { 400_000 };
        for _ in 0..1 + random.below(40) {
            let offset = 1024 + random.below(reach) as usize;
            damaged[offset] = random.next() as u8;
        }
        exercise(damaged);
    }
}

#[test]
fn damaged_images_give_errors_at_1k_blocks() {
    flip_bytes(&["-b", "1024"], 200);
}

#[test]
fn damaged_images_give_errors_at_4k_blocks() {
    flip_bytes(&["-b", "4096"], 200);
}

#[test]
fn an_indirect_block_that_names_itself_is_freed_once() {
    let mut fs = mount(make(4, &["-b", "1024"]));
    let file = fs
        .create(ROOT_INODE, b"loop", NewNode::Regular, attributes())
        .unwrap();
    fs.write_at(file, 70 << 20, b"x", NOW).unwrap();
    fs.sync().unwrap();
    let extent = fs.map_blocks(file, 70 << 10, 1).unwrap()[0];
    let image = fs.unmount().unwrap().data;
    // The blocks of the chain: triple, double, single, allocated one after the other.
    let data = extent.disk_block.unwrap();
    let mut damaged = image;
    for chain in [data - 1, data - 2, data - 3] {
        let start = chain as usize * 1024;
        for index in 0..256 {
            damaged[start + index * 4..start + index * 4 + 4]
                .copy_from_slice(&(data - 3).to_le_bytes());
        }
    }
    let mut fs = mount(damaged);
    let gone = fs.unlink(ROOT_INODE, b"loop", NOW).unwrap().unwrap();
    let _ = fs.release(gone, NOW);
    let _ = fs.sync();
    let image = fs.unmount().unwrap().data;
    assert_eq!(
        image[1024 + 58] & 2,
        2,
        "the error is noted for the next check"
    );
}
