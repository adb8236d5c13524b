//! The tree that becomes the root file system, put together from layers.

use crate::workspace::make_folder;
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

/// One `--add HOST:GUEST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// File or folder on the host.
    pub host: PathBuf,
    /// Absolute path in the guest. When it ends with `/`, the host's name is put behind it.
    pub guest: String,
}

impl std::str::FromStr for Addition {
    type Err = String;

    fn from_str(text: &str) -> Result<Addition, String> {
        let Some((host, guest)) = text.rsplit_once(':') else {
            return Err("wanted HOST:GUEST".to_string());
        };
        if host.is_empty() || !guest.starts_with('/') {
            return Err("wanted HOST:GUEST with an absolute path in the guest".to_string());
        }
        if Path::new(guest)
            .components()
            .any(|part| part == Component::ParentDir)
        {
            return Err("the path in the guest must not contain '..'".to_string());
        }
        Ok(Addition {
            host: PathBuf::from(host),
            guest: guest.to_string(),
        })
    }
}

impl Addition {
    /// Whether there is something to add.
    pub fn check(&self) -> Result<()> {
        self.host
            .symlink_metadata()
            .map(|_| ())
            .with_context(|| format!("--add: cannot find {}", self.host.display()))
    }
}

/// A folder on the host that is filled layer by layer; a later layer's files replace earlier ones.
pub struct Staging {
    root: PathBuf,
}

