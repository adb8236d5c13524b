//! Tests that run on the host, and the count of all tests.

use crate::progress::Spinner;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use porting_kit::command::last_lines;
use std::process::{Command, Output};

/// How many tests ended how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that could not be run here.
    pub skipped: u64,
}

impl Tally {
    /// The closing line of a test run.
    pub fn line(&self) -> String {
        match self.skipped {
            0 => format!("{} passed, {} failed", self.passed, self.failed),
            skipped => format!(
                "{} passed, {} failed, {skipped} skipped",
                self.passed, self.failed
            ),
        }
    }

    /// Counts one test.
    pub fn count(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }
}

/// The tests of set-up's choices.
pub fn run_setup(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let output = Command::new("sh")
        .arg(workspace.path("setup/test.sh"))
        .output()
        .context("cannot start sh")?;
    let text = text_of(&output);
    match counts_in(&text, parse_setup_line) {
        Some(counts) => add(tally, counts, &text),
        None => broken(tally, "setup/test.sh", &text),
    }
    Ok(())
}

/// Every crate's unit tests.
pub fn run_cargo(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let mut command = workspace.in_toolchain("cargo");
    command.args([
        "test",
        "--quiet",
        "--locked",
        "--workspace",
        "--no-fail-fast",
        "--target-dir",
        "build/host",
    ]);
    let spinner = Spinner::start();
    spinner.show("host tests");
    let output = command.output().context("cannot start cargo")?;
    drop(spinner);
    let text = text_of(&output);
    let counts = counts_in(&text, parse_cargo_line);
    let all_well = output.status.success();
    match counts {
        Some(counts) if all_well || counts.failed > 0 => add(tally, counts, &text),
        // It did not compile, or a test program died.
        _ => broken(tally, "cargo test", &text),
    }
    Ok(())
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

fn add(tally: &mut Tally, counts: Tally, text: &str) {
    tally.passed += counts.passed;
    tally.failed += counts.failed;
    tally.skipped += counts.skipped;
    if counts.failed > 0 {
        println!("{}", last_lines(text, 200));
    }
}

fn broken(tally: &mut Tally, what: &str, text: &str) {
    println!("FAILED {what}\n{}", last_lines(text, 60));
    tally.failed += 1;
}

/// The sum over all lines that `parse` understands; none when there is no such line.
fn counts_in(text: &str, parse: fn(&str) -> Option<Tally>) -> Option<Tally> {
    text.lines().filter_map(parse).reduce(|sum, one| Tally {
        passed: sum.passed + one.passed,
        failed: sum.failed + one.failed,
        skipped: sum.skipped + one.skipped,
    })
}

/// `3 passed, 1 failed`
fn parse_setup_line(line: &str) -> Option<Tally> {
    let (passed, failed) = line.split_once(", ")?;
    Some(Tally {
        passed: passed.strip_suffix(" passed")?.parse().ok()?,
        failed: failed.strip_suffix(" failed")?.parse().ok()?,
        skipped: 0,
    })
}

/// `test result: ok. 3 passed; 1 failed; 0 ignored; ...`
fn parse_cargo_line(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |name: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(name)?.trim().parse().ok())
    };
    Some(Tally {
        passed: number(" passed")?,
        failed: number(" failed")?,
        skipped: number(" ignored")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_lines_are_added_up() {
        let text = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\nx\n\
                    test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(
            counts_in(text, parse_cargo_line),
            Some(Tally {
                passed: 4,
                failed: 2,
                skipped: 1
            })
        );
        assert_eq!(
            counts_in("error: could not compile", parse_cargo_line),
            None
        );
    }

    #[test]
    fn the_closing_line_names_skipped_tests_only_when_there_are_some() {
        assert_eq!(
            Tally {
                passed: 2,
                failed: 0,
                skipped: 0
            }
            .line(),
            "2 passed, 0 failed"
        );
        assert_eq!(
            Tally {
                passed: 2,
                failed: 1,
                skipped: 3
            }
            .line(),
            "2 passed, 1 failed, 3 skipped"
        );
    }

    #[test]
    fn setups_line_is_understood() {
        assert_eq!(
            parse_setup_line("26 passed, 1 failed"),
            Some(Tally {
                passed: 26,
                failed: 1,
                skipped: 0
            })
        );
        assert_eq!(parse_setup_line("FAILED x, y"), None);
    }
}
