//! `mkimage check`: what reviewers would otherwise have to look for.

use crate::workspace::{Workspace, read_file};
use anyhow::{Context, Result};
use porting_kit::command::last_lines;
use std::path::{Path, PathBuf};

/// Longest function in lines, from its signature to its closing brace.
const FUNCTION_LINES: usize = 60;
/// Longest file in lines, without its tests.
const FILE_LINES: usize = 500;
/// Folders with the project's Rust code.
const SOURCE_FOLDERS: [&str; 5] = ["kernel", "servers", "libc", "ports", "mkimage"];
/// Crates that may opt out of `unsafe_code = "deny"`, by folder. A new one is added here, in
/// review, or not at all.
const UNSAFE_CRATES: [&str; 13] = [
    "kernel",
    "kernel/arch/x86_64",
    "kernel/mem",
    "kernel/stubs",
    "libc/abi",
    "libc/posix",
    "libc/rt",
    "mkimage/loader/hardware",
    "mkimage/loader/pvh",
    "mkimage/loader/tests/kernel",
    "mkimage/loader/uefi",
    "servers/drivers/hal",
    "servers/rt",
];

/// The results, one for each kind of check.
pub struct Report(Vec<(&'static str, Vec<String>)>);

impl Report {
    /// Prints what was found; answers whether all is well.
    pub fn report(&self) -> bool {
        for (name, complaints) in &self.0 {
            for complaint in complaints {
                println!("FAILED  {name}: {complaint}");
            }
        }
        self.0.iter().all(|(_, complaints)| complaints.is_empty())
    }
}

/// Makes all checks.
pub fn run(workspace: &Workspace) -> Result<Report> {
    let mut sources = Vec::new();
    let mut manifests = Vec::new();
    for folder in SOURCE_FOLDERS {
        collect(&workspace.path(folder), &mut sources, &mut manifests)?;
    }
    Ok(Report(vec![
        ("format", cargo(workspace, &["fmt", "--all", "--check"])?),
        (
            "lints",
            cargo(
                workspace,
                &[
                    "clippy",
                    "--quiet",
                    "--locked",
                    "--workspace",
                    "--target-dir",
                    "build/host",
                    "--",
                    "-D",
                    "warnings",
                ],
            )?,
        ),
        ("unsafe code", unsafe_crates(workspace, &manifests)?),
        ("sizes", sizes(workspace, &sources)?),
    ]))
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>, manifests: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, sources, manifests)?;
        } else if path.ends_with("Cargo.toml") {
            manifests.push(path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
    Ok(())
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<Vec<String>> {
    let output = workspace
        .in_toolchain("cargo")
        .args(arguments)
        .output()
        .context("cannot start cargo")?;
    if output.status.success() {
        return Ok(Vec::new());
    }
    let text = [output.stdout, output.stderr].concat();
    Ok(vec![last_lines(&String::from_utf8_lossy(&text), 60)])
}

/// A crate takes part in the workspace's `unsafe_code = "deny"` or is on the list.
fn unsafe_crates(workspace: &Workspace, manifests: &[PathBuf]) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for manifest in manifests {
        let text = String::from_utf8_lossy(&read_file(manifest)?).into_owned();
        let folder = relative(workspace, manifest.parent().unwrap_or(manifest));
        let denied =
            text.contains("[lints]\nworkspace = true") || text.contains("unsafe_code = \"");
        let own_workspace = text.contains("\n[workspace]");
        if !denied && !own_workspace && !UNSAFE_CRATES.contains(&folder.as_str()) {
            complaints.push(format!(
                "{folder} does not take part in the workspace's lints and is not on the list"
            ));
        }
    }
    Ok(complaints)
}

fn relative(workspace: &Workspace, path: &Path) -> String {
    path.strip_prefix(workspace.root())
        .unwrap_or(path)
        .display()
        .to_string()
}

fn sizes(workspace: &Workspace, sources: &[PathBuf]) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for path in sources {
        let text = String::from_utf8_lossy(&read_file(path)?).into_owned();
        let name = relative(workspace, path);
        let lines = lines_without_tests(&text);
        if lines > FILE_LINES && !path.ends_with("tests.rs") && !name.contains("/tests/") {
            complaints.push(format!("{name} has {lines} lines (at most {FILE_LINES})"));
        }
        for (line, length) in long_functions(&text) {
            complaints.push(format!(
                "{name}:{line}: a function of {length} lines (at most {FUNCTION_LINES})"
            ));
        }
    }
    Ok(complaints)
}

fn lines_without_tests(text: &str) -> usize {
    text.lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .count()
}

/// First line and length of each function that is too long. Functions are found by rustfmt's
/// layout: the closing brace stands alone at the indentation of the signature.
fn long_functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        if !is_signature(body) {
            continue;
        }
        let indentation = &line[..line.len() - body.len()];
        let is_end = |other: &&str| {
            other
                .strip_prefix(indentation)
                .is_some_and(|rest| rest == "}")
        };
        let is_declaration = lines[index..]
            .iter()
            .take(12)
            .find(|line| line.ends_with('{') || line.ends_with(';'));
        if is_declaration.is_none_or(|line| line.ends_with(';')) || line.ends_with('}') {
            continue;
        }
        if let Some(length) = lines[index..].iter().position(is_end) {
            let length = length + 1;
            if length > FUNCTION_LINES {
                found.push((index + 1, length));
            }
        }
    }
    found
}

fn is_signature(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        matches!(
            *word,
            "pub" | "const" | "async" | "unsafe" | "extern" | "\"C\""
        ) || word.starts_with("pub(")
    });
    // A macro's pattern for functions is laid out by hand and has no end of its own.
    words.next() == Some("fn") && words.next().is_some_and(|name| !name.starts_with('$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!(
            "    pub const fn f(\n        x: u8,\n    ) {{\n{}    }}\n",
            "        x;\n".repeat(lines - 4)
        )
    }

    #[test]
    fn a_function_is_as_long_as_its_lines() {
        assert!(long_functions(&function(60)).is_empty());
        assert_eq!(long_functions(&function(61)), [(1, 61)]);
    }

    #[test]
    fn a_declaration_is_no_function() {
        let text = format!("fn declared();\n{}\n}}\n", "x\n".repeat(100));
        assert!(long_functions(&text).is_empty());
    }

    #[test]
    fn tests_do_not_count_as_a_files_lines() {
        assert_eq!(lines_without_tests("a\nb\n#[cfg(test)]\nmod tests {}\n"), 2);
    }

    #[test]
    fn signatures_have_their_qualifiers() {
        for line in [
            "fn a() {",
            "pub(crate) unsafe fn a() {",
            "pub unsafe extern \"C\" fn a(",
        ] {
            assert!(is_signature(line), "{line}");
        }
        assert!(!is_signature("let function = 1;"));
        assert!(!is_signature("pub fn $name($($argument: $type),*) {"));
    }
}
