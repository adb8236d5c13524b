//! Disk images: a GUID partition table with an EFI system partition and the root partition.

use crate::root_file_system;
use crate::workspace::read_file;
use anyhow::{Context, Result, bail};
use gpt::{GptConfig, disk::LogicalBlockSize, mbr::ProtectiveMBR, partition_types};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const SECTOR: u64 = 512;
/// Partitions start at multiples of this many sectors (1 MiB), as every partitioner does.
const ALIGNMENT: u64 = 2048;
/// Space for the kernel, the bundle and a boot loader; above the least size of a FAT32 file system.
const SYSTEM_PARTITION_BYTES: u64 = 64 << 20;
/// Where Limine keeps its second stage when it boots by BIOS.
const BIOS_PARTITION_BYTES: u64 = 1 << 20;
/// The partition tables before and behind the partitions, and their alignment.
const TABLE_BYTES: u64 = 2 << 20;

/// What makes an image bootable.
pub struct BootFiles {
    /// The kernel.
    pub kernel: PathBuf,
    /// The boot bundle.
    pub bundle: PathBuf,
    /// The kernel's command line.
    pub command_line: String,
    /// Which boot loader.
    pub loader: BootLoader,
}

/// The boot loader of an image.
pub enum BootLoader {
    /// The project's own UEFI application.
    Own(PathBuf),
    /// Limine, by UEFI and BIOS, from a folder with its binaries.
    Limine(PathBuf),
}

/// Where a partition lies, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    offset: u64,
    size: u64,
}

/// Makes the image `path` with a root partition of `root_bytes` filled from `root_folder`. A
/// half-made image never stands under that name.
pub fn make(path: &Path, boot: &BootFiles, root_folder: &Path, root_bytes: u64) -> Result<()> {
    let files = system_partition_files(boot)?;
    let incomplete = path.with_extension("incomplete");
    let made = make_incomplete(&incomplete, boot, &files, root_folder, root_bytes);
    if made.is_err() {
        let _ = std::fs::remove_file(&incomplete);
        return made;
    }
    std::fs::rename(&incomplete, path).with_context(|| format!("cannot write {}", path.display()))
}

fn make_incomplete(
    path: &Path,
    boot: &BootFiles,
    files: &[(String, Vec<u8>)],
    root_folder: &Path,
    root_bytes: u64,
) -> Result<()> {
    let limine = matches!(boot.loader, BootLoader::Limine(_));
    let bios_bytes = if limine { BIOS_PARTITION_BYTES } else { 0 };
    let root_bytes = root_bytes.next_multiple_of(1 << 20);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    let total = TABLE_BYTES + bios_bytes + SYSTEM_PARTITION_BYTES + root_bytes;
    file.set_len(total)
        .with_context(|| format!("cannot make {} {total} bytes long", path.display()))?;
    let (system, root) = partition(&file, bios_bytes, root_bytes)?;
    fill_system_partition(&file, system, files)?;
    drop(file);
    root_file_system::make(root_folder, path, root.offset, root.size)?;
    if let BootLoader::Limine(folder) = &boot.loader {
        install_limine_for_bios(folder, path)?;
    }
    Ok(())
}

/// Where the root file system of an image made by `make` lies: its offset in bytes.
pub fn root_offset(image: &Path) -> Result<u64> {
    let disk = GptConfig::new()
        .open(image)
        .with_context(|| format!("{} has no readable partition table", image.display()))?;
    let root = disk
        .partitions()
        .values()
        .find(|entry| entry.part_type_guid == partition_types::LINUX_FS);
    match root {
        Some(entry) => Ok(entry.first_lba * SECTOR),
        None => bail!("{} has no root partition", image.display()),
    }
}

