//! The checks that cargo's own tools make.

use super::Complaints;
use crate::guest;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use porting_kit::TARGET;
use porting_kit::command::last_lines;
use std::process::{Command, Output};

/// Lines shown of a tool that failed without complaining of a line of code.
const TAIL_LINES: usize = 40;
/// A test that compares a generated file with what is committed: package, test program, and the
/// variable that makes it write the file.
const GENERATED: [(&str, &str, &str); 2] = [
    ("proto", "lock", "UPDATE_LOCK"),
    ("kernel-abi", "reference", "UPDATE_REFERENCE"),
];

/// rustfmt's layout.
pub fn format(workspace: &Workspace) -> Complaints {
    let output = run(cargo(workspace, &["fmt", "--all", "--", "--check", "-l"]))?;
    let named = String::from_utf8_lossy(&output.stdout);
    let root = format!("{}/", workspace.root().display());
    let complaints: Vec<String> = named
        .lines()
        .map(|path| {
            let path = path.strip_prefix(&root).unwrap_or(path);
            format!("{path} is not as rustfmt lays it out: run cargo fmt")
        })
        .collect();
    Ok(or_tail(complaints, &output))
}

/// Clippy over every crate, as compiled for the host, with its tests.
pub fn lints(workspace: &Workspace) -> Complaints {
    let mut command = cargo(workspace, &["clippy", "--workspace", "--all-targets"]);
    command.args(["--target-dir", "build/host"]);
    clippy(command)
}

/// Clippy over what is compiled for the guest alone: the boot order, the servers' loops and the
/// parts of the C library that only its own target has.
pub fn guest_lints(workspace: &Workspace) -> Complaints {
    let target_folder = workspace.build("guest/lints")?;
    let mut system = cargo(workspace, &["clippy", "--target", guest::BARE_TARGET]);
    system.arg("-Zbuild-std=core,alloc,compiler_builtins");
    system.arg("--target-dir").arg(&target_folder);
    for package in guest::packages() {
        system.args(["-p", package]);
    }
    let mut complaints = clippy(system)?;
    let mut library = cargo(workspace, &["clippy", "-p", "libc-abi", "--target"]);
    library.arg(workspace.path(&format!("libc/target/{TARGET}.json")));
    library.args(["-Zjson-target-spec", "-Zbuild-std=core,alloc"]);
    library.arg("--target-dir").arg(&target_folder);
    complaints.extend(clippy(library)?);
    complaints.dedup();
    Ok(complaints)
}

/// The documentation of every crate, private items included: links lead somewhere.
pub fn documentation(workspace: &Workspace) -> Complaints {
    let mut command = cargo(workspace, &["doc", "--workspace", "--no-deps"]);
    command.args(["--document-private-items", "--target-dir", "build/host"]);
    command.env(
        "RUSTDOCFLAGS",
        "-D warnings -A rustdoc::private-intra-doc-links",
    );
    command.args(["--quiet", "--locked", "--keep-going"]);
    command.arg("--message-format=short");
    let output = run(command)?;
    Ok(or_tail(diagnostics(&output), &output))
}

/// `servers/proto/interfaces.lock` says what travels.
pub fn interface_lock(workspace: &Workspace) -> Complaints {
    generated(workspace, GENERATED[0])
}

/// `docs/kernel-reference.md` says what the kernel does.
pub fn kernel_reference(workspace: &Workspace) -> Complaints {
    generated(workspace, GENERATED[1])
}

fn generated(workspace: &Workspace, (package, test, _): (&str, &str, &str)) -> Complaints {
    let output = run(test_command(workspace, package, test))?;
    Ok(or_tail(Vec::new(), &output))
}

/// Has the tests write what they otherwise compare.
pub fn update(workspace: &Workspace) -> Result<()> {
    for (package, test, variable) in GENERATED {
        let mut command = test_command(workspace, package, test);
        let output = run_with(&mut command, variable)?;
        if let [complaint, ..] = or_tail(Vec::new(), &output).as_slice() {
            bail!("{package}: {complaint}");
        }
    }
    Ok(())
}

fn test_command(workspace: &Workspace, package: &str, test: &str) -> Command {
    let mut command = cargo(workspace, &["test", "--quiet", "--locked"]);
    command.args(["-p", package, "--test", test, "--target-dir", "build/host"]);
    command
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = workspace.in_toolchain("cargo");
    command.args(arguments);
    command
}

fn run(mut command: Command) -> Result<Output> {
    command.output().context("cannot start cargo")
}

fn run_with(command: &mut Command, variable: &str) -> Result<Output> {
    let output = command.env(variable, "1").output();
    output.context("cannot start cargo")
}

fn clippy(mut command: Command) -> Complaints {
    command.args(["--quiet", "--locked", "--keep-going"]);
    command.args(["--message-format=short", "--", "-D", "warnings"]);
    let output = run(command)?;
    Ok(or_tail(diagnostics(&output), &output))
}

/// The lines `PATH:LINE:COLUMN: error: TEXT` of a compiler. A file that is compiled in two ways
/// is complained of once.
fn diagnostics(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    let mut lines: Vec<String> = text
        .lines()
        .filter(|line| is_diagnostic(line))
        .map(str::to_string)
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

fn is_diagnostic(line: &str) -> bool {
    let Some((place, _)) = line.split_once(": error") else {
        return false;
    };
    let mut parts = place.rsplitn(3, ':');
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
    is_number(parts.next()) && is_number(parts.next()) && parts.next().is_some()
}

/// The complaints; where a tool failed without any, the end of what it said.
fn or_tail(complaints: Vec<String>, output: &Output) -> Vec<String> {
    if output.status.success() || !complaints.is_empty() {
        return complaints;
    }
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    vec![last_lines(&String::from_utf8_lossy(&text), TAIL_LINES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_names_its_line() {
        assert!(is_diagnostic("kernel/src/a.rs:3:14: error: unused"));
        assert!(is_diagnostic("a.rs:3:14: error[E0425]: cannot find"));
        assert!(!is_diagnostic("error: could not compile `a`: error: b"));
    }
}
