//! Running other programs with their output kept in a log.

use crate::{Error, Result};
use std::path::Path;
use std::process::{Command, Stdio};

/// How much of a failed command's output is shown.
const TAIL_LINES: usize = 30;

/// Runs `command` with no input and its output appended to `log`; an unsuccessful end is an error
/// that carries the end of that output.
pub fn run_logged(step: &str, command: &mut Command, log: &Path) -> Result<()> {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(Error::file("open", log))?;
    let copy = file.try_clone().map_err(Error::file("open", log))?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(copy)
        .status()
        .map_err(|source| start_error(command, source))?;
    if status.success() {
        return Ok(());
    }
    let bytes = std::fs::read(log).unwrap_or_default();
    Err(Error::Command {
        step: step.to_string(),
        command: command_line(command),
        status: status.to_string(),
        tail: last_lines(&String::from_utf8_lossy(&bytes), TAIL_LINES),
        log: log.to_path_buf(),
    })
}

/// Runs `command` and returns its standard output as text.
pub fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|source| start_error(command, source))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Command {
        step: "a query".to_string(),
        command: command_line(command),
        status: output.status.to_string(),
        tail: last_lines(&String::from_utf8_lossy(&output.stderr), TAIL_LINES),
        log: "/dev/null".into(),
    })
}

fn start_error(command: &Command, source: std::io::Error) -> Error {
    Error::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    }
}

/// The command as one would type it (without quoting: for reading, not for running).
pub fn command_line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(
        command
            .get_args()
            .map(|argument| argument.to_string_lossy()),
    );
    words.join(" ")
}

/// The last `count` lines of `text`.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_shows_the_end_of_its_output() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let error = run_logged(
            "try",
            Command::new("sh").args(["-c", "echo reason >&2; exit 3"]),
            &log,
        )
        .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("try failed") && text.contains("reason") && text.contains('3'),
            "{text}"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = run_logged(
            "try",
            &mut Command::new("no-such-program"),
            &folder.path().join("log"),
        )
        .unwrap_err();
        assert!(error.to_string().contains("no-such-program"));
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }
}
