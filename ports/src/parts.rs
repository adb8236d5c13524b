//! Telling apart what a package puts into the image and what only building against it needs.

use crate::{Error, Result};
use std::fs;
use std::path::Path;

/// Folders that nothing in an image reads: there is no `man` and no `info`.
const DOCUMENTS: [&str; 3] = ["usr/share/man", "usr/share/info", "usr/share/doc"];

/// Folders that only compilers and `pkg-config` read.
const DEVELOPMENT: [&str; 3] = ["usr/include", "usr/lib/pkgconfig", "usr/share/pkgconfig"];

/// Takes documents out of the installed tree `files`, and moves headers and libraries from it to the
/// same places under `development`. Programs are static: an image has no use for libraries.
pub fn separate(files: &Path, development: &Path) -> Result<()> {
    for folder in DOCUMENTS {
        let path = files.join(folder);
        if path.is_dir() {
            fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
        }
    }
    for folder in DEVELOPMENT {
        let path = files.join(folder);
        if path.is_dir() {
            move_to(&path, &development.join(folder))?;
        }
    }
    let libraries = files.join("usr/lib");
    if libraries.is_dir() {
        separate_libraries(&libraries, &development.join("usr/lib"))?;
    }
    remove_empty_folders(files).map(|_| ())
}

/// Moves archives. Libtool's files beside them name places of this machine; they are dropped.
fn separate_libraries(folder: &Path, development: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::file("list", folder))? {
        let path = entry.map_err(Error::file("list", folder))?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension {
            Some("a") => move_to(
                &path,
                &development.join(path.file_name().unwrap_or_default()),
            )?,
            Some("la") => fs::remove_file(&path).map_err(Error::file("remove", &path))?,
            _ => {}
        }
    }
    Ok(())
}

fn move_to(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
    }
    fs::rename(from, to).map_err(Error::file("move", from))
}

/// Removes folders without anything in them under `folder`; answers whether `folder` is empty now.
fn remove_empty_folders(folder: &Path) -> Result<bool> {
    let mut empty = true;
    for entry in fs::read_dir(folder).map_err(Error::file("list", folder))? {
        let entry = entry.map_err(Error::file("list", folder))?;
        let kind = entry
            .file_type()
            .map_err(Error::file("examine", entry.path()))?;
        if kind.is_dir() && remove_empty_folders(&entry.path())? {
            fs::remove_dir(entry.path()).map_err(Error::file("remove", entry.path()))?;
        } else {
            empty = false;
        }
    }
    Ok(empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_libraries_leave_the_image_and_documents_go() {
        let folder = tempfile::tempdir().unwrap();
        let (files, development) = (folder.path().join("files"), folder.path().join("more"));
        for path in [
            "usr/bin/tool",
            "usr/include/tool/tool.h",
            "usr/lib/libtool.a",
            "usr/lib/libtool.la",
            "usr/lib/pkgconfig/tool.pc",
            "usr/share/man/man1/tool.1",
            "usr/share/tool/data",
        ] {
            let path = files.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        separate(&files, &development).unwrap();
        assert!(files.join("usr/bin/tool").is_file());
        assert!(files.join("usr/share/tool/data").is_file());
        for gone in ["usr/include", "usr/lib", "usr/share/man"] {
            assert!(!files.join(gone).exists(), "{gone}");
        }
        assert!(development.join("usr/include/tool/tool.h").is_file());
        assert!(development.join("usr/lib/libtool.a").is_file());
        assert!(development.join("usr/lib/pkgconfig/tool.pc").is_file());
        assert!(!development.join("usr/lib/libtool.la").exists());
    }

    #[test]
    fn a_package_of_programs_alone_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files");
        fs::create_dir_all(files.join("bin")).unwrap();
        fs::write(files.join("bin/tool"), "").unwrap();
        separate(&files, &folder.path().join("more")).unwrap();
        assert!(files.join("bin/tool").is_file());
        assert!(!folder.path().join("more").exists());
    }
}