/// Writes the partition table; answers the system partition and the root partition.
fn partition(file: &File, bios_bytes: u64, root_bytes: u64) -> Result<(Extent, Extent)> {
    let total_sectors = file.metadata().context("cannot examine the image")?.len() / SECTOR;
    let mut device = file.try_clone().context("cannot open the image twice")?;
    ProtectiveMBR::with_lb_size(u32::try_from(total_sectors - 1).unwrap_or(u32::MAX))
        .overwrite_lba0(&mut device)
        .context("cannot write the protective boot record")?;
    let mut disk = GptConfig::new()
        .writable(true)
        .logical_block_size(LogicalBlockSize::Lb512)
        .create_from_device(device, None)
        .context("cannot make a partition table")?;
    let mut add = |name: &str, bytes: u64, kind: partition_types::Type| -> Result<Extent> {
        let id = disk
            .add_partition(name, bytes, kind, 0, Some(ALIGNMENT))
            .with_context(|| format!("cannot add the partition {name}"))?;
        let entry = disk
            .partitions()
            .get(&id)
            .with_context(|| format!("partition {name} is not in the table"))?;
        Ok(Extent {
            offset: entry.first_lba * SECTOR,
            size: bytes,
        })
    };
    if bios_bytes != 0 {
        add("bios", bios_bytes, partition_types::BIOS)?;
    }
    let system = add("system", SYSTEM_PARTITION_BYTES, partition_types::EFI)?;
    let root = add("root", root_bytes, partition_types::LINUX_FS)?;
    disk.write().context("cannot write the partition table")?;
    Ok((system, root))
}

/// The files of the EFI system partition with their contents, so that a missing one is told before
/// anything is made.
fn system_partition_files(boot: &BootFiles) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = vec![
        ("microkosm/kernel.elf".to_string(), read_file(&boot.kernel)?),
        ("microkosm/bundle".to_string(), read_file(&boot.bundle)?),
    ];
    match &boot.loader {
        BootLoader::Own(loader) => {
            files.push(("EFI/BOOT/BOOTX64.EFI".to_string(), read_file(loader)?));
            files.push((
                "microkosm/cmdline".to_string(),
                boot.command_line.clone().into_bytes(),
            ));
        }
        BootLoader::Limine(folder) => {
            check_limine(folder)?;
            for (name, target) in LIMINE_FILES {
                files.push((target.to_string(), limine_file(folder, name)?));
            }
            files.push((
                "limine.conf".to_string(),
                limine_configuration(&boot.command_line).into_bytes(),
            ));
        }
    }
    Ok(files)
}

/// Limine's files on the EFI system partition: name in its release, and where it goes.
const LIMINE_FILES: [(&str, &str); 2] = [
    ("BOOTX64.EFI", "EFI/BOOT/BOOTX64.EFI"),
    ("limine-bios.sys", "limine-bios.sys"),
];
/// Limine's host program.
const LIMINE_PROGRAM: &str = "limine";

/// Whether a folder has all of Limine that an image needs.
pub fn check_limine(folder: &Path) -> Result<()> {
    for (name, _) in LIMINE_FILES {
        limine_file(folder, name)?;
    }
    limine_file(folder, LIMINE_PROGRAM).map(|_| ())
}

fn limine_file(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path = folder.join(name);
    let hint = match name {
        LIMINE_PROGRAM => {
            "Limine's host program; `make` in the folder of its binary release builds it"
        }
        _ => "it is in Limine's binary release",
    };
    std::fs::read(&path)
        .with_context(|| format!("--limine: cannot read {} ({hint})", path.display()))
}

fn limine_configuration(command_line: &str) -> String {
    format!(
        "timeout: 0\n\n/MicroKosm\n    protocol: limine\n    path: boot():/microkosm/kernel.elf\n    \
         cmdline: {command_line}\n    module_path: boot():/microkosm/bundle\n"
    )
}

