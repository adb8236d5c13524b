//! Boots that speak on the serial line only and end by themselves.

use crate::exec::Guest;
use crate::image::Built;
use crate::machine::{Boot, Machine, Serial};
use crate::network::Network;
use crate::workspace::read_file;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Such a boot.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The boot bundle.
    pub bundle: PathBuf,
    /// The disk image, of which the guest gets a throw-away copy.
    pub disk: Option<PathBuf>,
    /// The kernel's command line.
    pub command_line: String,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Processors.
    pub processors: u32,
    /// The processor model.
    pub processor_model: String,
    /// Whether instructions are counted (one tick of the time-stamp counter each).
    pub count_instructions: bool,
    /// The guest is killed after this long.
    pub timeout: Duration,
}

/// Boots and waits for the end; answers what came on the serial line, and QEMU's exit status.
///
/// # Errors
/// When QEMU cannot be started, is killed by the time-out or by a signal; with what came until then.
pub fn run(built: &Built, trial: &Trial) -> Result<(String, i32)> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let log = folder.path().join("serial.log");
    let machine = Machine {
        processors: trial.processors,
        memory_mib: trial.memory_mib,
        processor_model: trial.processor_model.clone(),
        disk: trial.disk.clone(),
        throw_away: true,
        display: false,
        count_instructions: trial.count_instructions,
        boot: Boot::Direct {
            loader: built.system.pvh_loader.clone(),
            bundle: trial.bundle.clone(),
            command_line: trial.command_line.clone(),
        },
        serial: Serial::File(log.clone()),
        consoles: Vec::new(),
        network: Network::none(),
    };
    let mut guest = Guest::start(machine.command(), &folder.path().join("qemu.log"))?;
    let deadline = Instant::now() + trial.timeout;
    let ended = loop {
        match guest.ended()? {
            None if Instant::now() < deadline => std::thread::sleep(POLL_INTERVAL),
            ended => break ended,
        }
    };
    let text = String::from_utf8_lossy(&read_file(&log)?).into_owned();
    match ended.map(|status| status.code()) {
        Some(Some(status)) => Ok((text, status)),
        Some(None) => bail!("QEMU was killed; the serial line:\n{text}"),
        None => bail!(
            "time-out after {} s; the serial line:\n{text}",
            trial.timeout.as_secs()
        ),
    }
}

/// The first of `wanted` that does not come in `text` after those before it.
pub fn first_missing<'a>(text: &str, wanted: &'a [String]) -> Option<&'a str> {
    let mut rest = text;
    for part in wanted {
        match rest.find(part.as_str()) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return Some(part),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_must_come_in_their_order() {
        let wanted = ["one", "two"].map(str::to_string);
        assert_eq!(first_missing("zero one one two", &wanted), None);
        assert_eq!(first_missing("two one", &wanted), Some("two"));
        assert_eq!(first_missing("one", &wanted), Some("two"));
    }
}
