//! Recipes: where a program's source comes from, how it is built, what is installed, and what it
//! must print when it is run in the guest. `docs/porting.md` describes every field.

use crate::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A recipe, read from `recipes/NAME/recipe.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The name, equal to the folder's.
    pub name: String,
    /// The upstream version.
    pub version: String,
    /// One line for `mkimage port list`.
    pub summary: String,
    /// The program's licence, as an SPDX expression.
    pub license: String,
    /// Recipes whose packages must be there to build this one (libraries).
    #[serde(default)]
    pub depends: Vec<String>,
    /// Where the source comes from.
    pub source: Source,
    /// How it is built.
    pub build: Build,
    /// What goes into the image.
    #[serde(default)]
    pub install: Install,
    /// What the guest test runs.
    pub test: Option<RunTest>,
}

/// Where a source comes from: a registry and the package's name there, or an address; and always
/// the SHA-256 of the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name of a Debian source package; `file` is then its upstream tarball.
    pub debian: Option<String>,
    /// Name of a crate in Cargo's registry.
    #[serde(rename = "crate")]
    pub cargo_crate: Option<String>,
    /// Name of a package in the Python package index.
    pub pypi: Option<String>,
    /// Name of an npm package.
    pub npm: Option<String>,
    /// An address, for sources that are in no registry.
    pub url: Option<String>,
    /// The file's name; derived from name and version for crates.
    pub file: Option<String>,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

/// The registry a source comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A Debian source package.
    Debian(String),
    /// A crate.
    Crate(String),
    /// A Python source distribution.
    Pypi(String),
    /// An npm package.
    Npm(String),
    /// An address.
    Url(String),
}

/// How a program is built.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The build system.
    pub system: BuildSystem,
    /// Arguments of the configuration step (`configure`, `cmake`, `meson setup`) or of `cargo build`.
    #[serde(default)]
    pub options: Vec<String>,
    /// Arguments and targets of `make`.
    #[serde(default)]
    pub make: Vec<String>,
    /// Environment variables, such as `ac_cv_...` answers that cannot be found out when cross-compiling.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// More compiler flags.
    #[serde(default)]
    pub cflags: Vec<String>,
    /// Folder inside the source in which to build.
    pub folder: Option<String>,
    /// The commands of the `custom` system, run by the build machine's `sh -e`.
    pub script: Option<String>,
    /// Commands that link again what `script` compiled, when only libc's code has changed. Without
    /// them the `custom` system begins anew.
    pub relink: Option<String>,
}

/// The build systems that the kit knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuildSystem {
    /// `./configure && make`.
    Configure,
    /// `cmake` with the SDK's toolchain file.
    Cmake,
    /// `meson` with the SDK's cross file.
    Meson,
    /// A Makefile alone.
    Make,
    /// `cargo` with the SDK's target.
    Cargo,
    /// The recipe's own script.
    Custom,
}

/// What goes into the image. With neither `files` nor `script`, the build system's own
/// installation (`make install`) decides.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Install {
    /// Made by the build (relative to the source) → absolute path in the guest.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Absolute path in the guest → what the symbolic link there contains.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// Commands that fill `$DESTDIR`.
    pub script: Option<String>,
}

/// A program's trial in the guest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunTest {
    /// Run by the guest's `/bin/sh -c`.
    pub command: String,
    /// What it must print on standard output, exactly.
    pub output: String,
    /// Its exit status.
    #[serde(default)]
    pub status: i32,
}

impl Recipe {
    /// Reads and checks `folder/recipe.toml`.
    pub fn load(folder: &Path) -> Result<Recipe> {
        let path = folder.join("recipe.toml");
        let text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let recipe = Recipe::parse(&text, &path)?;
        if folder
            .file_name()
            .is_none_or(|name| name != recipe.name.as_str())
        {
            let reason = format!("{:?} is not the name of the recipe's folder", recipe.name);
            return Err(Error::RecipeField {
                path,
                field: "name",
                reason,
            });
        }
        Ok(recipe)
    }

    /// Parses a recipe's text; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Recipe> {
        let recipe: Recipe = toml::from_str(text).map_err(|error| Error::RecipeSyntax {
            path: path.to_path_buf(),
            message: error.to_string(),
        })?;
        recipe.check(path)?;
        Ok(recipe)
    }

    fn check(&self, path: &Path) -> Result<()> {
        let wrong = |field, reason: String| {
            Err(Error::RecipeField {
                path: path.to_path_buf(),
                field,
                reason,
            })
        };
        if !is_plain_name(&self.name) {
            return wrong(
                "name",
                format!(
                    "{:?} may only have small letters, digits, '.', '+', '_' and '-'",
                    self.name
                ),
            );
        }
        if !is_plain_name(&self.version.to_lowercase()) {
            return wrong("version", format!("{:?} is not a version", self.version));
        }
        let hash = &self.source.sha256;
        if hash.len() != 64
            || !hash
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            return wrong(
                "source.sha256",
                format!("{hash:?} is not 64 small hexadecimal digits"),
            );
        }
        if let Err(reason) = self.source.origin() {
            return wrong("source", reason);
        }
        if self.source.cargo_crate.is_none()
            && !self.source.file.as_deref().is_some_and(is_file_name)
        {
            return wrong(
                "source.file",
                "the name of the source file is needed, without a folder".into(),
            );
        }
        if let Err((field, reason)) = self.build.check_scripts() {
            return wrong(field, reason.into());
        }
        let guest_paths = self.install.files.values().chain(self.install.links.keys());
        for guest_path in guest_paths {
            if !is_absolute_and_plain(guest_path) {
                return wrong(
                    "install",
                    format!("{guest_path:?} is not an absolute path without '.' and '..'"),
                );
            }
        }
        Ok(())
    }

    /// The name of the source file.
    pub fn source_file(&self) -> String {
        match &self.source.file {
            Some(file) => file.clone(),
            None => format!(
                "{}-{}.crate",
                self.source.cargo_crate.as_deref().unwrap_or(&self.name),
                self.version
            ),
        }
    }
}

impl Build {
    /// What is wrong with the scripts, if anything is: the field and the reason.
    fn check_scripts(&self) -> std::result::Result<(), (&'static str, &'static str)> {
        let is_custom = self.system == BuildSystem::Custom;
        if is_custom != self.script.is_some() {
            return Err((
                "build.script",
                "is needed by system = \"custom\", and only by it",
            ));
        }
        if self.relink.is_some() && !is_custom {
            return Err(("build.relink", "is of use to system = \"custom\" only"));
        }
        Ok(())
    }
}

impl Source {
    /// The registry, or what is wrong with the choice.
    pub fn origin(&self) -> std::result::Result<Origin, String> {
        let choices = [
            self.debian.clone().map(Origin::Debian),
            self.cargo_crate.clone().map(Origin::Crate),
            self.pypi.clone().map(Origin::Pypi),
            self.npm.clone().map(Origin::Npm),
            self.url.clone().map(Origin::Url),
        ];
        let mut given = choices.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(origin), None) => Ok(origin),
            _ => Err("exactly one of debian, crate, pypi, npm and url must be given".to_string()),
        }
    }
}

fn is_plain_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._+-~".contains(&byte)
        })
        && !text.starts_with('.')
}

fn is_file_name(text: &str) -> bool {
    !text.is_empty() && !text.contains('/') && text != "." && text != ".."
}

fn is_absolute_and_plain(text: &str) -> bool {
    text.starts_with('/')
        && text.len() > 1
        && text[1..]
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Every recipe's folder under `root`, by name.
pub fn recipe_folders(root: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut folders = BTreeMap::new();
    for entry in std::fs::read_dir(root).map_err(Error::file("list", root))? {
        let path = entry.map_err(Error::file("list", root))?.path();
        if path.join("recipe.toml").is_file()
            && let Some(name) = path.file_name().and_then(|name| name.to_str())
        {
            folders.insert(name.to_string(), path.clone());
        }
    }
    Ok(folders)
}

/// The folder of the recipe called `name` among `folders`.
pub fn find<'a>(folders: &'a BTreeMap<String, PathBuf>, name: &str) -> Result<&'a Path> {
    folders
        .get(name)
        .map(PathBuf::as_path)
        .ok_or_else(|| Error::UnknownRecipe {
            name: name.to_string(),
            known: folders.keys().cloned().collect::<Vec<_>>().join(" "),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "dash"
version = "0.5.12"
summary = "a shell"
license = "BSD-3-Clause"
[source]
debian = "dash"
file = "dash_0.5.12.orig.tar.gz"
sha256 = "6a474ac46e8b0b32916c4c60df694c82058d3297d8b385b74508030ca4a8f28a"
[build]
system = "configure"
[install.files]
"src/dash" = "/bin/dash"
[install.links]
"/bin/sh" = "dash"
"#;

    fn error_of(text: &str) -> String {
        Recipe::parse(text, Path::new("recipes/dash/recipe.toml"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_complete_recipe_is_read() {
        let recipe = Recipe::parse(GOOD, Path::new("r")).unwrap();
        assert_eq!(recipe.source.origin(), Ok(Origin::Debian("dash".into())));
        assert_eq!(recipe.source_file(), "dash_0.5.12.orig.tar.gz");
        assert_eq!(recipe.install.links["/bin/sh"], "dash");
    }

    #[test]
    fn a_missing_field_is_named() {
        let text = error_of(&GOOD.replace("version = \"0.5.12\"\n", ""));
        assert!(
            text.contains("recipes/dash/recipe.toml") && text.contains("version"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        assert!(error_of(&GOOD.replace("[build]", "[build]\npatches = 1")).contains("patches"));
    }

    #[test]
    fn a_short_hash_is_refused() {
        assert!(error_of(&GOOD.replace("6a474a", "")).contains("sha256"));
    }

    #[test]
    fn two_origins_are_refused() {
        assert!(
            error_of(&GOOD.replace("debian =", "url = \"x\"\ndebian =")).contains("exactly one")
        );
    }

    #[test]
    fn no_origin_is_refused() {
        assert!(error_of(&GOOD.replace("debian = \"dash\"", "")).contains("exactly one"));
    }

    #[test]
    fn an_unknown_build_system_is_refused() {
        assert!(error_of(&GOOD.replace("\"configure\"", "\"scons\"")).contains("scons"));
    }

    #[test]
    fn only_a_custom_build_says_how_it_is_linked_again() {
        let text = GOOD.replace("\"configure\"", "\"configure\"\nrelink = \"make\"");
        assert!(error_of(&text).contains("build.relink"));
    }

    #[test]
    fn a_custom_build_needs_its_script() {
        assert!(error_of(&GOOD.replace("\"configure\"", "\"custom\"")).contains("script"));
    }

    #[test]
    fn an_install_path_cannot_leave_the_package() {
        assert!(error_of(&GOOD.replace("/bin/dash", "/bin/../../etc")).contains("absolute"));
        assert!(error_of(&GOOD.replace("\"/bin/dash\"", "\"bin/dash\"")).contains("absolute"));
    }

    #[test]
    fn a_crates_file_name_follows_from_name_and_version() {
        let text = GOOD
            .replace("debian = \"dash\"", "crate = \"dash\"")
            .replace("file = \"dash_0.5.12.orig.tar.gz\"", "");
        assert_eq!(
            Recipe::parse(&text, Path::new("r")).unwrap().source_file(),
            "dash-0.5.12.crate"
        );
    }
}
