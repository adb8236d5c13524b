//! `docs/kernel-reference.md` is generated from the tables; this test keeps it up to date.
//!
//! `mkimage check --update` (or `UPDATE_REFERENCE=1 cargo test -p kernel-abi`) writes it anew.

use kernel_abi::{Call, Error, calls};
use std::fmt::Write;
use std::path::Path;

/// First number of each group of calls, counted from the first call.
const GROUPS: [(u64, &str); 10] = [
    (0, "Messages and endpoints"),
    (16, "Handles"),
    (32, "Bytes"),
    (48, "Streams and cursors"),
    (64, "Memory"),
    (96, "Processes"),
    (112, "Threads and time"),
    (128, "Upcalls"),
    (144, "Waiting"),
    (160, "The machine"),
];

const HEAD: &str = "# Kernel reference

Generated from `kernel/abi` by `mkimage check --update`; do not edit.

A call's number goes in `rax`, its arguments in `rdi rsi rdx r10 r8 r9` (message calls use `r12` to `r15` as
well); `rax` returns a value of 0 or more, or the negated number of an error. `rcx` and `r11` are clobbered.
Structures that are passed by address are in `kernel/abi/src`.
";

/// Documentation lines as the text of a table's cell.
fn cell(lines: &[&str]) -> String {
    let text: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    let text = text.join(" ").replace('|', "\\|");
    // Links to items in the documentation of the code lead nowhere here.
    text.replace("[`", "`").replace("`]", "`")
}

fn reference() -> String {
    let mut text = HEAD.to_string();
    let mut groups = GROUPS.iter().peekable();
    for &(call, name, arguments) in Call::TABLE {
        let number = call as u64;
        while let Some((_, title)) = groups.next_if(|(first, _)| calls::FIRST + first <= number) {
            let head = "| number | call | does |\n|---|---|---|\n";
            write!(text, "\n## {title}\n\n{head}").unwrap();
        }
        let arguments = arguments.join(", ");
        let does = cell(call.documentation());
        writeln!(text, "| {number:#x} | `{name}({arguments})` | {does} |").unwrap();
    }
    text.push_str("\n## Errors\n\n| number | error | means |\n|---|---|---|\n");
    for error in Error::ALL {
        let (number, name) = (*error as i32, error.name());
        let means = cell(error.documentation());
        writeln!(text, "| {number} | `{name}` | {means} |").unwrap();
    }
    text
}

#[test]
fn the_reference_page_is_what_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kernel-reference.md");
    let wanted = reference();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == wanted,
        "docs/kernel-reference.md is out of date: run mkimage check --update"
    );
}

#[test]
fn every_call_is_described() {
    for (call, name, _) in Call::TABLE {
        assert!(!call.documentation().is_empty(), "{name}");
    }
}