impl Staging {
    /// Starts an empty tree in `root`, which must not exist or is emptied.
    pub fn new(root: &Path) -> Result<Staging> {
        if root.exists() {
            fs::remove_dir_all(root)
                .with_context(|| format!("cannot remove {}", root.display()))?;
        }
        make_folder(root)?;
        set_mode(root, 0o755)?;
        Ok(Staging {
            root: root.to_path_buf(),
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes a folder with the given mode.
    pub fn folder(&self, guest: &str, mode: u32) -> Result<()> {
        let path = self.inside(guest);
        make_folder(&path)?;
        set_mode(&path, mode)
    }

    /// Puts everything in `from` into the tree's root.
    pub fn layer(&self, from: &Path) -> Result<()> {
        merge(from, &self.root)
    }

    /// Puts a file, link or folder at one place.
    pub fn add(&self, addition: &Addition) -> Result<()> {
        addition.check()?;
        let is_folder = addition
            .host
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir());
        let mut guest = addition.guest.clone();
        if guest.ends_with('/')
            && let Some(name) = addition.host.file_name()
        {
            guest.push_str(&name.to_string_lossy());
        }
        let target = self.inside(&guest);
        if let Some(parent) = target.parent() {
            make_folder(parent)
                .with_context(|| format!("--add: {guest} would lie under a file"))?;
        }
        if is_folder {
            merge(&addition.host, &target)
        } else {
            place(&addition.host, &target)
        }
    }

    /// Puts `path` (relative) out of the tree `from` at the same place, over what is there.
    pub fn carry_over(&self, from: &Path, path: &Path) -> Result<()> {
        let target = self.root.join(path);
        if let Some(parent) = target.parent() {
            make_folder(parent)?;
        }
        place(&from.join(path), &target)
    }

    fn inside(&self, guest: &str) -> PathBuf {
        self.root.join(guest.trim_matches('/'))
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot change the mode of {}", path.display()))
}

/// Copies the folder `from` over the folder `to`; folders are merged, everything else replaced.
fn merge(from: &Path, to: &Path) -> Result<()> {
    let metadata = from
        .metadata()
        .with_context(|| format!("cannot examine {}", from.display()))?;
    if to.symlink_metadata().is_ok_and(|present| !present.is_dir()) {
        bail!(
            "the folder {} would replace a file of that name",
            from.display()
        );
    }
    if !to.exists() {
        make_folder(to)?;
        set_mode(to, metadata.mode() & 0o7777)?;
    }
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let entry = entry.with_context(|| format!("cannot list {}", from.display()))?;
        let target = to.join(entry.file_name());
        let kind = entry
            .file_type()
            .with_context(|| format!("cannot examine {}", entry.path().display()))?;
        if kind.is_dir() {
            merge(&entry.path(), &target)?;
        } else {
            place(&entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Puts a file or a symbolic link at `to`. Files are linked where they can be: an image's tree is
/// only read, and copying every package for every image would be most of the work.
fn place(from: &Path, to: &Path) -> Result<()> {
    let metadata = from
        .symlink_metadata()
        .with_context(|| format!("cannot examine {}", from.display()))?;
    match to.symlink_metadata() {
        Ok(present) if present.is_dir() => bail!(
            "the file {} would replace a folder of that name",
            from.display()
        ),
        Ok(_) => fs::remove_file(to).with_context(|| format!("cannot replace {}", to.display()))?,
        Err(_) => {}
    }
    let copied = if metadata.is_symlink() {
        fs::read_link(from).and_then(|target| symlink(target, to))
    } else if metadata.is_file() {
        fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(|_| ()))
    } else {
        bail!(
            "{} is neither a file, a folder nor a symbolic link",
            from.display()
        );
    };
    copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_addition_is_host_and_guest() {
        assert_eq!(
            "a:b:/c".parse::<Addition>().unwrap(),
            Addition {
                host: "a:b".into(),
                guest: "/c".into()
            }
        );
        for wrong in ["a", "a:b", ":/b", "a:/b/../c"] {
            assert!(wrong.parse::<Addition>().is_err(), "{wrong}");
        }
    }

    fn staging() -> (tempfile::TempDir, Staging) {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::new(&folder.path().join("root")).unwrap();
        fs::create_dir(folder.path().join("host")).unwrap();
        (folder, staging)
    }

    #[test]
    fn modes_and_links_are_kept() {
        let (folder, staging) = staging();
        let host = folder.path().join("host");
        fs::write(host.join("script"), "#!/bin/sh").unwrap();
        set_mode(&host.join("script"), 0o750).unwrap();
        symlink("script", host.join("link")).unwrap();
        symlink("nowhere", host.join("dangling")).unwrap();
        staging
            .add(&Addition {
                host,
                guest: "/opt/x".into(),
            })
            .unwrap();
        let script = staging.root().join("opt/x/script");
        assert_eq!(script.metadata().unwrap().mode() & 0o7777, 0o750);
        assert_eq!(
            fs::read_link(staging.root().join("opt/x/link")).unwrap(),
            Path::new("script")
        );
        assert_eq!(
            fs::read_link(staging.root().join("opt/x/dangling")).unwrap(),
            Path::new("nowhere")
        );
    }

    #[test]
    fn a_later_layer_replaces_a_file_without_touching_its_source() {
        let (folder, staging) = staging();
        let host = folder.path().join("host");
        fs::write(host.join("a"), "first").unwrap();
        staging.layer(&host).unwrap();
        let second = folder.path().join("second");
        fs::create_dir(&second).unwrap();
        fs::write(second.join("a"), "second").unwrap();
        staging.layer(&second).unwrap();
        assert_eq!(
            fs::read_to_string(staging.root().join("a")).unwrap(),
            "second"
        );
        assert_eq!(fs::read_to_string(host.join("a")).unwrap(), "first");
    }

    #[test]
    fn a_file_cannot_replace_a_folder() {
        let (folder, staging) = staging();
        staging.folder("/bin", 0o755).unwrap();
        let file = folder.path().join("host/file");
        fs::write(&file, "").unwrap();
        let text = staging
            .add(&Addition {
                host: file,
                guest: "/bin".into(),
            })
            .unwrap_err()
            .to_string();
        assert!(text.contains("would replace a folder"), "{text}");
    }

    #[test]
    fn a_guest_path_with_a_slash_behind_it_keeps_the_name() {
        let (folder, staging) = staging();
        let file = folder.path().join("host/file");
        fs::write(&file, "x").unwrap();
        staging
            .add(&Addition {
                host: file,
                guest: "/opt/".into(),
            })
            .unwrap();
        assert!(staging.root().join("opt/file").is_file());
    }

    #[test]
    fn a_missing_host_file_is_named() {
        let (_folder, staging) = staging();
        let missing = Addition {
            host: "/no/such/file".into(),
            guest: "/x".into(),
        };
        assert!(
            staging
                .add(&missing)
                .unwrap_err()
                .to_string()
                .contains("/no/such/file")
        );
    }
}
