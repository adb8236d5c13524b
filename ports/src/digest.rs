//! SHA-256 of files, of folders, and of everything that goes into a package.

use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Collects the inputs of a cached result; equal inputs in equal order give an equal key.
#[derive(Default)]
pub struct KeyBuilder(Sha256);

impl KeyBuilder {
    /// An empty collection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a labelled input. Lengths are hashed too, so that no two lists of inputs run together.
    pub fn add(&mut self, label: &str, bytes: &[u8]) -> &mut Self {
        for part in [label.as_bytes(), bytes] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
        self
    }

    /// The key, in hexadecimal.
    pub fn finish(self) -> String {
        hexadecimal(&self.0.finalize())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The SHA-256 of some bytes, in hexadecimal.
pub fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The SHA-256 of a file's content, in hexadecimal.
pub fn of_file(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path).map_err(Error::file("open", path))?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).map_err(Error::file("read", path))?;
    Ok(hexadecimal(&hasher.finalize()))
}

/// A key for a folder: names, kinds, execute permission, contents and link targets, in name order.
pub fn of_tree(root: &Path) -> Result<String> {
    let mut key = KeyBuilder::new();
    add_tree(&mut key, root, "")?;
    Ok(key.finish())
}

/// As [`of_tree`], without what is called `name` in the folder itself.
pub fn of_tree_without(root: &Path, name: &str) -> Result<String> {
    let mut key = KeyBuilder::new();
    let mut names = names_in(root)?;
    names.retain(|found| found != name);
    add_names(&mut key, root, names, "")?;
    Ok(key.finish())
}

fn add_tree(key: &mut KeyBuilder, folder: &Path, prefix: &str) -> Result<()> {
    add_names(key, folder, names_in(folder)?, prefix)
}

/// What is in a folder, sorted.
fn names_in(folder: &Path) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::file("list", folder))? {
        names.push(entry.map_err(Error::file("list", folder))?.file_name());
    }
    names.sort();
    Ok(names)
}

fn add_names(
    key: &mut KeyBuilder,
    folder: &Path,
    names: Vec<OsString>,
    prefix: &str,
) -> Result<()> {
    for name in names {
        let path = folder.join(&name);
        let label = format!("{prefix}/{}", name.to_string_lossy());
        let metadata = path
            .symlink_metadata()
            .map_err(Error::file("examine", &path))?;
        if metadata.is_symlink() {
            let target = path.read_link().map_err(Error::file("read", &path))?;
            key.add(
                &format!("link {label}"),
                target.as_os_str().as_encoded_bytes(),
            );
        } else if metadata.is_dir() {
            key.add("folder", label.as_bytes());
            add_tree(key, &path, &label)?;
        } else {
            let executable = metadata.permissions().mode() & 0o111 != 0;
            key.add(
                &format!("file {executable} {label}"),
                of_file(&path)?.as_bytes(),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_file_is_the_published_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(
            of_file(&path).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn inputs_do_not_run_together() {
        let mut first = KeyBuilder::new();
        first.add("a", b"bc");
        let mut second = KeyBuilder::new();
        second.add("ab", b"c");
        assert_ne!(first.finish(), second.finish());
    }

    #[test]
    fn a_file_that_is_left_out_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kept"), "one").unwrap();
        std::fs::write(folder.path().join("left"), "one").unwrap();
        let before = of_tree_without(folder.path(), "left").unwrap();
        std::fs::write(folder.path().join("left"), "two").unwrap();
        assert_eq!(before, of_tree_without(folder.path(), "left").unwrap());
        std::fs::write(folder.path().join("kept"), "two").unwrap();
        assert_ne!(before, of_tree_without(folder.path(), "left").unwrap());
    }

    #[test]
    fn a_changed_file_changes_the_key_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("inner/file"), "one").unwrap();
        let before = of_tree(folder.path()).unwrap();
        assert_eq!(before, of_tree(folder.path()).unwrap());
        std::fs::write(folder.path().join("inner/file"), "two").unwrap();
        assert_ne!(before, of_tree(folder.path()).unwrap());
    }
}
