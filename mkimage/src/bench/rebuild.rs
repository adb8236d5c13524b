//! How long one waits for the prompt after a change of one server.

use super::print_row;
use crate::console::{Setup, Step, drive};
use crate::image::{DEFAULT_PROFILE, build_profile};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs::File;
use std::time::{Duration, Instant, SystemTime};

const CHANGED: &str = "servers/tty/src/lib.rs";
const LIMIT: Duration = Duration::from_secs(120);

/// Gives a server's source a new modification time, builds everything that follows from it, and
/// boots to the prompt.
pub fn run(workspace: &Workspace) -> Result<()> {
    let path = workspace.path(CHANGED);
    File::options()
        .append(true)
        .open(&path)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .with_context(|| format!("cannot touch {}", path.display()))?;
    let begin = Instant::now();
    let built = build_profile(workspace, DEFAULT_PROFILE)?;
    let build_s = begin.elapsed().as_secs_f64();
    let prompt = Step {
        expect: Some("# ".into()),
        send: String::new(),
    };
    drive(&built, &[prompt], &Setup::default(), LIMIT)?;
    let figure = format!("{:.1} s", begin.elapsed().as_secs_f64());
    print_row(
        "wall time: one server changed, to prompt",
        &figure,
        ["15 s", "", ""],
    );
    print_row("  of this building", &format!("{build_s:.1} s"), [""; 3]);
    Ok(())
}
