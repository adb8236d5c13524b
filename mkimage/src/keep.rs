//! Finding what was written in a guest, so that it can be kept when its disk is made anew.

use crate::workspace::write_file;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files of an image as it was made: path → mode and content.
pub struct Manifest(BTreeMap<String, String>);

impl Manifest {
    /// Describes every file and link under `root`.
    pub fn of_tree(root: &Path) -> Result<Manifest> {
        let mut entries = BTreeMap::new();
        describe(root, "", &mut entries)?;
        Ok(Manifest(entries))
    }

    /// Writes it as lines of path, TAB, description.
    pub fn save(&self, path: &Path) -> Result<()> {
        let lines: Vec<String> = self
            .0
            .iter()
            .map(|(name, text)| format!("{name}\t{text}\n"))
            .collect();
        write_file(path, lines.concat())
    }

    /// Reads what `save` wrote. Without the file everything counts as changed, so nothing is lost.
    pub fn load(path: &Path) -> Result<Manifest> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let pairs = text.lines().filter_map(|line| line.split_once('\t'));
        Ok(Manifest(
            pairs
                .map(|(name, text)| (name.to_string(), text.to_string()))
                .collect(),
        ))
    }

    /// Files and links under `root` that are not as the manifest says, as paths inside `root`.
    pub fn changed_files(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let now = Manifest::of_tree(root)?;
        let changed = now
            .0
            .into_iter()
            .filter(|(name, text)| self.0.get(name) != Some(text));
        Ok(changed
            .map(|(name, _)| PathBuf::from(name.trim_start_matches('/')))
            .collect())
    }
}

fn describe(folder: &Path, prefix: &str, entries: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let path = entry.path();
        let metadata = entry
            .metadata()
            .with_context(|| format!("cannot examine {}", path.display()))?;
        let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if metadata.is_dir() {
            if name != "/lost+found" {
                describe(&path, &name, entries)?;
            }
        } else if metadata.is_symlink() {
            let target =
                fs::read_link(&path).with_context(|| format!("cannot read {}", path.display()))?;
            entries.insert(name, format!("link {}", target.display()));
        } else if metadata.is_file() {
            let hash = porting_kit::digest::of_file(&path)?;
            entries.insert(name, format!("{:o} {hash}", metadata.mode() & 0o7777));
        }
    }
    Ok(())
}

/// Copies all files out of an ext2 file system.
pub fn extract(image: &Path, offset: u64, to: &Path) -> Result<()> {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("debugfs")
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .args(["-R", &format!("rdump / \"{}\"", to.display())])
        .arg(format!("{}?offset={offset}", image.display()))
        .output()
        .context("cannot start debugfs (package e2fsprogs)")?;
    // debugfs ends well even when it could not open the file system.
    let messages = String::from_utf8_lossy(&output.stderr);
    let opened = to.join("lost+found").is_dir();
    if !output.status.success() || !opened {
        bail!(
            "cannot read the files of {}: {}",
            image.display(),
            messages.trim_end()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root_file_system;

    #[test]
    fn new_and_changed_files_are_found_and_untouched_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(root.join("etc/same"), "same").unwrap();
        fs::write(root.join("etc/edited"), "before").unwrap();
        let saved = folder.path().join("manifest");
        Manifest::of_tree(&root).unwrap().save(&saved).unwrap();
        fs::write(root.join("etc/edited"), "after").unwrap();
        fs::write(root.join("new"), "new").unwrap();
        let changed = Manifest::load(&saved)
            .unwrap()
            .changed_files(&root)
            .unwrap();
        assert_eq!(changed, [PathBuf::from("etc/edited"), PathBuf::from("new")]);
    }

    #[test]
    fn without_a_manifest_everything_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "a").unwrap();
        let manifest = Manifest::load(Path::new("/no/such/manifest")).unwrap();
        assert_eq!(manifest.changed_files(folder.path()).unwrap().len(), 1);
    }

    #[test]
    fn files_come_out_of_an_image_as_they_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::write(root.join("bin/file"), vec![5u8; 100_000]).unwrap();
        std::os::unix::fs::symlink("file", root.join("bin/link")).unwrap();
        let image = folder.path().join("image");
        fs::File::create(&image).unwrap().set_len(4 << 20).unwrap();
        root_file_system::make(&root, &image, 0, 4 << 20).unwrap();
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        extract(&image, 0, &out).unwrap();
        assert!(
            Manifest::of_tree(&root)
                .unwrap()
                .changed_files(&out)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_file_that_is_no_image_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        fs::write(&image, "nothing").unwrap();
        assert!(extract(&image, 0, folder.path()).is_err());
    }
}
