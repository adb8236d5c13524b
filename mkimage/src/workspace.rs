//! Where everything is: the project's folders, the build folder, the cache.

use anyhow::{Context, Result, bail};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's tree and its build folder.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the tree by going up from the current folder, else from the program itself.
    pub fn find() -> Result<Workspace> {
        let here = std::env::current_dir().context("cannot tell the current folder")?;
        let program = std::env::current_exe().unwrap_or_default();
        let candidates = here.ancestors().chain(program.ancestors());
        for folder in candidates {
            if folder.join("mkimage/profiles").is_dir() && folder.join("kernel/abi").is_dir() {
                return Ok(Workspace {
                    root: folder.to_path_buf(),
                });
            }
        }
        bail!("{} is not inside a MicroKosm tree", here.display())
    }

    /// Starts this program anew under `setup/env.sh` unless that has been done: the compiler that
    /// stands first in a person's `PATH` may be another than the one that set-up chose.
    pub fn enter_environment(&self) -> Result<()> {
        let marker = "MICROKOSM_ENVIRONMENT";
        if std::env::var_os(marker).is_some_and(|value| value == self.root.as_os_str()) {
            return Ok(());
        }
        let program = std::env::current_exe().context("cannot tell where mkimage is")?;
        let script = format!(
            ". \"$MICROKOSM_ROOT/setup/env.sh\" && export {marker}=\"$MICROKOSM_ROOT\" && exec \"$0\" \"$@\""
        );
        let error = Command::new("/bin/sh")
            .args(["-c", &script])
            .arg(program)
            .args(std::env::args_os().skip(1))
            .env("MICROKOSM_ROOT", &self.root)
            .exec();
        Err(error).context("cannot start /bin/sh")
    }

    /// The top of the tree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the tree.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// A path inside the build folder, whose parent is made.
    pub fn build(&self, inside: &str) -> Result<PathBuf> {
        let path = self.root.join("build").join(inside);
        if let Some(parent) = path.parent() {
            make_folder(parent)?;
        }
        Ok(path)
    }

    /// What outlives a checkout: fetched sources, finished packages, Rust's standard library.
    pub fn cache(&self) -> Result<PathBuf> {
        let base = match std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
            Some(cache) => PathBuf::from(cache),
            None => match std::env::var_os("HOME") {
                Some(home) => Path::new(&home).join(".cache"),
                None => bail!("HOME is not set, so there is no place for the cache"),
            },
        };
        Ok(base.join("microkosm"))
    }

    /// A command run in the top folder under the toolchain that set-up chose.
    pub fn in_toolchain(&self, program: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", ". setup/env.sh && exec \"$0\" \"$@\"", program]);
        command
            .current_dir(&self.root)
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("RUSTFLAGS");
        command
    }
}

/// Makes a folder and those above it.
pub fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

/// Reads a whole file.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a whole file.
pub fn write_file(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
