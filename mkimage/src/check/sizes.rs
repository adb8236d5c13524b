//! Lengths of files and functions.

use super::{Complaints, relative, text_of};
use crate::workspace::Workspace;
use std::path::PathBuf;

/// Longest function in lines, from its signature to its closing brace.
const FUNCTION_LINES: usize = 60;
/// Longest file in lines, without its tests.
const FILE_LINES: usize = 500;

/// No file and no function is too long. Files of tests may be, their functions may not.
pub fn check(workspace: &Workspace, sources: &[PathBuf]) -> Complaints {
    let mut complaints = Vec::new();
    for path in sources {
        let text = text_of(path)?;
        let name = relative(workspace, path);
        let lines = lines_without_tests(&text);
        if lines > FILE_LINES && !path.ends_with("tests.rs") && !name.contains("/tests/") {
            complaints.push(format!(
                "{name} has {lines} lines (at most {FILE_LINES}): move what belongs together to a \
                 file that is called so"
            ));
        }
        for (line, length) in long_functions(&text) {
            complaints.push(format!(
                "{name}:{line}: a function of {length} lines (at most {FUNCTION_LINES}): give its steps \
                 names of their own"
            ));
        }
    }
    Ok(complaints)
}

/// Lines outside modules of tests.
fn lines_without_tests(text: &str) -> usize {
    let mut count = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_module = |next: &&str| next.starts_with("mod ") && next.ends_with('{');
        if line == "#[cfg(test)]" && lines.peek().is_some_and(is_module) {
            lines.by_ref().find(|line| *line == "}");
        } else {
            count += 1;
        }
    }
    count
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
        matches!(*word, "pub" | "const" | "async" | "unsafe" | "extern")
            || word.starts_with("pub(")
            // A calling convention.
            || word.starts_with('"')
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
        let text = "#[cfg(test)]\nextern crate std;\na\n\n#[cfg(test)]\nmod tests {\n    b\n}\nc\n";
        assert_eq!(lines_without_tests(text), 5);
    }

    #[test]
    fn signatures_have_their_qualifiers() {
        for line in [
            "fn a() {",
            "pub(crate) unsafe fn a() {",
            "pub unsafe extern \"C\" fn a(",
            "extern \"sysv64\" fn a() -> ! {",
        ] {
            assert!(is_signature(line), "{line}");
        }
        assert!(!is_signature("let function = 1;"));
        assert!(!is_signature("pub fn $name($($argument: $type),*) {"));
    }
}
