//! Building one program: configure, make, install, with the SDK's tools and a clean environment.

use crate::command::run_logged;
use crate::parts;
use crate::recipe::{BuildSystem, Recipe};
use crate::rust_std::{RustStd, forget_program};
use crate::sdk::Sdk;
use crate::{Error, Progress, Result, TARGET};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The newest known platform names, for sources whose own copy is too old for our target.
const CONFIG_SUB_FOLDER: &str = "/usr/share/misc";

/// Everything that building one recipe needs to know.
pub struct Job<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The recipe's own folder.
    pub recipe_folder: &'a Path,
    /// The SDK.
    pub sdk: &'a Sdk,
    /// Rust's standard library for our target; only Cargo builds have it.
    pub rust_std: Option<&'a RustStd>,
    /// The unpacked source.
    pub source: PathBuf,
    /// Headers and libraries of the recipes that this one depends on (a prefix with `usr/`).
    pub dependencies: PathBuf,
    /// Where the installed files are collected.
    pub destination: PathBuf,
    /// Where those of them go that are not for the image.
    pub development: PathBuf,
    /// The log of the whole build.
    pub log: PathBuf,
    /// How many compilers to run at once.
    pub jobs: usize,
    /// Told about each step.
    pub progress: &'a dyn Progress,
}