fn fill_system_partition(file: &File, extent: Extent, files: &[(String, Vec<u8>)]) -> Result<()> {
    let room: u64 = files
        .iter()
        .map(|(_, contents)| contents.len() as u64)
        .sum();
    if room > SYSTEM_PARTITION_BYTES - (2 << 20) {
        bail!(
            "kernel and bundle need {} MiB, the EFI system partition has {}",
            room >> 20,
            SYSTEM_PARTITION_BYTES >> 20
        );
    }
    let device = file.try_clone().context("cannot open the image twice")?;
    let mut slice = fscommon::StreamSlice::new(device, extent.offset, extent.offset + extent.size)
        .context("the image is shorter than its partitions")?;
    let options = fatfs::FormatVolumeOptions::new().volume_label(*b"MICROKOSM  ");
    fatfs::format_volume(&mut slice, options).context("cannot format the EFI system partition")?;
    let volume = fatfs::FileSystem::new(fscommon::BufStream::new(slice), fatfs::FsOptions::new())
        .context("cannot open the EFI system partition")?;
    for (path, contents) in files {
        write_into(&volume.root_dir(), path, contents)
            .with_context(|| format!("cannot write {path} into the EFI system partition"))?;
    }
    volume
        .unmount()
        .context("cannot finish the EFI system partition")
}

fn write_into<T: fatfs::ReadWriteSeek>(
    root: &fatfs::Dir<'_, T>,
    path: &str,
    contents: &[u8],
) -> std::io::Result<()> {
    for (at, _) in path.match_indices('/') {
        root.create_dir(&path[..at])?;
    }
    let mut file = root.create_file(path)?;
    file.truncate()?;
    file.write_all(contents)
}

