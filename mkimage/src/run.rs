//! `mkimage run`: the system on this terminal, with a disk that keeps what is written to it.

use crate::disk::{self, copy_sparse};
use crate::image::{self, Built};
use crate::keep;
use crate::machine::{Boot, Machine, Serial, firmware};
use crate::network::Network;
use crate::workspace::{Workspace, read_file, write_file};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// What `mkimage run` was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Processors.
    pub processors: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Whether a window shows the screen.
    pub display: bool,
    /// A disk image of the user's own.
    pub disk: Option<PathBuf>,
    /// Whether firmware boots the disk, as on a PC.
    pub uefi: bool,
    /// Network cards.
    pub network: Network,
}

/// Boots and waits for the end.
pub fn run(workspace: &Workspace, built: &Built, options: &Options) -> Result<()> {
    let disk = match &options.disk {
        Some(disk) => disk.clone(),
        None => own_disk(workspace, built)?,
    };
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let boot = if options.uefi {
        firmware(folder.path())?
    } else {
        Boot::Direct {
            loader: built.system.pvh_loader.clone(),
            bundle: built.system.bundle.clone(),
            command_line: built.profile.command_line.clone(),
        }
    };
    let machine = Machine {
        processors: options.processors,
        memory_mib: options.memory_mib,
        processor_model: "max".into(),
        disk: Some(disk),
        throw_away: false,
        display: options.display,
        count_instructions: false,
        boot,
        serial: Serial::Terminal,
        consoles: Vec::new(),
        network: options.network.clone(),
    };
    let status = machine.command().status().context("cannot start QEMU")?;
    match status.code() {
        Some(0) => Ok(()),
        _ => bail!("QEMU ended with {status}"),
    }
}

/// The disk that `make run` keeps. It is made from the image the first time. When the image's own
/// files have changed since, a new disk is made from the new image and every file that was created
/// or changed in the guest is carried over; the disk as it was stays beside it.
fn own_disk(workspace: &Workspace, built: &Built) -> Result<PathBuf> {
    let disk = workspace.build("disk.img")?;
    let origin = workspace.build("disk.identity")?;
    let manifest = workspace.build("disk.manifest")?;
    let identity = read_file(&built.root_identity)?;
    if disk.is_file() && std::fs::read(&origin).is_ok_and(|text| text == identity) {
        return Ok(disk);
    }
    if disk.is_file() {
        renew(workspace, built, &disk, &manifest)?;
    } else {
        copy_sparse(&built.image, &disk)?;
    }
    keep::Manifest::of_tree(&built.root)?.save(&manifest)?;
    write_file(&origin, identity)?;
    Ok(disk)
}

fn renew(workspace: &Workspace, built: &Built, disk: &Path, manifest: &Path) -> Result<()> {
    let scratch = tempfile::tempdir_in(disk.parent().unwrap_or(Path::new(".")))
        .context("cannot make a temporary folder")?;
    let old = scratch.path().join("old");
    std::fs::create_dir(&old).with_context(|| format!("cannot create {}", old.display()))?;
    keep::extract(disk, disk::root_offset(disk)?, &old)?;
    let changed = keep::Manifest::load(manifest)?.changed_files(&old)?;
    let staging = image::root_with(built, &[], &scratch.path().join("root"))?;
    for path in &changed {
        staging.carry_over(&old, path)?;
    }
    let renewed = scratch.path().join("disk.img");
    let needed = crate::root_file_system::needed_bytes(staging.root())?;
    let room = built.profile.root_bytes()?;
    image::make_disk(
        built,
        &renewed,
        staging.root(),
        room.max(needed + room / 2),
        None,
    )?;
    let previous = workspace.build("disk.img.previous")?;
    std::fs::rename(disk, &previous).with_context(|| format!("cannot move {}", disk.display()))?;
    std::fs::rename(&renewed, disk)
        .with_context(|| format!("cannot move {}", renewed.display()))?;
    println!(
        "The system's files changed: made a new disk and carried over {} files that were written in the guest.\n\
         The disk as it was: {}",
        changed.len(),
        previous.display()
    );
    Ok(())
}
