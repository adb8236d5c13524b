//! Fetching sources by package name, checking them, and unpacking them.
//!
//! Registries are reached through the machine's own tools (`apt-get`, `cargo`, `pip`, `npm`), which
//! know their mirrors, proxies and keys; no address of a registry stands in this repository.

use crate::command::{output_of, run_logged};
use crate::digest;
use crate::recipe::{Origin, Recipe};
use crate::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// After this long the lists of Debian's source packages are renewed.
const LISTS_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// The folder of checked source files, shared by all checkouts of the project.
pub struct SourceCache {
    root: PathBuf,
    /// Held while a registry's tool runs: they share files.
    fetching: Mutex<()>,
}

impl SourceCache {
    /// Uses `root/sources`, making it when needed.
    pub fn open(root: &Path) -> Result<SourceCache> {
        let root = root.join("sources");
        fs::create_dir_all(&root).map_err(Error::file("create", &root))?;
        Ok(SourceCache {
            root,
            fetching: Mutex::new(()),
        })
    }

    /// The recipe's source file, fetched when it is not there yet. Its hash has been checked.
    pub fn source_of(&self, recipe: &Recipe) -> Result<PathBuf> {
        let file = recipe.source_file();
        let kept = self.root.join(&file);
        if kept.is_file() {
            check_hash(&kept, &recipe.source.sha256)?;
            return Ok(kept);
        }
        let _one_at_a_time = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        let incoming = self
            .root
            .join(format!("incoming-{}-{}", recipe.name, std::process::id()));
        fs::create_dir_all(&incoming).map_err(Error::file("create", &incoming))?;
        let fetched = self.fetch(recipe, &file, &incoming).and_then(|path| {
            check_hash(&path, &recipe.source.sha256)?;
            fs::rename(&path, &kept).map_err(Error::file("move", &path))
        });
        // What else the registry's tool left there is of no use.
        let _ = fs::remove_dir_all(&incoming);
        fetched.map(|()| kept)
    }

    fn fetch(&self, recipe: &Recipe, file: &str, incoming: &Path) -> Result<PathBuf> {
        let origin = recipe
            .source
            .origin()
            .map_err(|reason| self.refusal(file, reason))?;
        let log = incoming.join("log");
        let fetched = match &origin {
            Origin::Debian(package) => self.fetch_debian(package, file, incoming, &log),
            Origin::Crate(name) => fetch_crate(name, &recipe.version, incoming, &log),
            Origin::Pypi(name) => fetch_pypi(name, &recipe.version, incoming, &log),
            Origin::Npm(name) => fetch_npm(name, &recipe.version, incoming, &log),
            Origin::Url(address) => fetch_address(address, &incoming.join(file), &log),
        };
        fetched.map_err(|error| self.refusal(file, error.to_string()))?;
        let path = incoming.join(file);
        if path.is_file() {
            Ok(path)
        } else {
            Err(self.refusal(
                file,
                "the registry's package of that version does not have it".into(),
            ))
        }
    }

    fn refusal(&self, file: &str, reason: String) -> Error {
        Error::Fetch {
            file: file.to_string(),
            reason,
            cache: self.root.clone(),
        }
    }

    /// `apt-get source` with lists of its own, so that the machine's configuration is left alone
    /// and no rights are needed.
    fn fetch_debian(&self, package: &str, file: &str, incoming: &Path, log: &Path) -> Result<()> {
        let apt = AptSources::open(&self.root.join("../apt"))?;
        let version = match apt.version_with_file(package, file)? {
            Some(version) => version,
            None => {
                apt.update(log)?;
                apt.version_with_file(package, file)?.ok_or_else(|| {
                    Error::Sdk(format!(
                        "no version of Debian's source package {package} here has {file}"
                    ))
                })?
            }
        };
        let mut command = apt.command("apt-get");
        command
            .args(["source", "--download-only", &format!("{package}={version}")])
            .current_dir(incoming);
        run_logged(&format!("{package}: fetch"), &mut command, log)
    }
}

/// Debian's source lists, derived from the machine's own.
struct AptSources {
    root: PathBuf,
}

