//! POSIX operations measured in guest instructions, beside Linux's figures.

use super::PROCESSOR_MODEL;
use crate::exec::{self, Request};
use crate::guest;
use crate::guest_tests::{collector, taken};
use crate::image::{self, Built};
use crate::packages;
use crate::progress::Spinner;
use crate::staging::Addition;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(3600);

/// Builds the benchmark from `source`, runs it in the guest and prints a table.
pub fn run(workspace: &Workspace, built: &Built, source: &Path) -> Result<()> {
    let program = source.join("posixbench.c");
    if !program.is_file() {
        bail!("there is no {}", program.display());
    }
    let compiled = compile(workspace, &program)?;
    let request = Request {
        command: "/bench/posixbench -d /tmp".into(),
        additions: vec![Addition {
            host: compiled,
            guest: "/bench/posixbench".into(),
        }],
        memory_mib: 512,
        timeout: LIMIT,
        count_instructions: true,
        processor_model: PROCESSOR_MODEL.into(),
        ..Request::default()
    };
    let (stdout, out) = collector();
    let stderr = Box::new(std::io::stderr());
    let outcome = exec::run(workspace, built, &request, stdout, stderr)?;
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

fn compile(workspace: &Workspace, program: &Path) -> Result<PathBuf> {
    let compiled = workspace.build("bench/posixbench")?;
    let _lock = image::lock(workspace)?;
    let spinner = Spinner::start();
    spinner.show("posixbench");
    let sdk = packages::sdk(workspace, &spinner)?;
    let mut command = Command::new(sdk.tools().join(format!("{}-cc", porting_kit::TARGET)));
    command.args(["-O2", "-static", "-o"]);
    command.arg(&compiled).arg(program);
    guest::run("posixbench", &mut command, &workspace.build("bench/log")?)?;
    Ok(compiled)
}

/// A test's result.
#[derive(Debug)]
struct Row {
    name: String,
    operations: u64,
    /// Instructions per operation, or why the test could not run.
    outcome: Result<f64, String>,
}

/// `name TAB operations TAB instructions per operation`, or `ERR:reason` in place of the last.
fn parse_results(text: &str) -> Vec<Row> {
    let parse = |line: &str| {
        let mut fields = line.split('\t');
        let name = fields.next()?.to_string();
        let operations = fields.next()?.trim().parse().ok()?;
        let figure = fields.next()?.trim();
        let outcome = match figure.strip_prefix("ERR:") {
            Some(reason) => Err(reason.to_string()),
            None => Ok(figure.parse().ok()?),
        };
        Some(Row {
            name,
            operations,
            outcome,
        })
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

fn table(rows: &[Row], baseline: &BTreeMap<String, f64>) -> String {
    let mut text = format!(
        "{:20} {:>10} {:>14} {:>14} {:>7}\n",
        "test", "operations", "instructions", "lean Linux", "ratio"
    );
    let mut ratios = Vec::new();
    for row in rows {
        let peer = baseline.get(&row.name).filter(|peer| **peer > 0.0);
        let shown_peer = peer.map_or("-".to_string(), |peer| format!("{peer:.1}"));
        let (figure, ratio) = match (&row.outcome, peer) {
            (Ok(figure), Some(peer)) => {
                // The calibration tests are the same instructions on both sides.
                if !matches!(row.name.as_str(), "calib_loop2" | "tick_read") {
                    ratios.push(figure / peer);
                }
                (format!("{figure:.1}"), format!("{:.2}", figure / peer))
            }
            (Ok(figure), None) => (format!("{figure:.1}"), "-".to_string()),
            (Err(reason), _) => (format!("ERR:{reason}"), "-".to_string()),
        };
        text.push_str(&format!(
            "{:20} {:>10} {figure:>14} {shown_peer:>14} {ratio:>7}\n",
            row.name, row.operations
        ));
    }
    if let Some(mean) = geometric_mean(&ratios) {
        let count = ratios.len();
        text.push_str(&format!(
            "geometric mean of {count} ratios (below 1: fewer instructions than Linux) {mean:.2}\n"
        ));
    }
    text
}

fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (!ratios.is_empty()).then(|| (logarithms / ratios.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<String> {
        let baseline = parse_baseline(
            "test\tlean\tDebian\ngetppid\t200.0\t327.0\nstat\t100\t1\ncalib_loop2\t2.0\t2.0\n",
        );
        let table = table(&parse_results(text), &baseline);
        table.lines().map(str::to_string).collect()
    }

    #[test]
    fn results_stand_beside_linuxs() {
        let rows = rows("fancy\t1000\t2.0\nnoise\ngetppid\t10\t100.0\n");
        assert!(rows[1].starts_with("fancy") && rows[1].ends_with('-'));
        assert!(rows[2].starts_with("getppid") && rows[2].ends_with("0.50"));
    }

    #[test]
    fn a_test_that_could_not_run_says_why() {
        let rows = rows("getppid\t0\tERR:Function not implemented\n");
        assert!(rows[1].contains("ERR:Function not implemented"));
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn the_mean_is_of_what_was_measured_and_not_of_the_calibration() {
        let rows = rows("calib_loop2\t1\t2.0\ngetppid\t1\t100.0\nstat\t1\t200.0\n");
        assert!(rows[4].contains("of 2 ratios") && rows[4].ends_with(" 1.00"));
    }
}
