//! Making the ext2 root file system from a folder.

use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Block size in bytes: the page size, so that a block is a page of the page cache.
const BLOCK_SIZE: u64 = 4096;
/// Bytes of an inode; those beyond 128 hold times after 2038 and nanoseconds.
const INODE_SIZE: u64 = 256;
/// Blocks that an inode names itself; beyond them a file needs index blocks.
const DIRECT_BLOCKS: u64 = 12;
/// Block numbers in an index block.
const BLOCKS_PER_INDEX: u64 = BLOCK_SIZE / 4;
/// Longest symbolic link that is kept in its inode.
const SHORT_LINK: u64 = 59;
/// mke2fs makes one inode for this many bytes.
const BYTES_PER_INODE: u64 = 16384;

/// What a tree takes on the disk.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Contents {
    blocks: u64,
    inodes: u64,
}

/// Makes a file system of `size` bytes in `image` at `offset` from what is in `folder`. Everything
/// belongs to root.
pub fn make(folder: &Path, image: &Path, offset: u64, size: u64) -> Result<()> {
    let needed = needed_bytes(folder)?;
    if needed > size {
        bail!(
            "the files need a root file system of {} MiB, but its size is {} MiB; give --size {}M or more",
            needed.div_ceil(1 << 20),
            size >> 20,
            needed.div_ceil(1 << 20)
        );
    }
    let inodes = inode_count(contents(folder)?.inodes, size);
    let mut command = Command::new("mke2fs");
    command
        .args([
            "-q",
            "-F",
            "-t",
            "ext2",
            "-b",
            &BLOCK_SIZE.to_string(),
            "-I",
            &INODE_SIZE.to_string(),
            "-m",
            "0",
        ])
        // Named one by one, so that the result does not depend on the machine's mke2fs.conf.
        .args([
            "-O",
            "none,filetype,sparse_super,large_file",
            "-L",
            "microkosm",
        ])
        .args([
            "-N",
            &inodes.to_string(),
            "-E",
            &format!("offset={offset},root_owner=0:0"),
        ])
        .arg("-d")
        .arg(folder)
        .arg(image)
        .arg(format!("{}k", size >> 10));
    run(&mut command)?;
    give_to_root(folder, image, offset)
}

/// Checks a file system as `e2fsck -fn` does; an error holds what it found.
pub fn check(image: &Path, offset: u64) -> Result<()> {
    run(Command::new("e2fsck")
        .arg("-fn")
        .arg(at_offset(image, offset)))
}

/// Repairs a file system as `e2fsck -fy` does, such as one whose machine lost its power. An error
/// when something is left that it cannot repair.
pub fn repair(image: &Path, offset: u64) -> Result<()> {
    let mut command = Command::new("e2fsck");
    command.arg("-fy").arg(at_offset(image, offset));
    // 1: errors were found and repaired.
    run_until(&mut command, &[0, 1]).map(|_| ())
}

/// What `debugfs` answers to a request.
pub fn query(image: &Path, offset: u64, request: &str) -> Result<String> {
    let mut command = Command::new("debugfs");
    command.args(["-R", request]).arg(at_offset(image, offset));
    run_until(&mut command, &[0])
}

/// The smallest size for which `make` can succeed with these files.
pub fn needed_bytes(folder: &Path) -> Result<u64> {
    let contents = contents(folder)?;
    let inode_blocks = ((contents.inodes + 16) * INODE_SIZE).div_ceil(BLOCK_SIZE);
    // Superblock copies, group descriptors and bitmaps, and lost+found; a group is 128 MiB.
    let fixed = 16 + 8 * (contents.blocks / 32768 + 1);
    let blocks = contents.blocks + inode_blocks + fixed;
    Ok((blocks + blocks / 50) * BLOCK_SIZE)
}

fn inode_count(files: u64, size: u64) -> u64 {
    (size / BYTES_PER_INODE).max(files + 32)
}

fn contents(folder: &Path) -> Result<Contents> {
    let mut total = Contents {
        blocks: 1,
        inodes: 1,
    };
    let mut directory_bytes = 0;
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let metadata = entry
            .metadata()
            .with_context(|| format!("cannot examine {}", entry.path().display()))?;
        directory_bytes += 8 + (entry.file_name().len() as u64).next_multiple_of(4);
        if metadata.is_dir() {
            let inner = contents(&entry.path())?;
            total.blocks += inner.blocks;
            total.inodes += inner.inodes;
        } else {
            total.inodes += 1;
            total.blocks += if metadata.is_symlink() && metadata.len() <= SHORT_LINK {
                0
            } else {
                blocks_of_file(metadata.len())
            };
        }
    }
    total.blocks += directory_bytes / BLOCK_SIZE;
    Ok(total)
}

