//! `mkimage bench`: POSIX operations measured in guest instructions, beside Linux's figures.

use crate::exec::{self, Request};
use crate::guest;
use crate::guest_tests::{collector, taken};
use crate::image::{DEFAULT_PROFILE, build_profile};
use crate::packages;
use crate::progress::Spinner;
use crate::staging::Addition;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// With enhanced `rep movsb` QEMU counts each byte as an instruction, which measures the emulator.
const PROCESSOR_MODEL: &str = "max,-erms";

/// Builds and runs the benchmark from `source` and prints a table.
pub fn run(workspace: &Workspace, source: &Path) -> Result<()> {
    let program = source.join("posixbench.c");
    if !program.is_file() {
        bail!(
            "there is no {}; --source names the folder that has it",
            program.display()
        );
    }
    let built = build_profile(workspace, DEFAULT_PROFILE)?;
    let compiled = workspace.build("bench/posixbench")?;
    {
        let spinner = Spinner::start();
        spinner.show("posixbench");
        let sdk = packages::sdk(workspace, &spinner)?;
        let compiler = sdk.tools().join(format!("{}-cc", porting_kit::TARGET));
        let mut command = Command::new(compiler);
        command.arg("-O2").arg(&program).arg("-o").arg(&compiled);
        guest::run("posixbench", &mut command, &workspace.build("bench/log")?)?;
    }
    let request = Request {
        command: "/bench/posixbench -d /tmp".into(),
        additions: vec![Addition {
            host: compiled,
            guest: "/bench/posixbench".into(),
        }],
        kept_disk: None,
        processors: 1,
        memory_mib: 256,
        timeout: Duration::from_secs(3600),
        count_instructions: true,
        processor_model: PROCESSOR_MODEL.into(),
    };
    let (stdout, out) = collector();
    let outcome = exec::run(
        workspace,
        &built,
        &request,
        stdout,
        Box::new(std::io::stderr()),
    )?;
    let rows = parse_results(&String::from_utf8_lossy(&taken(&out)));
    let baseline = std::fs::read_to_string(source.join("linux-baseline.tsv")).unwrap_or_default();
    print!("{}", table(&rows, &parse_baseline(&baseline)));
    match outcome.failure {
        Some(failure) => bail!(failure),
        None if outcome.status != 0 => bail!("posixbench ended with status {}", outcome.status),
        None if rows.is_empty() => bail!("posixbench printed no result"),
        None => Ok(()),
    }
}

/// `name TAB ops TAB instructions per operation`
fn parse_results(text: &str) -> Vec<(String, u64, f64)> {
    let parse = |line: &str| {
        let mut fields = line.split('\t');
        let name = fields.next()?.to_string();
        Some((
            name,
            fields.next()?.trim().parse().ok()?,
            fields.next()?.trim().parse().ok()?,
        ))
    };
    text.lines().filter_map(parse).collect()
}

/// The first column of figures: a lean Linux with the same processor model.
fn parse_baseline(text: &str) -> BTreeMap<String, f64> {
    let parse = |line: &str| {
        let mut fields = line.split('\t');
        Some((
            fields.next()?.to_string(),
            fields.next()?.trim().parse().ok()?,
        ))
    };
    text.lines().filter_map(parse).collect()
}

fn table(rows: &[(String, u64, f64)], baseline: &BTreeMap<String, f64>) -> String {
    let mut text = format!(
        "{:20} {:>10} {:>14} {:>14} {:>7}\n",
        "test", "operations", "instructions", "lean Linux", "ratio"
    );
    for (name, operations, instructions) in rows {
        let (peer, ratio) = match baseline.get(name) {
            Some(peer) if *peer > 0.0 => {
                (format!("{peer:.1}"), format!("{:.2}", instructions / peer))
            }
            _ => ("-".to_string(), "-".to_string()),
        };
        text.push_str(&format!(
            "{name:20} {operations:>10} {instructions:>14.1} {peer:>14} {ratio:>7}\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_beside_linuxs() {
        let rows = parse_results("calib_loop2\t1000\t2.0\nnoise\ngetppid\t10\t100.0\n");
        let baseline = parse_baseline("test\tlean\tDebian\ngetppid\t205.0\t327.0\n");
        let text = table(&rows, &baseline);
        assert_eq!(rows.len(), 2);
        assert!(
            text.lines()
                .any(|line| line.starts_with("getppid") && line.ends_with("0.49")),
            "{text}"
        );
        assert!(
            text.lines()
                .any(|line| line.starts_with("calib_loop2") && line.ends_with('-')),
            "{text}"
        );
    }
}
