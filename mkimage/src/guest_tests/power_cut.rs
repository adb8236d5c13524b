//! Power cuts: QEMU is killed in the middle of writes; what the guest was told to be on the disk
//! must be there in the next boot, also after `e2fsck -fy`.

use super::Runner;
use super::description::GuestTest;
use crate::exec::Request;
use crate::{disk, root_file_system};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::Path;
use std::time::Duration;

/// How a test is cut off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerCut {
    /// Writes without end and prints a line whenever something has reached the disk.
    pub writer: String,
    /// How often it is tried, each time on a fresh disk.
    pub times: u32,
    /// The cut comes at a random moment up to this long after the first line, in milliseconds.
    pub within_ms: u64,
}

impl Runner<'_> {
    /// Runs the writer, cuts the power, repairs the disk, and runs the test's command, which finds
    /// the last whole line that the writer printed in `LAST`.
    pub(super) fn run_power_cuts(&self, test: &GuestTest, cut: &PowerCut) -> Result<()> {
        for turn in 1..=cut.times {
            let delay = Duration::from_millis(random_below(cut.within_ms.max(1)));
            self.cut_once(test, cut, delay)
                .with_context(|| format!("power cut {turn}, after {} ms", delay.as_millis()))?;
        }
        Ok(())
    }

    fn cut_once(&self, test: &GuestTest, cut: &PowerCut, delay: Duration) -> Result<()> {
        let folder = self.scratch()?;
        let image = folder.path().join("disk.img");
        disk::copy_sparse(&self.built.image, &image)?;
        let writer = Request {
            kept_disk: Some(image.clone()),
            power_cut: Some(delay),
            ..self.request(test, cut.writer.clone())?
        };
        let (observed, outcome) = self.observe(&writer)?;
        if !outcome.power_was_cut {
            let failure = outcome.failure.unwrap_or_default();
            bail!("the writer ended with {}: {failure}", outcome.status);
        }
        let last = last_line(&observed.stdout)?;
        // Once as the power cut left it, once repaired.
        let repaired = folder.path().join("repaired.img");
        disk::copy_sparse(&image, &repaired)?;
        root_file_system::repair(&repaired, disk::root_offset(&repaired)?)?;
        for (image, what) in [(&image, "unrepaired"), (&repaired, "repaired")] {
            self.look_at(test, image, &last)
                .with_context(|| format!("last line {last:?}, {what} disk"))?;
        }
        Ok(())
    }

    fn look_at(&self, test: &GuestTest, image: &Path, last: &str) -> Result<()> {
        let command = test.command.as_deref().unwrap_or_default();
        let request = Request {
            kept_disk: Some(image.to_path_buf()),
            ..self.request(test, format!("LAST='{last}'\n{command}"))?
        };
        let (observed, outcome) = self.observe(&request)?;
        match outcome.failure {
            Some(failure) => bail!(failure),
            None => test.judge(&observed),
        }
    }
}

/// The last line with its end: the cut may have left a part of one behind it.
fn last_line(output: &[u8]) -> Result<String> {
    let text = String::from_utf8_lossy(output);
    let (whole, _) = text.rsplit_once('\n').unwrap_or(("", ""));
    match whole.lines().last() {
        Some(line) if !line.contains('\'') => Ok(line.to_string()),
        _ => bail!("the writer printed no whole line: {text:?}"),
    }
}

fn random_below(limit: u64) -> u64 {
    // The standard library's only source of randomness.
    RandomState::new().hash_one(0) % limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_count() {
        assert_eq!(last_line(b"1\n2\n3").unwrap(), "2");
        assert_eq!(last_line(b"1\n").unwrap(), "1");
        assert!(last_line(b"1").is_err());
        assert!(last_line(b"").is_err());
    }
}
