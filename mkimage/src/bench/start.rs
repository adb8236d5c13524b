//! How long `make run` takes to reach QEMU when nothing has changed.

use super::print_row;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the guest shows when it can be told to power off.
const PROMPT: &[u8] = b"# ";

/// Types `make run` twice, as a person would, and times the second.
pub fn run(workspace: &Workspace) -> Result<()> {
    // The first makes the kept disk, if it is not there or not of this image.
    make_run(workspace)?;
    let reached = make_run(workspace)?;
    let figure = format!("{:.1} s", reached.as_secs_f64());
    print_row(
        "wall time: make run, unchanged, to QEMU",
        &figure,
        ["3 s", "", ""],
    );
    Ok(())
}

/// Runs it, and powers the guest off once it has a prompt. Answers how long it took until the
/// guest's first byte came: set-up and build print nothing when there is nothing to do.
fn make_run(workspace: &Workspace) -> Result<Duration> {
    let begin = Instant::now();
    let mut child = Command::new("make")
        .args(["--no-print-directory", "run"])
        .current_dir(workspace.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start make")?;
    let (Some(mut typed), Some(mut shown)) = (child.stdin.take(), child.stdout.take()) else {
        bail!("make run has no input or output");
    };
    let mut first = None;
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    let mut asked = false;
    while let Ok(count @ 1..) = shown.read(&mut buffer) {
        first.get_or_insert_with(|| begin.elapsed());
        text.extend_from_slice(&buffer[..count]);
        if !asked && text.ends_with(PROMPT) {
            typed
                .write_all(b"poweroff\r")
                .context("cannot type into the guest")?;
            asked = true;
        }
    }
    let status = child.wait().context("cannot wait for make")?;
    match first {
        Some(first) if status.success() => Ok(first),
        _ => bail!(
            "make run ended with {status}:\n{}",
            String::from_utf8_lossy(&text)
        ),
    }
}