impl AptSources {
    fn open(root: &Path) -> Result<AptSources> {
        for folder in ["lists/partial", "cache/archives/partial", "sources.d"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        }
        let apt = AptSources {
            root: root.to_path_buf(),
        };
        apt.write_lists()?;
        let fresh = fs::metadata(root.join("stamp"))
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age < LISTS_LIFETIME));
        if !fresh {
            apt.update(&root.join("log"))?;
        }
        Ok(apt)
    }

    /// Writes the machine's entries again with source packages in place of binary ones.
    fn write_lists(&self) -> Result<()> {
        let mut lines = String::new();
        let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
        if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
            files.extend(entries.flatten().map(|entry| entry.path()));
        }
        for path in files {
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let extension = path.extension().and_then(|extension| extension.to_str());
            if extension == Some("sources") {
                let target = self
                    .root
                    .join("sources.d")
                    .join(path.file_name().unwrap_or_default());
                fs::write(&target, with_recipes_release(source_stanzas(&text)))
                    .map_err(Error::file("write", &target))?;
            } else if extension == Some("list") {
                lines.push_str(&with_recipes_release(source_lines(&text)));
            }
        }
        let target = self.root.join("sources.list");
        fs::write(&target, lines).map_err(Error::file("write", &target))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (option, value) in [
            ("Dir::Etc::SourceList", "sources.list"),
            ("Dir::Etc::SourceParts", "sources.d"),
            ("Dir::State::Lists", "lists"),
            ("Dir::Cache", "cache"),
        ] {
            command
                .arg("-o")
                .arg(format!("{option}={}", self.root.join(value).display()));
        }
        command.args(["-o", "APT::Sandbox::User=root", "-qq"]);
        command
    }

    fn update(&self, log: &Path) -> Result<()> {
        // A third party's entry may have no sources; what matters is whether the file is found.
        if let Err(error @ Error::Start { .. }) =
            run_logged("source lists", self.command("apt-get").arg("update"), log)
        {
            return Err(error);
        }
        let stamp = self.root.join("stamp");
        fs::write(&stamp, "").map_err(Error::file("write", &stamp))
    }

    /// The version of `package` whose files include `file`.
    fn version_with_file(&self, package: &str, file: &str) -> Result<Option<String>> {
        let records =
            output_of(
                self.command("apt-cache")
                    .args(["showsrc", "--only-source", package]),
            );
        // apt-cache fails when it knows no such package; then there is no version.
        Ok(records
            .ok()
            .and_then(|text| version_in_records(&text, file)))
    }
}

/// The first record with `file` among its files, and that record's version.
fn version_in_records(records: &str, file: &str) -> Option<String> {
    records
        .split("\n\n")
        .find(|record| {
            record
                .lines()
                .any(|line| line.split_whitespace().nth(2) == Some(file))
        })
        .and_then(|record| {
            record
                .lines()
                .find_map(|line| line.strip_prefix("Version: "))
        })
        .map(|version| version.trim().to_string())
}

/// Debian releases on which the kit also looks into [`RECIPES_RELEASE`].
const NEWER_RELEASES: [&str; 1] = ["trixie"];
/// The Debian release whose source packages the recipes name.
const RECIPES_RELEASE: &str = "bookworm";

/// The source entries of a newer release, and after them the same of the release that the recipes
/// were written for: the newer one may have left their versions behind.
fn with_recipes_release(entries: String) -> String {
    match NEWER_RELEASES.iter().find(|name| entries.contains(*name)) {
        Some(newer) => format!("{entries}\n{}", entries.replace(newer, RECIPES_RELEASE)),
        None => entries,
    }
}

/// A deb822 file with `Types: deb-src`.
fn source_stanzas(text: &str) -> String {
    let lines = text.lines().map(|line| {
        if line.starts_with("Types:") {
            "Types: deb-src"
        } else {
            line
        }
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// A one-line-style file's `deb` entries as `deb-src` entries.
fn source_lines(text: &str) -> String {
    let entries = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("deb "));
    entries.map(|entry| format!("deb-src {entry}\n")).collect()
}

/// Lets Cargo fetch the crate as a dependency of an empty package and takes the file from its cache.
fn fetch_crate(name: &str, version: &str, incoming: &Path, log: &Path) -> Result<()> {
    let manifest = incoming.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n\
         [dependencies]\n{name} = \"={version}\"\n[workspace]\n"
    );
    fs::write(&manifest, text).map_err(Error::file("write", &manifest))?;
    fs::write(incoming.join("lib.rs"), "").map_err(Error::file("write", incoming))?;
    let mut command = Command::new("cargo");
    run_logged(
        &format!("{name}: fetch"),
        command.arg("fetch").arg("--manifest-path").arg(&manifest),
        log,
    )?;
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))
        .ok_or_else(|| Error::Sdk("neither CARGO_HOME nor HOME is set".into()))?;
    let cache = home.join("registry/cache");
    let file = format!("{name}-{version}.crate");
    for index in fs::read_dir(&cache)
        .map_err(Error::file("list", &cache))?
        .flatten()
    {
        let path = index.path().join(&file);
        if path.is_file() {
            fs::copy(&path, incoming.join(&file)).map_err(Error::file("copy", &path))?;
        }
    }
    Ok(())
}