fn install_limine_for_bios(folder: &Path, image: &Path) -> Result<()> {
    let program = folder.join(LIMINE_PROGRAM);
    let output = Command::new(&program)
        .arg("bios-install")
        .arg(image)
        .output()
        .with_context(|| format!("--limine: cannot start {}", program.display()))?;
    if !output.status.success() {
        bail!(
            "--limine: {} bios-install failed: {}",
            program.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Copies an image, leaving holes where the original has zeros.
pub fn copy_sparse(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp")
        .args(["--sparse=always", "--reflink=auto", "--"])
        .args([from, to])
        .status()
        .context("cannot start cp")?;
    if !status.success() {
        bail!("cannot copy {} to {}", from.display(), to.display());
    }
    Ok(())
}

/// Parses sizes such as `512M`, `2G` or `300000K`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 'K' | 'k')) => (&text[..at], 1u64 << 10),
        Some((at, 'M' | 'm')) => (&text[..at], 1 << 20),
        Some((at, 'G' | 'g')) => (&text[..at], 1 << 30),
        _ => {
            return Err(format!(
                "{text:?} is no size; wanted a number with K, M or G behind it"
            ));
        }
    };
    let count: u64 = number
        .parse()
        .map_err(|_| format!("{text:?} is no size; wanted a number with K, M or G behind it"))?;
    let bytes = count.checked_mul(unit).filter(|bytes| *bytes <= 1 << 42);
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| format!("{text:?} is out of range (1K to 4096G)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::write_file;

    fn boot_files(folder: &Path, loader: BootLoader) -> BootFiles {
        for name in ["kernel", "bundle", "loader.efi"] {
            write_file(&folder.join(name), name).unwrap();
        }
        BootFiles {
            kernel: folder.join("kernel"),
            bundle: folder.join("bundle"),
            command_line: "x=1".into(),
            loader,
        }
    }

    #[test]
    fn an_image_has_its_partitions_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let boot = boot_files(
            folder.path(),
            BootLoader::Own(folder.path().join("loader.efi")),
        );
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("hello"), "hi").unwrap();
        let image = folder.path().join("image");
        make(&image, &boot, &root, 4 << 20).unwrap();
        root_file_system::check(&image, root_offset(&image).unwrap()).unwrap();
        assert_eq!(system_file(&image, "microkosm/cmdline"), "x=1");
    }

    /// A file of the EFI system partition.
    fn system_file(image: &Path, name: &str) -> String {
        let disk = GptConfig::new().open(image).unwrap();
        let system = disk
            .partitions()
            .values()
            .find(|entry| entry.part_type_guid == partition_types::EFI)
            .unwrap();
        let start = system.first_lba * SECTOR;
        let slice = fscommon::StreamSlice::new(
            File::open(image).unwrap(),
            start,
            start + SYSTEM_PARTITION_BYTES,
        )
        .unwrap();
        let read_only = fatfs::FileSystem::new(ReadOnly(slice), fatfs::FsOptions::new()).unwrap();
        let mut text = String::new();
        let mut file = read_only.root_dir().open_file(name).unwrap();
        std::io::Read::read_to_string(&mut file, &mut text).unwrap();
        text
    }

    struct ReadOnly(fscommon::StreamSlice<File>);
    impl std::io::Read for ReadOnly {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(buffer)
        }
    }
    impl std::io::Seek for ReadOnly {
        fn seek(&mut self, position: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(position)
        }
    }
    impl std::io::Write for ReadOnly {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_missing_limine_file_is_named_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let boot = boot_files(
            folder.path(),
            BootLoader::Limine(folder.path().to_path_buf()),
        );
        let image = folder.path().join("image");
        let error = make(&image, &boot, folder.path(), 4 << 20).unwrap_err();
        assert!(format!("{error:#}").contains("BOOTX64.EFI"), "{error:#}");
        assert!(!image.exists());
    }

    #[test]
    fn an_image_too_small_for_its_files_is_not_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let boot = boot_files(
            folder.path(),
            BootLoader::Own(folder.path().join("loader.efi")),
        );
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("large"), vec![1; 3 << 20]).unwrap();
        let image = folder.path().join("image");
        let error = make(&image, &boot, &root, 1 << 20).unwrap_err();
        assert!(format!("{error:#}").contains("--size"), "{error:#}");
        assert!(!image.exists() && !folder.path().join("image.incomplete").exists());
    }

    #[test]
    fn an_image_that_cannot_be_made_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let boot = boot_files(folder.path(), BootLoader::Own(folder.path().join("none")));
        let image = folder.path().join("image");
        std::fs::write(&image, "old").unwrap();
        assert!(make(&image, &boot, folder.path(), 4 << 20).is_err());
        assert_eq!(std::fs::read_to_string(&image).unwrap(), "old");
    }

    /// A stand-in for Limine's release: its host program writes down what it is asked.
    fn pretend_limine(folder: &Path) {
        use std::os::unix::fs::PermissionsExt;
        for (name, _) in LIMINE_FILES {
            write_file(&folder.join(name), name).unwrap();
        }
        let program = folder.join(LIMINE_PROGRAM);
        write_file(&program, "#!/bin/sh\necho \"$@\" >\"${0%/*}/asked\"\n").unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
    }

    #[test]
    fn an_image_for_limine_boots_by_uefi_and_bios() {
        let folder = tempfile::tempdir().unwrap();
        pretend_limine(folder.path());
        let loader = BootLoader::Limine(folder.path().to_path_buf());
        let boot = boot_files(folder.path(), loader);
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let image = folder.path().join("image");
        make(&image, &boot, &root, 4 << 20).unwrap();
        root_file_system::check(&image, root_offset(&image).unwrap()).unwrap();
        for (name, wanted) in [
            ("EFI/BOOT/BOOTX64.EFI", "BOOTX64.EFI"),
            ("limine-bios.sys", "limine-bios.sys"),
            ("microkosm/kernel.elf", "kernel"),
            ("microkosm/bundle", "bundle"),
            ("limine.conf", "cmdline: x=1"),
        ] {
            let text = system_file(&image, name);
            assert!(text.contains(wanted), "{name}: {text}");
        }
        let disk = GptConfig::new().open(&image).unwrap();
        let kinds = disk
            .partitions()
            .values()
            .map(|entry| &entry.part_type_guid);
        assert!(kinds.into_iter().any(|kind| *kind == partition_types::BIOS));
        let asked = std::fs::read_to_string(folder.path().join("asked")).unwrap();
        assert!(asked.starts_with("bios-install "), "{asked}");
    }

    #[test]
    fn limines_configuration_loads_the_bundle_as_a_module() {
        let text = limine_configuration("a b");
        assert!(
            text.contains("protocol: limine")
                && text.contains("module_path: boot():/microkosm/bundle")
        );
        assert!(text.contains("cmdline: a b"));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("2M"), Ok(2 << 20));
        assert_eq!(parse_size("1G"), Ok(1 << 30));
        for wrong in ["", "M", "12", "0M", "-1M", "99999999G", "1.5G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
