//! `mkimage test --boots N`: many boots in a row, for what goes wrong only now and then.

use crate::exec::{self, Request};
use crate::host_tests::Tally;
use crate::image::{DEFAULT_PROFILE, build_profile};
use crate::workspace::Workspace;
use anyhow::Result;
use std::time::Duration;

const PROCESSORS: u32 = 4;
const LIMIT: Duration = Duration::from_secs(60);

/// Boots `count` times with four processors, runs `true`, powers off; counts each as a test.
pub fn run(workspace: &Workspace, count: u32, tally: &mut Tally) -> Result<()> {
    let built = build_profile(workspace, DEFAULT_PROFILE)?;
    let request = Request {
        command: "true".into(),
        processors: PROCESSORS,
        timeout: LIMIT,
        ..Request::default()
    };
    for number in 1..=count {
        let (stdout, stderr) = (Box::new(std::io::stdout()), Box::new(std::io::stderr()));
        let outcome = exec::run(workspace, &built, &request, stdout, stderr)?;
        let passed = outcome.status == 0 && outcome.failure.is_none();
        if !passed {
            let reason = outcome.failure.unwrap_or_default();
            println!("FAILED  boot {number}: status {}\n{reason}", outcome.status);
        }
        tally.count(passed);
    }
    Ok(())
}