fn fetch_pypi(name: &str, version: &str, incoming: &Path, log: &Path) -> Result<()> {
    let mut command = Command::new("python3");
    command.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-binary",
        ":all:",
    ]);
    command
        .arg("--dest")
        .arg(incoming)
        .arg(format!("{name}=={version}"));
    run_logged(&format!("{name}: fetch"), &mut command, log)
}

fn fetch_npm(name: &str, version: &str, incoming: &Path, log: &Path) -> Result<()> {
    let mut command = Command::new("npm");
    command
        .args(["pack", "--silent", &format!("{name}@{version}")])
        .current_dir(incoming);
    run_logged(&format!("{name}: fetch"), &mut command, log)
}

/// apt's own downloader: it is on every Debian machine, unlike curl and wget.
fn fetch_address(address: &str, target: &Path, log: &Path) -> Result<()> {
    let mut command = Command::new("/usr/lib/apt/apt-helper");
    run_logged(
        "fetch",
        command.args(["download-file", address]).arg(target),
        log,
    )
}

/// Checks a source file against the recipe's hash.
fn check_hash(path: &Path, wanted: &str) -> Result<()> {
    let found = digest::of_file(path)?;
    if found == wanted {
        return Ok(());
    }
    let file = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Err(Error::WrongHash {
        file,
        wanted: wanted.to_string(),
        found,
    })
}

/// Unpacks a source archive into the new folder `target`, without the archive's single top folder.
pub fn unpack(archive: &Path, target: &Path, log: &Path) -> Result<()> {
    fs::create_dir_all(target).map_err(Error::file("create", target))?;
    let mut command = Command::new("tar");
    command
        .arg("-xf")
        .arg(archive)
        .arg("-C")
        .arg(target)
        .args(["--strip-components=1", "--no-same-owner"]);
    run_logged("unpack", &mut command, log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_has_the_file_is_chosen() {
        let records = "Package: dash\nVersion: 0.5.12-2\nFiles:\n abc 1 dash_0.5.12-2.dsc\n def 2 dash_0.5.12.orig.tar.gz\n\n\
                       Package: dash\nVersion: 0.5.13-1\nFiles:\n abc 1 dash_0.5.13.orig.tar.gz\n";
        assert_eq!(
            version_in_records(records, "dash_0.5.13.orig.tar.gz").as_deref(),
            Some("0.5.13-1")
        );
        assert_eq!(
            version_in_records(records, "dash_0.5.12.orig.tar.gz").as_deref(),
            Some("0.5.12-2")
        );
        assert_eq!(version_in_records(records, "dash_0.5.14.orig.tar.gz"), None);
    }

    #[test]
    fn binary_entries_become_source_entries() {
        assert_eq!(
            source_lines("# x\ndeb http://m d main\ndeb-src http://m d main\n"),
            "deb-src http://m d main\n"
        );
        assert_eq!(
            source_stanzas("Types: deb\nURIs: x\n"),
            "Types: deb-src\nURIs: x\n"
        );
    }

    #[test]
    fn a_newer_release_also_asks_for_the_sources_that_the_recipes_name() {
        let newer = with_recipes_release("deb-src http://m trixie main\n".into());
        assert_eq!(
            newer,
            "deb-src http://m trixie main\n\ndeb-src http://m bookworm main\n"
        );
        let same = "deb-src http://m bookworm main\n";
        assert_eq!(with_recipes_release(same.into()), same);
    }

    #[test]
    fn a_source_with_another_hash_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar.gz");
        std::fs::write(&path, "changed").unwrap();
        let text = check_hash(&path, &"0".repeat(64)).unwrap_err().to_string();
        assert!(text.contains("x.tar.gz: wrong SHA-256"), "{text}");
    }
}
