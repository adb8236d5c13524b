//! The way to the first prompt: how many instructions it takes, and how little memory suffices.

use super::{PROCESSOR_MODEL, print_row};
use crate::console::{Session, Setup, Step, drive};
use crate::guest;
use crate::image::Built;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const PROMPT: &str = "# ";
/// Limit for a boot in which every instruction is counted.
const COUNTING_LIMIT: Duration = Duration::from_secs(300);
/// Limit for a boot with little memory: those that lack it may not end by themselves.
const MEMORY_LIMIT: Duration = Duration::from_secs(40);
/// Where the search for the least memory begins, in MiB.
const MEMORY_BOUNDS_MIB: (u64, u64) = (3, 128);

fn expect(text: &str) -> Step {
    Step {
        expect: Some(text.to_string()),
        send: String::new(),
    }
}

/// Counts the instructions that are executed from reset until the shell has printed its prompt
/// and waits. QEMU's plugin counts, not the time-stamp counter, which goes on while the processor
/// waits for the disk.
pub fn instructions(built: &Built, source: &Path) -> Result<()> {
    let plugin_source = source.join("instmark.c");
    if !plugin_source.is_file() {
        bail!("there is no {} to count with", plugin_source.display());
    }
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let plugin = folder.path().join("instmark.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-o"]);
    compiler.arg(&plugin).arg(&plugin_source);
    guest::run("instmark", &mut compiler, &folder.path().join("log"))?;
    let counts = folder.path().join("counts");
    let setup = Setup {
        count_instructions: true,
        processor_model: PROCESSOR_MODEL.into(),
        emulator_options: vec![
            "-plugin".into(),
            format!("{},out={}", plugin.display(), counts.display()),
        ],
        ..Setup::default()
    };
    let mut session = Session::start(built, &setup, COUNTING_LIMIT)?;
    session.step(&expect(PROMPT))?;
    session.end()?;
    let text = std::fs::read_to_string(&counts).context("the plugin wrote no counts")?;
    let Some((total, kernel)) = parse_counts(&text) else {
        bail!("the plugin wrote {text:?}");
    };
    let figure = format!("{:.1} million", total as f64 / 1e6);
    print_row(
        "reset to the first prompt",
        &figure,
        ["100 M", "25 M", "tiny Linux 200 M"],
    );
    let figure = format!("{:.1} million", kernel as f64 / 1e6);
    print_row("  of these in the kernel", &figure, [""; 3]);
    Ok(())
}

/// All instructions, and those in the kernel's half of the address space, from the last line:
/// `TOTAL n user n kernel n ...`.
fn parse_counts(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().rfind(|line| line.starts_with("TOTAL"))?;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let value = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1)?.parse().ok()
    };
    Some((value("TOTAL")?, value("kernel")?))
}

/// Finds the least memory with which the system reaches the prompt and lists a folder from disk.
pub fn least_memory(built: &Built) -> Result<()> {
    let steps = [
        expect(PROMPT),
        Step {
            expect: None,
            send: "ls -l /bin; echo end $?\r".into(),
        },
        expect("end 0\r\n"),
    ];
    let suffices = |memory_mib| {
        let setup = Setup {
            memory_mib,
            ..Setup::default()
        };
        drive(built, &steps, &setup, MEMORY_LIMIT).is_ok()
    };
    let Some(least) = least_that(MEMORY_BOUNDS_MIB, suffices) else {
        bail!("even {} MiB do not suffice", MEMORY_BOUNDS_MIB.1);
    };
    let figure = format!("{least} MB");
    let goals = ["24 MB", "8 MB", "tiny Linux 20 MB"];
    print_row("least memory: prompt and ls -l /bin", &figure, goals);
    Ok(())
}

/// The least number from `low` to `high` for which `holds`, if it holds for `high` and, above the
/// least, for all.
fn least_that((low, high): (u64, u64), mut holds: impl FnMut(u64) -> bool) -> Option<u64> {
    let (mut low, mut found) = (low, None);
    // The answer is expected near the low end, so the upper bound is looked for by doubling.
    let mut candidate = (low * 4).min(high);
    while !holds(candidate) {
        if candidate == high {
            return None;
        }
        low = candidate + 1;
        candidate = (candidate * 2).min(high);
    }
    found.replace(candidate);
    while let Some(least) = found.filter(|least| low < *least) {
        let middle = (low + least) / 2;
        if holds(middle) {
            found = Some(middle);
        } else {
            low = middle + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_each_range_is_found() {
        for least in 3..=128 {
            assert_eq!(least_that((3, 128), |number| number >= least), Some(least));
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_suffices() {
        assert_eq!(least_that((3, 128), |_| false), None);
    }

    #[test]
    fn the_plugins_totals_are_read() {
        let text = "M 0 1 1 0 0 9\nTOTAL 30 user 10 kernel 20 longest_kernel_stay 5\n";
        assert_eq!(parse_counts(text), Some((30, 20)));
        assert_eq!(parse_counts("TOTAL x"), None);
    }
}
