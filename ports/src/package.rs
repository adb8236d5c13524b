//! Packages: what a recipe's build puts into the image.
//!
//! A package is a folder, `NAME-VERSION-KEY/`, with the files as they will appear in the guest in
//! `files/`, headers and libraries in `development/`, and a description in `package.toml`. It is made
//! under another name and renamed when it is complete, so one that is there is whole.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// What `package.toml` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The recipe's name.
    pub name: String,
    /// The upstream version.
    pub version: String,
    /// The program's licence.
    pub license: String,
    /// The hash of all that went in.
    pub key: String,
}

/// A finished package.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its description.
    pub description: Description,
    folder: PathBuf,
}

impl Package {
    /// Where the package of that description is or would be.
    pub fn folder_for(cache: &Path, description: &Description) -> PathBuf {
        let key = description.key.get(..16).unwrap_or(&description.key);
        cache.join("packages").join(format!(
            "{}-{}-{key}",
            description.name, description.version
        ))
    }

    /// The finished package in `cache`, if it is there and is what `description` says.
    pub fn find(cache: &Path, description: &Description) -> Option<Package> {
        let folder = Package::folder_for(cache, description);
        let text = fs::read_to_string(folder.join("package.toml")).ok()?;
        let found: Description = toml::from_str(&text).ok()?;
        (found == *description && folder.join("files").is_dir()).then_some(Package {
            description: found,
            folder,
        })
    }

    /// Turns a folder of installed files into a finished package. `staging` must be on the same
    /// file system as the cache; it is used up.
    pub fn publish(cache: &Path, description: Description, staging: &Path) -> Result<Package> {
        let text = toml::to_string(&description).map_err(|error| Error::Sdk(error.to_string()))?;
        let path = staging.join("package.toml");
        fs::write(&path, text).map_err(Error::file("write", &path))?;
        let folder = Package::folder_for(cache, &description);
        if folder.exists() {
            // Not whole, or `find` would have taken it.
            fs::remove_dir_all(&folder).map_err(Error::file("remove", &folder))?;
        }
        fs::rename(staging, &folder).map_err(Error::file("move", staging))?;
        Ok(Package {
            description,
            folder,
        })
    }

    /// The folder whose contents go to the root of the image.
    pub fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    /// The folders that together are all that was installed: what goes into the image, and the
    /// headers and libraries that only those built against this package need.
    pub fn parts(&self) -> Vec<PathBuf> {
        let mut parts = vec![self.files(), self.folder.join("development")];
        parts.retain(|part| part.is_dir());
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(key: &str) -> Description {
        Description {
            name: "lua".into(),
            version: "5.4".into(),
            license: "MIT".into(),
            key: key.into(),
        }
    }

    #[test]
    fn a_published_package_is_found_again_by_its_key_only() {
        let cache = tempfile::tempdir().unwrap();
        let staging = cache.path().join("staging");
        fs::create_dir_all(staging.join("files/bin")).unwrap();
        fs::create_dir_all(cache.path().join("packages")).unwrap();
        Package::publish(cache.path(), description("0123456789abcdef01"), &staging).unwrap();
        assert!(Package::find(cache.path(), &description("0123456789abcdef01")).is_some());
        assert!(Package::find(cache.path(), &description("0123456789abcdef02")).is_none());
        assert!(Package::find(cache.path(), &description("1")).is_none());
    }

    #[test]
    fn a_folder_without_a_description_is_no_package() {
        let cache = tempfile::tempdir().unwrap();
        fs::create_dir_all(Package::folder_for(cache.path(), &description("k")).join("files"))
            .unwrap();
        assert!(Package::find(cache.path(), &description("k")).is_none());
    }
}