/// Data and index blocks of a file without holes.
fn blocks_of_file(bytes: u64) -> u64 {
    let data = bytes.div_ceil(BLOCK_SIZE);
    let indexed = data.saturating_sub(DIRECT_BLOCKS);
    let leaves = indexed.div_ceil(BLOCKS_PER_INDEX);
    // At most one double-index block for each 1024 leaves, and the one above them.
    let above = if leaves > 1 {
        leaves.div_ceil(BLOCKS_PER_INDEX) + 1
    } else {
        0
    };
    data + leaves + above
}

/// mke2fs copies the owners of the files on the host. An image built by an ordinary user would
/// belong to that user's number, so the owners are corrected where they are not root.
fn give_to_root(folder: &Path, image: &Path, offset: u64) -> Result<()> {
    let mut script = String::new();
    list_foreign(folder, "", &mut script)?;
    if script.is_empty() {
        return Ok(());
    }
    let mut file = tempfile::NamedTempFile::new().context("cannot create a temporary file")?;
    std::io::Write::write_all(&mut file, script.as_bytes())
        .context("cannot write a temporary file")?;
    run(Command::new("debugfs")
        .arg("-w")
        .arg("-f")
        .arg(file.path())
        .arg(at_offset(image, offset)))
}

fn list_foreign(folder: &Path, guest: &str, script: &mut String) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let metadata = entry
            .metadata()
            .with_context(|| format!("cannot examine {}", entry.path().display()))?;
        let path = format!("{guest}/{}", entry.file_name().to_string_lossy());
        for (field, value) in [("uid", metadata.uid()), ("gid", metadata.gid())] {
            if value != 0 {
                // Writing to a String cannot fail.
                let _ = writeln!(script, "set_inode_field \"{path}\" {field} 0");
            }
        }
        if metadata.is_dir() {
            list_foreign(&entry.path(), &path, script)?;
        }
    }
    Ok(())
}

fn at_offset(image: &Path, offset: u64) -> String {
    format!("{}?offset={offset}", image.display())
}

fn run(command: &mut Command) -> Result<()> {
    run_until(command, &[0]).map(|_| ())
}

/// Runs a program that must end with one of these statuses; answers its standard output.
fn run_until(command: &mut Command, good: &[i32]) -> Result<String> {
    // Debian keeps these programs out of an ordinary user's PATH.
    let path = std::env::var("PATH").unwrap_or_default();
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {program} (package e2fsprogs)"))?;
    if output
        .status
        .code()
        .is_some_and(|code| good.contains(&code))
    {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = [output.stdout, output.stderr].concat();
    bail!(
        "{program} failed ({}):\n{}",
        output.status,
        String::from_utf8_lossy(&text).trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join("bin/large"), vec![7u8; 300_000]).unwrap();
        fs::write(folder.path().join("empty"), "").unwrap();
        std::os::unix::fs::symlink("bin/large", folder.path().join("link")).unwrap();
        folder
    }

    #[test]
    fn a_made_file_system_passes_e2fsck() {
        let folder = tree();
        let image = folder.path().join("../image.tmp-e2fsck");
        let image = tempfile::Builder::new()
            .tempfile_in(image.parent().unwrap())
            .unwrap();
        image.as_file().set_len(5 << 20).unwrap();
        make(folder.path(), image.path(), 1 << 20, 4 << 20).unwrap();
        check(image.path(), 1 << 20).unwrap();
    }

    #[test]
    fn files_fit_into_the_size_that_is_said_to_be_needed() {
        let folder = tree();
        let needed = needed_bytes(folder.path()).unwrap();
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(needed).unwrap();
        make(folder.path(), image.path(), 0, needed).unwrap();
        check(image.path(), 0).unwrap();
    }

    #[test]
    fn an_image_too_small_for_its_files_says_what_is_needed() {
        let folder = tree();
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(1 << 20).unwrap();
        let text = make(folder.path(), image.path(), 0, 256 << 10)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("need a root file system of 1 MiB") && text.contains("--size 1M"),
            "{text}"
        );
    }

    #[test]
    fn a_damaged_file_system_fails_the_check() {
        let folder = tree();
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(4 << 20).unwrap();
        make(folder.path(), image.path(), 0, 4 << 20).unwrap();
        std::os::unix::fs::FileExt::write_all_at(image.as_file(), &[0xff; 4096], 3 * 4096).unwrap();
        assert!(check(image.path(), 0).is_err());
    }

    #[test]
    fn index_blocks_are_counted() {
        assert_eq!(blocks_of_file(0), 0);
        assert_eq!(blocks_of_file(1), 1);
        assert_eq!(blocks_of_file(12 * 4096), 12);
        assert_eq!(blocks_of_file(13 * 4096), 14);
        assert_eq!(blocks_of_file((12 + 1024) * 4096), 12 + 1024 + 1);
    }
}
