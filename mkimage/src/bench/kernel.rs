//! The kernel alone: boots `servers/tests/kernel-bench`, which prints its figures on the serial
//! line and stops the machine.

use super::{PROCESSOR_MODEL, print_row};
use crate::image::Built;
use crate::progress::Spinner;
use crate::serial::{self, Trial};
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);
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
    spinner.show("kernel-bench");
    let trial = Trial {
        bundle,
        disk: Some(built.image.clone()),
        command_line: "test".into(),
        memory_mib: 64,
        processors: 1,
        processor_model: PROCESSOR_MODEL.into(),
        count_instructions: true,
        timeout: LIMIT,
    };
    let (text, _) = serial::run(built, &trial)?;
    drop(spinner);
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
