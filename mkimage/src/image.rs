//! From a profile to an image: system, packages, root tree, disk.

use crate::disk::{self, BootFiles, BootLoader};
use crate::freshness;
use crate::guest::System;
use crate::packages;
use crate::progress::Spinner;
use crate::staging::{Addition, Staging};
use crate::workspace::{Workspace, read_file, write_file};
use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The profile that is used when none is named.
pub const DEFAULT_PROFILE: &str = "default";

/// The profile with every program, on which the tests of those run that are not in the default one.
pub const FULL_PROFILE: &str = "full";

/// What an image contains, read from `mkimage/profiles/NAME.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Recipes whose packages are installed; of files with the same path the last one's is there.
    pub packages: Vec<String>,
    /// Size of the root partition.
    pub size: String,
    /// The kernel's command line.
    pub command_line: String,
    /// Whether the kernel's backtraces have names (some 200 KB of memory).
    #[serde(default = "yes")]
    pub symbols: bool,
    /// Folders → modes.
    pub folders: BTreeMap<String, u32>,
}

/// A profile that is another one and more.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extension {
    /// The other one's name. It must not be an extension itself.
    extends: String,
    /// Recipes whose packages are installed over those of the other one.
    packages: Vec<String>,
}

/// Whether a profile's text says that it extends another one.
fn is_extension(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("extends"))
}

fn yes() -> bool {
    true
}

impl Profile {
    /// Reads a profile by name.
    pub fn load(workspace: &Workspace, name: &str) -> Result<Profile> {
        let path = workspace
            .path("mkimage/profiles")
            .join(format!("{name}.toml"));
        if name.contains('/') || !path.is_file() {
            bail!(
                "no profile is called {name:?} (there is no {})",
                path.display()
            );
        }
        let text = String::from_utf8(read_file(&path)?)
            .with_context(|| format!("{} is not UTF-8", path.display()))?;
        let wrong = |error| anyhow!("{}: {error}", path.display());
        if !is_extension(&text) {
            return toml::from_str(&text).map_err(wrong);
        }
        let extension: Extension = toml::from_str(&text).map_err(wrong)?;
        let base = workspace
            .path("mkimage/profiles")
            .join(format!("{}.toml", extension.extends));
        if is_extension(&String::from_utf8_lossy(&read_file(&base)?)) {
            bail!(
                "{}: {} extends another one itself",
                path.display(),
                extension.extends
            );
        }
        let mut profile = Profile::load(workspace, &extension.extends)?;
        profile.packages.extend(extension.packages);
        Ok(profile)
    }

    /// The size of the root partition in bytes.
    pub fn root_bytes(&self) -> Result<u64> {
        disk::parse_size(&self.size).map_err(|reason| anyhow!("profile: size: {reason}"))
    }
}

/// A profile's built parts.
pub struct Built {
    /// Loader, kernel and bundle.
    pub system: System,
    /// The profile.
    pub profile: Profile,
    /// The root tree on the host.
    pub root: PathBuf,
    /// The disk image.
    pub image: PathBuf,
    /// A file whose content changes whenever the root tree's does.
    pub root_identity: PathBuf,
}

/// Builds everything of a profile that is not up to date. Quick when nothing changed; several
/// callers at once wait for one another.
pub fn build_profile(workspace: &Workspace, name: &str) -> Result<Built> {
    let profile = Profile::load(workspace, name)?;
    let built = Built {
        system: System::locate(workspace)?,
        profile,
        root: workspace.build(&format!("profile/{name}/root"))?,
        image: workspace.build(&format!("profile/{name}/disk.img"))?,
        root_identity: workspace.build(&format!("profile/{name}/root.identity"))?,
    };
    let lock = lock(workspace)?;
    let stamp = workspace.build(&format!("profile/{name}/stamp"))?;
    let fingerprint = freshness::fingerprint(workspace, &[])?;
    if !(freshness::is_stamped(&stamp, &fingerprint) && built.image.is_file()) {
        // A build that is interrupted must not look finished.
        let _ = std::fs::remove_file(&stamp);
        rebuild(workspace, &built)?;
        write_file(&stamp, &fingerprint)?;
    }
    drop(lock);
    Ok(built)
}

fn rebuild(workspace: &Workspace, built: &Built) -> Result<()> {
    let spinner = Spinner::start();
    System::build(workspace, built.profile.symbols, &spinner)?;
    let sdk = packages::sdk(workspace, &spinner)?;
    let packages = packages::cook(workspace, &sdk, &built.profile.packages, &spinner)?;
    spinner.show("root file system");
    let staging = Staging::new(&built.root)?;
    for (folder, mode) in &built.profile.folders {
        staging.folder(folder, *mode)?;
    }
    for package in &packages {
        staging.layer(&package.files())?;
    }
    for host in packages::tools(workspace, &sdk)? {
        let guest = "/sbin/".to_string();
        staging.add(&Addition { host, guest })?;
    }
    staging.layer(&workspace.path("rootfs"))?;
    let identity = porting_kit::digest::of_tree(staging.root())?;
    write_file(&built.root_identity, identity)?;
    spinner.show("disk image");
    make_disk(
        built,
        &built.image,
        staging.root(),
        built.profile.root_bytes()?,
        None,
    )
}

/// Makes a disk image of a built system with the given root tree.
pub fn make_disk(
    built: &Built,
    path: &Path,
    root: &Path,
    root_bytes: u64,
    limine: Option<&Path>,
) -> Result<()> {
    let loader = match limine {
        Some(folder) => BootLoader::Limine(folder.to_path_buf()),
        None => BootLoader::Own(built.system.uefi_loader.clone()),
    };
    let boot = BootFiles {
        kernel: built.system.kernel.clone(),
        bundle: built.system.bundle.clone(),
        command_line: built.profile.command_line.clone(),
        loader,
    };
    disk::make(path, &boot, root, root_bytes)
}

/// The profile's root tree with more in it, in a new folder.
pub fn root_with(built: &Built, additions: &[Addition], folder: &Path) -> Result<Staging> {
    let staging = Staging::new(folder)?;
    staging.layer(&built.root)?;
    for addition in additions {
        staging.add(addition)?;
    }
    Ok(staging)
}

/// Held while something is built, so that several `mkimage exec` can start together. Whoever uses
/// the SDK holds it too. It is not to be taken twice.
pub fn lock(workspace: &Workspace) -> Result<File> {
    let path = workspace.build("lock")?;
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    file.lock()
        .with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
