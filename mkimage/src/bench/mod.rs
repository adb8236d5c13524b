//! `mkimage bench`: the system in numbers, beside what it aims at and what others reach.
//!
//! The unit is the guest instruction: with `-icount shift=0` QEMU's time-stamp counter ticks once
//! for each, so that figures repeat on any machine, however busy. Only the wall time of a rebuild
//! is a matter of the machine.

mod kernel;
mod posix;
mod prompt;
mod rebuild;
mod start;

use crate::image::{Built, DEFAULT_PROFILE, build_profile};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::path::Path;

/// With enhanced `rep movsb` QEMU counts each byte as an instruction, which measures the emulator.
const PROCESSOR_MODEL: &str = "max,-erms";

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// System calls and messages, without a file system
    Kernel,
    /// Size of the kernel's image
    Size,
    /// Instructions from reset to the first prompt
    Prompt,
    /// Least memory that reaches the prompt and lists a folder from disk
    Memory,
    /// Time to rebuild and reach a prompt after a change of one server
    Rebuild,
    /// Time from `make run` to QEMU when nothing has changed
    Start,
    /// POSIX operations, beside Linux
    Posix,
}

/// Measures `parts` (all of them if none is named) and prints a row or a table for each.
/// `source` is the folder with the benchmark program, Linux's figures and QEMU's counting plugin.
/// A part that cannot be measured is told and makes the end unsuccessful; the others go on.
pub fn run(workspace: &Workspace, source: &Path, parts: &[Part]) -> Result<()> {
    let parts = match parts {
        [] => Part::value_variants(),
        some => some,
    };
    let built = build_profile(workspace, DEFAULT_PROFILE)?;
    println!(
        "{:44} {:>14} {:>10} {:>10}  peer",
        "what", "measured", "reach now", "aim"
    );
    let mut failed = 0;
    for part in parts {
        if let Err(error) = measure(workspace, &built, source, *part) {
            println!("{part:?}: {error:#}");
            failed += 1;
        }
    }
    match failed {
        0 => Ok(()),
        count => bail!("{count} of {} parts could not be measured", parts.len()),
    }
}

fn measure(workspace: &Workspace, built: &Built, source: &Path, part: Part) -> Result<()> {
    match part {
        Part::Kernel => kernel::run(workspace, built),
        Part::Size => kernel_size(built),
        Part::Prompt => prompt::instructions(built, source),
        Part::Memory => prompt::least_memory(built),
        Part::Rebuild => rebuild::run(workspace),
        Part::Start => start::run(workspace),
        Part::Posix => posix::run(workspace, built, source),
    }
}

/// A row of the first table. `goals` are what to reach now, the aim, and the best peer's figure.
fn print_row(what: &str, measured: &str, goals: [&str; 3]) {
    let [now, aim, peer] = goals;
    println!("{what:44} {measured:>14} {now:>10} {aim:>10}  {peer}");
}

fn kernel_size(built: &Built) -> Result<()> {
    let path = &built.system.kernel;
    let metadata = path
        .metadata()
        .with_context(|| format!("cannot examine {}", path.display()))?;
    let size = format!("{} KB", metadata.len() / 1000);
    print_row("kernel image", &size, ["400 KB", "", ""]);
    Ok(())
}
