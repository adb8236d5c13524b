//! `mkimage check`: what reviewers would otherwise have to look for.

mod cargo;
mod links;
mod sizes;
mod unsafe_code;

use crate::host_tests::Tally;
use crate::progress::Spinner;
use crate::workspace::{Workspace, read_file};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Folders with the project's Rust code.
const SOURCE_FOLDERS: [&str; 5] = ["kernel", "servers", "libc", "ports", "mkimage"];
/// Folders with more pages for readers; those at the top of the tree count too.
const PAGE_FOLDERS: [&str; 4] = ["docs", "recipes", "rootfs", "setup"];

/// What is looked at.
struct Files {
    sources: Vec<PathBuf>,
    manifests: Vec<PathBuf>,
    pages: Vec<PathBuf>,
}

/// What a kind of check found: a line for each complaint.
type Complaints = Result<Vec<String>>;

/// Makes all checks and adds them to the tally.
pub fn run(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let files = Files::find(workspace)?;
    let spinner = Spinner::start();
    let mut check = |name: &str, found: &dyn Fn() -> Complaints| -> Result<()> {
        spinner.show(&format!("check {name}"));
        let complaints = found()?;
        tally.count(complaints.is_empty());
        spinner.hidden(|| report(name, &complaints));
        Ok(())
    };
    check("format", &|| cargo::format(workspace))?;
    check("sizes", &|| sizes::check(workspace, &files.sources))?;
    check("unsafe code", &|| {
        unsafe_code::check(workspace, &files.manifests)
    })?;
    check("links", &|| links::check(workspace, &files.pages))?;
    check("interface lock", &|| cargo::interface_lock(workspace))?;
    check("kernel reference", &|| cargo::kernel_reference(workspace))?;
    check("lints", &|| cargo::lints(workspace))?;
    check("lints for the guest", &|| cargo::guest_lints(workspace))?;
    check("documentation", &|| cargo::documentation(workspace))
}

/// Writes anew what is generated and committed: the interface lock and the kernel reference.
pub fn update(workspace: &Workspace) -> Result<()> {
    cargo::update(workspace)
}

fn report(name: &str, complaints: &[String]) {
    if complaints.is_empty() {
        println!("ok      check {name}");
    }
    for complaint in complaints {
        println!("FAILED  check {name}: {complaint}");
    }
}

impl Files {
    fn find(workspace: &Workspace) -> Result<Files> {
        let mut all = Vec::new();
        for folder in SOURCE_FOLDERS.iter().chain(&PAGE_FOLDERS) {
            collect(&workspace.path(folder), &mut all)?;
        }
        all.push(workspace.path("README.md"));
        let with = |extension: &str| -> Vec<PathBuf> {
            let fits = |path: &&PathBuf| path.extension().is_some_and(|found| found == extension);
            all.iter().filter(fits).cloned().collect()
        };
        Ok(Files {
            sources: with("rs"),
            pages: with("md"),
            manifests: all
                .iter()
                .filter(|path| path.ends_with("Cargo.toml"))
                .cloned()
                .collect(),
        })
    }
}

/// All files below a folder, in order.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        // A link may lead to a folder above.
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn text_of(path: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&read_file(path)?).into_owned())
}

/// A path as people say it: from the top of the tree.
fn relative(workspace: &Workspace, path: &Path) -> String {
    path.strip_prefix(workspace.root())
        .unwrap_or(path)
        .display()
        .to_string()
}
