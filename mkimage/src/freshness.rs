//! Telling cheaply whether anything changed since the last build.
//!
//! A fingerprint is made of names, sizes and modification times, not of contents: it is taken at
//! every `mkimage run`, which must reach QEMU within moments. A false alarm only costs the build
//! tools' own, exact checks.

use crate::workspace::Workspace;
use anyhow::{Context, Result};
use porting_kit::digest::KeyBuilder;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the default image is made from, relative to the top of the tree.
const INPUTS: [&str; 11] = [
    "Cargo.toml",
    "Cargo.lock",
    "kernel",
    "servers",
    "libc",
    "mkimage/loader",
    "mkimage/profiles",
    "ports",
    "recipes",
    "rootfs",
    "setup/env.sh",
];

/// The fingerprint of the image's inputs, of this program, and of what else `extra` names.
pub fn fingerprint(workspace: &Workspace, extra: &[&str]) -> Result<String> {
    let mut key = KeyBuilder::new();
    for input in INPUTS {
        add(&mut key, &workspace.path(input))?;
    }
    if let Ok(program) = std::env::current_exe() {
        add(&mut key, &program)?;
    }
    for text in extra {
        key.add("extra", text.as_bytes());
    }
    Ok(key.finish())
}

/// Whether the stamp `path` holds `fingerprint`.
pub fn is_stamped(path: &Path, fingerprint: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text == fingerprint)
}

fn add(key: &mut KeyBuilder, path: &Path) -> Result<()> {
    let metadata = path
        .symlink_metadata()
        .with_context(|| format!("cannot examine {}", path.display()))?;
    if !metadata.is_dir() {
        let facts = [
            metadata.len() as i64,
            metadata.mtime(),
            metadata.mtime_nsec(),
            i64::from(metadata.mode()),
        ];
        let bytes: Vec<u8> = facts.iter().flat_map(|fact| fact.to_le_bytes()).collect();
        key.add(&path.to_string_lossy(), &bytes);
        return Ok(());
    }
    let entries =
        std::fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    // Build output of tools that insist on writing beside the source is no input.
    paths
        .iter()
        .filter(|path| !path.ends_with("target"))
        .try_for_each(|path| add(key, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint_of(path: &Path) -> String {
        let mut key = KeyBuilder::new();
        add(&mut key, path).unwrap();
        key.finish()
    }

    #[test]
    fn an_untouched_folder_keeps_its_fingerprint_and_a_new_file_changes_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one"), "1").unwrap();
        let before = fingerprint_of(folder.path());
        assert_eq!(before, fingerprint_of(folder.path()));
        std::fs::write(folder.path().join("two"), "2").unwrap();
        assert_ne!(before, fingerprint_of(folder.path()));
    }

    #[test]
    fn a_changed_mode_changes_the_fingerprint() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("one");
        std::fs::write(&file, "1").unwrap();
        let before = fingerprint_of(folder.path());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_ne!(before, fingerprint_of(folder.path()));
    }
}
