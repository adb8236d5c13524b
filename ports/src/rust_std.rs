//! Rust's standard library for our target, built once from the toolchain's own source and kept in
//! the cache, with the unwinder that it links against.

use crate::command::{output_of, run_logged};
use crate::digest::{self, KeyBuilder};
use crate::sdk::{Sdk, copy_tree};
use crate::{Error, Progress, Result, TARGET};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that execute system calls through rustix use libc instead: the number in a raw
/// instruction would mean a Linux kernel.
const PROGRAM_FLAGS: &str = "--cfg rustix_use_libc";

/// A sysroot for rustc.
pub struct RustStd {
    sysroot: PathBuf,
}

impl RustStd {
    /// The sysroot for this SDK, built when the cache has none for this compiler and target.
    /// `unwind` is the folder of the crate that wraps the unwinder.
    pub fn prepare(
        sdk: &Sdk,
        cache: &Path,
        unwind: &Path,
        progress: &dyn Progress,
    ) -> Result<RustStd> {
        let target_json = sdk.root().join(format!("share/rust/{TARGET}.json"));
        let compiler = output_of(Command::new("rustc").arg("-vV"))?;
        let mut key = KeyBuilder::new();
        key.add("compiler", compiler.as_bytes());
        key.add("target", digest::of_file(&target_json)?.as_bytes());
        key.add("unwinder", digest::of_tree(unwind)?.as_bytes());
        let key = key.finish();
        let built = cache.join("rust-std").join(&key[..16]);
        if !built.join("complete").is_file() {
            build(sdk, &built, unwind, progress)?;
        }
        let sysroot = sdk.root().join("rust");
        if !sysroot.exists() {
            copy_tree(&built.join("sysroot"), &sysroot)?;
            link_libc(sdk, &sysroot, &target_json)?;
        }
        Ok(RustStd { sysroot })
    }

    /// Sets what Cargo needs to build a program for our target, C parts included.
    pub fn configure(&self, command: &mut Command, sdk: &Sdk) {
        let name = TARGET.replace('-', "_");
        let tools = sdk.tools();
        for variable in ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
            if let Some(value) = std::env::var_os(variable) {
                command.env(variable, value);
            }
        }
        if let Some(home) = std::env::var_os("HOME") {
            command.env("HOME", home);
        }
        if let Some(path) = std::env::var_os("PATH") {
            let mut folders = vec![tools.clone()];
            folders.extend(std::env::split_paths(&path));
            if let Ok(joined) = std::env::join_paths(folders) {
                command.env("PATH", joined);
            }
        }
        // Cargo's variables for cross-compiling say which compiler is meant; the plain ones would
        // also be taken for the build machine's own build scripts.
        for variable in ["CC", "AR", "LD", "RANLIB", "CFLAGS", "CPPFLAGS", "LDFLAGS"] {
            command.env_remove(variable);
        }
        command
            .env("RUSTC", tools.join(format!("{TARGET}-rustc")))
            .env("RUSTC_BOOTSTRAP", "1")
            .env(
                "RUSTFLAGS",
                format!("--sysroot {} {PROGRAM_FLAGS}", self.sysroot.display()),
            )
            .env(format!("CC_{name}"), tools.join(format!("{TARGET}-cc")))
            .env(format!("AR_{name}"), tools.join(format!("{TARGET}-ar")));
    }
}

/// Makes Cargo link a program again: it does not know that programs depend on libc, but it notices
/// when the program and its original in `deps/` are gone.
pub fn forget_program(program: &Path) -> Result<()> {
    let (Some(folder), Some(name)) = (program.parent(), program.file_name()) else {
        return Ok(());
    };
    let original = format!("{}-", name.to_string_lossy().replace('-', "_"));
    let deps = folder.join("deps");
    let mut made = vec![program.to_path_buf()];
    for entry in fs::read_dir(&deps).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().replace('-', "_");
        if name.starts_with(&original.replace('-', "_")) && !name.ends_with(".d") {
            made.push(entry.path());
        }
    }
    for path in made.iter().filter(|path| path.exists()) {
        fs::remove_file(path).map_err(Error::file("remove", path))?;
    }
    Ok(())
}

/// Puts libc and the start files where rustc's linker call finds them. They are links, so that a
/// new libc is taken without another copy.
fn link_libc(sdk: &Sdk, sysroot: &Path, target_json: &Path) -> Result<()> {
    let folder = sysroot.join("lib/rustlib").join(TARGET);
    let json = folder.join("target.json");
    fs::copy(target_json, &json).map_err(Error::file("copy", target_json))?;
    let libraries = sdk.root().join("sysroot/usr/lib");
    for name in ["crt1.o", "rcrt1.o", "crti.o", "crtn.o", "libc.a"] {
        let from = libraries.join(name);
        if from.exists() {
            let to = folder.join("lib").join(name);
            std::os::unix::fs::symlink(&from, &to).map_err(Error::file("create", &to))?;
        }
    }
    Ok(())
}

