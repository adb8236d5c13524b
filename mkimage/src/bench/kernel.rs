//! The kernel alone: boots `servers/tests/kernel-bench`, which prints its figures on the serial
//! line and stops the machine.

use super::{PROCESSOR_MODEL, print_row};
use crate::exec::Guest;
use crate::image::Built;
use crate::machine::{Boot, Machine, Serial};
use crate::progress::Spinner;
use crate::workspace::{Workspace, read_file};
use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(300);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Test → what to reach now, the aim, the best peer's figure.
const GOALS: [(&str, [&str; 3]); 2] = [
    ("null_call", ["100", "60", "seL4 89"]),
    ("call_reply", ["600", "300", "seL4 395"]),
];

/// Measures and prints a row for each test of the program.
pub fn run(workspace: &Workspace, built: &Built) -> Result<()> {
    let spinner = Spinner::start();
    let bundle = built
        .system
        .test_bundle(workspace, "kernel-bench", &spinner)?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let log = folder.path().join("serial.log");
    let machine = Machine {
        processors: 1,
        memory_mib: 64,
        processor_model: PROCESSOR_MODEL.into(),
        // The program does not look at it.
        disk: built.image.clone(),
        throw_away: true,
        display: false,
        count_instructions: true,
        boot: Boot::Direct {
            loader: built.system.pvh_loader.clone(),
            bundle,
            command_line: "test".into(),
        },
        serial: Serial::File(log.clone()),
        consoles: Vec::new(),
    };
    spinner.show("kernel-bench");
    let mut guest = Guest::start(machine.command(), &folder.path().join("qemu.log"))?;
    let deadline = Instant::now() + LIMIT;
    while guest.ended()?.is_none() && Instant::now() < deadline {
        std::thread::sleep(POLL_INTERVAL);
    }
    drop(spinner);
    let text = String::from_utf8_lossy(&read_file(&log)?).into_owned();
    let rows = parse(&text);
    if rows.is_empty() {
        bail!("kernel-bench printed no result; the serial line:\n{text}");
    }
    for (name, figure) in rows {
        let goals = GOALS.iter().find(|(known, _)| *known == name);
        print_row(&name, &figure, goals.map_or([""; 3], |(_, goals)| *goals));
    }
    Ok(())
}

/// `name TAB operations TAB ticks`, where the supervisor may have put the program's name in front.
fn parse(log: &str) -> Vec<(String, String)> {
    let parse = |line: &str| {
        let mut fields = line.trim_end().split('\t');
        let name = fields.next()?.split_ascii_whitespace().last()?.to_string();
        fields.next()?.parse::<u64>().ok()?;
        Some((name, fields.next()?.to_string()))
    };
    log.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_failures_are_found_among_other_lines() {
        let log = "svc: up\r\nkernel-bench: null_call\t1000\t99.5\r\ncall_reply\t0\tERR:Access\n";
        let pair = |name: &str, figure: &str| (name.to_string(), figure.to_string());
        assert_eq!(
            parse(log),
            [pair("null_call", "99.5"), pair("call_reply", "ERR:Access")]
        );
    }
}