impl Job<'_> {
    /// Configures and compiles.
    pub fn compile(&self) -> Result<()> {
        match self.recipe.build.system {
            BuildSystem::Configure => {
                self.configure()?;
                self.make("make", &self.recipe.build.make)
            }
            BuildSystem::Make => self.make("make", &self.recipe.build.make),
            BuildSystem::Cmake => self.cmake(),
            BuildSystem::Meson => self.meson(),
            BuildSystem::Cargo => self.cargo(),
            BuildSystem::Custom => self.custom(),
        }
    }

    /// Links again in a folder that was compiled before with the same headers: removes the programs
    /// and lets the build system make them anew.
    pub fn relink(&self) -> Result<()> {
        match self.recipe.build.system {
            BuildSystem::Configure => {
                remove_programs(&self.source)?;
                self.make("link", &self.recipe.build.make)
            }
            BuildSystem::Make => {
                remove_programs(&self.source)?;
                self.compile()
            }
            BuildSystem::Custom => {
                let script = self.recipe.build.relink.as_deref();
                self.shell("link", script.unwrap_or_default())
            }
            _ => {
                for path in self.recipe.install.files.keys() {
                    forget_program(&self.folder().join(path))?;
                }
                self.compile()
            }
        }
    }

    /// Whether `relink` can work: the build system notices that programs are gone.
    pub fn can_relink(&self) -> bool {
        let outputs = &self.recipe.install.files;
        let are_there = outputs
            .keys()
            .all(|path| self.folder().join(path).is_file());
        match self.recipe.build.system {
            BuildSystem::Configure | BuildSystem::Make => are_there,
            BuildSystem::Cargo => are_there && !outputs.is_empty(),
            BuildSystem::Custom => are_there && self.recipe.build.relink.is_some(),
            _ => false,
        }
    }

    /// Collects what goes into the image, stripped.
    pub fn install(&self) -> Result<()> {
        self.progress
            .step(&format!("{}: install", self.recipe.name));
        fs::create_dir_all(&self.destination).map_err(Error::file("create", &self.destination))?;
        let install = &self.recipe.install;
        for (made, guest_path) in &install.files {
            self.install_file(made, guest_path)?;
        }
        if let Some(script) = &install.script {
            self.shell("install", script)?;
        }
        if install.files.is_empty() && install.script.is_none() {
            self.build_system_install()?;
        }
        for (guest_path, target) in &install.links {
            let path = self.in_destination(guest_path)?;
            symlink(target, &path).map_err(Error::file("create", &path))?;
        }
        let count = self.strip_programs(&self.destination)?;
        if count == 0 {
            return Err(Error::EmptyPackage {
                recipe: self.recipe.name.clone(),
            });
        }
        parts::separate(&self.destination, &self.development)?;
        // A library alone leaves the image as it is.
        fs::create_dir_all(&self.destination).map_err(Error::file("create", &self.destination))
    }

    fn folder(&self) -> PathBuf {
        match &self.recipe.build.folder {
            Some(folder) => self.source.join(folder),
            None => self.source.clone(),
        }
    }

    fn in_destination(&self, guest_path: &str) -> Result<PathBuf> {
        let path = self.destination.join(guest_path.trim_start_matches('/'));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
        }
        Ok(path)
    }

    fn install_file(&self, made: &str, guest_path: &str) -> Result<()> {
        let from = self.folder().join(made);
        if !from.is_file() {
            return Err(Error::OutputMissing {
                recipe: self.recipe.name.clone(),
                path: made.to_string(),
            });
        }
        let to = self.in_destination(guest_path)?;
        fs::copy(&from, &to).map_err(Error::file("copy", &from))?;
        Ok(())
    }

    fn build_system_install(&self) -> Result<()> {
        let destination = format!("DESTDIR={}", self.destination.display());
        match self.recipe.build.system {
            BuildSystem::Meson => self.run(
                "install",
                self.command("meson")
                    .args(["install", "-C", "build-microkosm"]),
            ),
            BuildSystem::Cmake => self.run(
                "install",
                self.command("make")
                    .args(["-C", "build-microkosm", "install", &destination]),
            ),
            _ => self.run(
                "install",
                self.command("make").args(["install", &destination]),
            ),
        }
    }

    /// A command in the source folder with nothing of the caller's environment.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let dependencies = self.dependencies.join("usr");
        let path = format!(
            "{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            self.sdk.tools().display()
        );
        let cflags = format!("-O2 {}", self.recipe.build.cflags.join(" "));
        command
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", path);
        for (name, value) in [
            ("HOME", self.source.as_path()),
            ("DESTDIR", &self.destination),
        ] {
            command.env(name, value);
        }
        for (name, tool) in [
            ("CC", "cc"),
            ("AR", "ar"),
            ("RANLIB", "ranlib"),
            ("NM", "nm"),
            ("STRIP", "strip"),
            ("OBJCOPY", "objcopy"),
            ("LD", "ld"),
        ] {
            command.env(name, format!("{TARGET}-{tool}"));
        }
        command
            .envs([
                ("LC_ALL", "C"),
                ("SOURCE_DATE_EPOCH", "1"),
                ("HOST", TARGET),
            ])
            .envs([
                ("HOSTCC", "gcc"),
                ("CC_FOR_BUILD", "gcc"),
                ("BUILD_CC", "gcc"),
            ])
            .env("JOBS", self.jobs.to_string())
            .env("CFLAGS", cflags.trim_end())
            .env("CPPFLAGS", format!("-I{}/include", dependencies.display()))
            .env("LDFLAGS", format!("-L{}/lib", dependencies.display()))
            .env("PKG_CONFIG_LIBDIR", dependencies.join("lib/pkgconfig"))
            .env("PKG_CONFIG_SYSROOT_DIR", &self.dependencies)
            .env("RECIPE", self.recipe_folder)
            .envs(&self.recipe.build.environment);
        command
    }

    fn run(&self, step: &str, command: &mut Command) -> Result<()> {
        let step = format!("{}: {step}", self.recipe.name);
        self.progress.step(&step);
        run_logged(&step, command, &self.log)
    }

    fn shell(&self, step: &str, script: &str) -> Result<()> {
        self.run(step, self.command("/bin/sh").args(["-e", "-c", script]))
    }

    fn configure(&self) -> Result<()> {
        refresh_config_sub(&self.source)?;
        let mut command = self.command("./configure");
        command
            .arg(format!("--host={TARGET}"))
            .args(["--build=x86_64-pc-linux-gnu", "--prefix=/usr"]);
        self.run("configure", command.args(&self.recipe.build.options))
    }

    fn make(&self, step: &str, arguments: &[String]) -> Result<()> {
        let mut command = self.command("make");
        command.arg(format!("-j{}", self.jobs));
        self.run(step, command.args(arguments))
    }

    fn cmake(&self) -> Result<()> {
        let mut setup = self.command("cmake");
        setup.args([
            "-S",
            ".",
            "-B",
            "build-microkosm",
            "-DCMAKE_BUILD_TYPE=Release",
            "-DCMAKE_INSTALL_PREFIX=/usr",
        ]);
        setup.arg(format!(
            "-DCMAKE_TOOLCHAIN_FILE={}",
            self.sdk
                .root()
                .join("share/cmake/microkosm.cmake")
                .display()
        ));
        setup.arg(format!(
            "-DCMAKE_PREFIX_PATH={}",
            self.dependencies.join("usr").display()
        ));
        self.run("cmake", setup.args(&self.recipe.build.options))?;
        let mut build = self.command("make");
        build
            .arg(format!("-j{}", self.jobs))
            .args(["-C", "build-microkosm"]);
        self.run("make", build.args(&self.recipe.build.make))
    }

    fn meson(&self) -> Result<()> {
        let mut setup = self.command("meson");
        setup.args([
            "setup",
            "build-microkosm",
            "--prefix=/usr",
            "--buildtype=release",
            "--cross-file",
        ]);
        setup.arg(self.sdk.root().join("share/meson/microkosm.ini"));
        self.run("meson", setup.args(&self.recipe.build.options))?;
        self.run(
            "ninja",
            self.command("meson")
                .args(["compile", "-C", "build-microkosm"]),
        )
    }

    fn cargo(&self) -> Result<()> {
        let Some(rust_std) = self.rust_std else {
            return Err(Error::Sdk(
                "a Cargo build needs Rust's standard library for our target".into(),
            ));
        };
        let mut command = self.command("cargo");
        rust_std.configure(&mut command, self.sdk);
        command.args([
            "build",
            "--release",
            "--target",
            TARGET,
            "--target-dir",
            "target",
        ]);
        if self.source.join("Cargo.lock").is_file() {
            command.arg("--locked");
        }
        self.run("cargo build", command.args(&self.recipe.build.options))
    }

    fn custom(&self) -> Result<()> {
        refresh_config_sub(&self.source)?;
        // Recipe::parse has seen to it that there is a script.
        self.shell(
            "build",
            self.recipe.build.script.as_deref().unwrap_or_default(),
        )
    }

    /// Strips the ELF files under `folder`; answers how many files and links there are.
    fn strip_programs(&self, folder: &Path) -> Result<usize> {
        let mut count = 0;
        for entry in fs::read_dir(folder).map_err(Error::file("list", folder))? {
            let path = entry.map_err(Error::file("list", folder))?.path();
            let kind = path
                .symlink_metadata()
                .map_err(Error::file("examine", &path))?
                .file_type();
            if kind.is_dir() {
                count += self.strip_programs(&path)?;
                continue;
            }
            count += 1;
            if kind.is_file() && is_program(&path)? {
                let mut command = self.command(format!("{TARGET}-strip"));
                self.run("strip", command.arg("--strip-all").arg(&path))?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                    .map_err(Error::file("change", &path))?;
            }
        }
        Ok(count)
    }
}