fn build(sdk: &Sdk, built: &Path, unwind: &Path, progress: &dyn Progress) -> Result<()> {
    if built.exists() {
        fs::remove_dir_all(built).map_err(Error::file("remove", built))?;
    }
    let lib = built.join("sysroot/lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&lib).map_err(Error::file("create", &lib))?;
    progress.step("Rust's standard library (once for each compiler)");
    build_standard_library(sdk, built, &lib)?;
    progress.step("the unwinder");
    build_unwinder(sdk, built, unwind, &lib)?;
    let work = built.join("work");
    fs::remove_dir_all(&work).map_err(Error::file("remove", &work))?;
    let complete = built.join("complete");
    fs::write(&complete, "").map_err(Error::file("write", &complete))
}

/// Builds the toolchain's own `sysroot` package, so that panic_abort and panic_unwind both come
/// out right (a build-std of std alone leaves panic_abort unusable).
fn build_standard_library(sdk: &Sdk, built: &Path, lib: &Path) -> Result<()> {
    let library = library_source()?;
    let work = built.join("work/std");
    fs::create_dir_all(&work).map_err(Error::file("create", &work))?;
    // The library's dependencies lie beside it: nothing is fetched, and the versions are its own.
    let config = work.join("vendored.toml");
    let vendored = library.join("vendor");
    let mut command = cargo(sdk, &work);
    if vendored.is_dir() {
        let text = format!(
            "[source.crates-io]\nreplace-with = \"library\"\n[source.library]\ndirectory = \"{}\"\n",
            vendored.display()
        );
        fs::write(&config, text).map_err(Error::file("write", &config))?;
        command.arg("--config").arg(&config).arg("--offline");
    }
    command
        .args([
            "-Zavoid-dev-deps",
            "build",
            "--locked",
            "--release",
            "-p",
            "sysroot",
            "--target",
            TARGET,
        ])
        .args(["--features", "backtrace panic-unwind compiler-builtins-mem"])
        .arg("--manifest-path")
        .arg(library.join("sysroot/Cargo.toml"))
        .arg("--target-dir")
        .arg(&work)
        .env(
            "RUSTFLAGS",
            "-Zforce-unstable-if-unmarked -Cembed-bitcode=yes",
        );
    run_logged("Rust's standard library", &mut command, &built.join("log"))?;
    let made = work.join(TARGET).join("release/deps");
    for entry in fs::read_dir(&made)
        .map_err(Error::file("list", &made))?
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libsysroot-") {
            fs::copy(entry.path(), lib.join(&name)).map_err(Error::file("copy", entry.path()))?;
        }
    }
    Ok(())
}

fn cargo(sdk: &Sdk, folder: &Path) -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(folder)
        .env("RUSTC", sdk.tools().join(format!("{TARGET}-rustc")))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUST_TARGET_PATH", sdk.root().join("share/rust"))
        .env_remove("CARGO_TARGET_DIR");
    command
}

/// The folder of the toolchain's library source.
fn library_source() -> Result<PathBuf> {
    let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]))?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    library
        .canonicalize()
        .map_err(|_| Error::Sdk(format!("{} is missing (rust-src)", library.display())))
}

/// Builds `libunwind.a`, which std asks for by that name. Everything but `_Unwind_*` is made local,
/// or its copy of `core` and its panic handler would clash with the program's.
fn build_unwinder(sdk: &Sdk, built: &Path, unwind: &Path, lib: &Path) -> Result<()> {
    let log = built.join("log");
    let work = built.join("work/unwind");
    fs::create_dir_all(&work).map_err(Error::file("create", &work))?;
    // Cargo writes its lock file beside the manifest: work on a copy.
    let source = work.join("source");
    copy_tree(unwind, &source)?;
    let mut command = cargo(sdk, &source);
    command
        .args([
            "build",
            "--release",
            "--target",
            TARGET,
            "-Zbuild-std=core,alloc",
            "--target-dir",
        ])
        .arg(&work);
    run_logged("the unwinder", &mut command, &log)?;
    let archive = work.join(TARGET).join("release/libmicrokosm_unwind.a");
    let whole = work.join("whole.o");
    let localised = work.join("unwind.o");
    let tool = |name: &str| Command::new(sdk.tools().join(format!("{TARGET}-{name}")));
    run_logged(
        "the unwinder",
        tool("ld")
            .args(["-r", "--whole-archive"])
            .arg(&archive)
            .arg("-o")
            .arg(&whole),
        &log,
    )?;
    run_logged(
        "the unwinder",
        tool("objcopy")
            .args(["-w", "--keep-global-symbol=_Unwind_*"])
            .arg(&whole)
            .arg(&localised),
        &log,
    )?;
    run_logged(
        "the unwinder",
        tool("ar")
            .arg("rcs")
            .arg(lib.join("libunwind.a"))
            .arg(&localised),
        &log,
    )
}
