//! Building the C library for the SDK.

use crate::workspace::Workspace;
use anyhow::{Result, bail};
use porting_kit::Progress;
use porting_kit::sdk;

/// Builds `libc.a` and the start files.
pub fn build(_workspace: &Workspace, _progress: &dyn Progress) -> Result<sdk::Libc> {
    bail!("the C library cannot be built yet")
}