/// Whether the file is an ELF program (not an object file or an archive, which libraries need whole).
fn is_program(path: &Path) -> Result<bool> {
    let mut header = [0u8; 18];
    let mut file = fs::File::open(path).map_err(Error::file("open", path))?;
    match file.read_exact(&mut header) {
        Ok(()) => Ok(header[..4] == *b"\x7fELF" && matches!(header[16], 2 | 3)),
        // Too short to be one.
        Err(_) => Ok(false),
    }
}

/// Removes every ELF program under `folder`: the guest's, and helpers that the build made for this
/// machine, which it makes again, too.
fn remove_programs(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::file("list", folder))? {
        let entry = entry.map_err(Error::file("list", folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(Error::file("examine", &path))?;
        if kind.is_dir() {
            remove_programs(&path)?;
        } else if kind.is_file() && is_program(&path)? {
            fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
    }
    Ok(())
}

/// Replaces every `config.sub` and `config.guess` in the source by the distribution's, which know
/// our target's name.
fn refresh_config_sub(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::file("list", folder))? {
        let path = entry.map_err(Error::file("list", folder))?.path();
        let kind = path
            .symlink_metadata()
            .map_err(Error::file("examine", &path))?
            .file_type();
        let name = path.file_name().unwrap_or_default();
        if kind.is_dir() {
            refresh_config_sub(&path)?;
        } else if name == "config.sub" || name == "config.guess" {
            let newer = Path::new(CONFIG_SUB_FOLDER).join(name);
            // It may be a link into the machine's own tools: replace it, do not write through it.
            fs::remove_file(&path).map_err(Error::file("remove", &path))?;
            fs::copy(&newer, &path).map_err(Error::file("copy", &newer))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_linked_elf_files_are_programs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (kind, expected) in [(1u8, false), (2, true), (3, true)] {
            let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
            bytes.extend([kind, 0]);
            fs::write(&path, bytes).unwrap();
            assert_eq!(is_program(&path).unwrap(), expected);
        }
        fs::write(&path, "#!/bin/sh").unwrap();
        assert!(!is_program(&path).unwrap());
    }
}
