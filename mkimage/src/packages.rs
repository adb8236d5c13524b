//! The porting kit as `mkimage` uses it: the SDK from our libc, packages from the recipes.

use crate::image;
use crate::libc;
use crate::progress::Spinner;
use crate::workspace::Workspace;
use crate::workspace::make_folder;
use crate::{guest, progress};
use anyhow::{Context, Result};
use porting_kit::kit::{Folders, Kit};
use porting_kit::package::Package;
use porting_kit::rust_std::{RustStd, forget_program};
use porting_kit::sdk::Sdk;
use porting_kit::{Progress, TARGET, recipe};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kit's folders in this tree.
fn folders(workspace: &Workspace) -> Result<Folders> {
    Ok(Folders {
        recipes: workspace.path("recipes"),
        cache: workspace.cache()?,
        work: workspace.build("ports")?,
        unwind: workspace.path("ports/unwind"),
    })
}

/// Builds libc and makes the SDK from it.
pub fn sdk(workspace: &Workspace, progress: &dyn Progress) -> Result<Sdk> {
    let built = libc::build(workspace, progress)?;
    Ok(Sdk::install(&workspace.build("sdk")?, &built)?)
}

/// The packages of those names, cooked where they are not in the cache.
pub fn cook(
    workspace: &Workspace,
    sdk: &Sdk,
    names: &[String],
    progress: &Spinner,
) -> Result<Vec<Package>> {
    let kit = Kit::open(folders(workspace)?, sdk, progress)?;
    let mut packages = Vec::new();
    for name in names {
        packages.push(kit.package(name)?);
    }
    Ok(packages)
}

/// Cooks for a command line: a misspelt name is told before a libc is built for it.
pub fn cook_named(workspace: &Workspace, names: &[String]) -> Result<Vec<Package>> {
    let known = recipe::recipe_folders(&workspace.path("recipes"))?;
    for name in names {
        recipe::find(&known, name)?;
    }
    let _lock = image::lock(workspace)?;
    let spinner = Spinner::start();
    let sdk = sdk(workspace, &spinner)?;
    cook(workspace, &sdk, names, &spinner)
}

/// Every recipe, by name.
pub fn recipes(workspace: &Workspace) -> Result<Vec<recipe::Recipe>> {
    let mut recipes = Vec::new();
    for folder in recipe::recipe_folders(&workspace.path("recipes"))?.values() {
        recipes.push(recipe::Recipe::load(folder)?);
    }
    Ok(recipes)
}

/// Builds test programs with the SDK: a C file, or a folder with a Cargo package whose program has
/// the folder's name. Answers where they are.
pub fn test_programs(workspace: &Workspace, sources: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let _lock = image::lock(workspace)?;
    let spinner = Spinner::start();
    let sdk = sdk(workspace, &spinner)?;
    sources
        .iter()
        .map(|source| {
            spinner.show(&source.display().to_string());
            if source.is_dir() {
                cargo_program(workspace, &sdk, source, &spinner)
            } else {
                c_program(workspace, &sdk, source)
            }
        })
        .collect()
}

/// Builds the system's own programs, each a C file in `servers/tools`. Answers where they are.
pub fn tools(workspace: &Workspace, sdk: &Sdk) -> Result<Vec<PathBuf>> {
    let mut sources: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(workspace.path("servers/tools"))? {
        sources.push(entry?.path());
    }
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    sources.sort();
    sources
        .iter()
        .map(|source| c_program(workspace, sdk, source))
        .collect()
}

fn c_program(workspace: &Workspace, sdk: &Sdk, source: &Path) -> Result<PathBuf> {
    let name = source.file_stem().context("a C file without a name")?;
    let program = workspace.build("test-programs")?.join(name);
    make_folder(&workspace.build("test-programs")?)?;
    let mut command = Command::new(sdk.tools().join(format!("{TARGET}-cc")));
    command.args(["-O2", "-o"]).arg(&program).arg(source);
    guest::run(
        &source.display().to_string(),
        &mut command,
        &workspace.build("test-programs/log")?,
    )?;
    Ok(program)
}

fn cargo_program(
    workspace: &Workspace,
    sdk: &Sdk,
    folder: &Path,
    progress: &progress::Spinner,
) -> Result<PathBuf> {
    let name = folder.file_name().context("a package without a name")?;
    let rust_std = RustStd::prepare(
        sdk,
        &workspace.cache()?,
        &workspace.path("ports/unwind"),
        progress,
    )?;
    let target = workspace.build("test-programs/target")?;
    let program = target.join(TARGET).join("release").join(name);
    forget_program(&program)?;
    let mut command = workspace.in_toolchain("cargo");
    rust_std.configure(&mut command, sdk);
    command
        .args(["build", "--release", "--locked", "--target", TARGET])
        .arg("--target-dir")
        .arg(&target)
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"));
    guest::run(
        &folder.display().to_string(),
        &mut command,
        &workspace.build("test-programs/log")?,
    )?;
    Ok(program)
}
