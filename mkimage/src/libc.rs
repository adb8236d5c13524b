//! Building the C library for the SDK.

use crate::guest;
use crate::workspace::Workspace;
use anyhow::Result;
use porting_kit::{Progress, TARGET, sdk};

/// Builds `libc.a` and the start files.
pub fn build(workspace: &Workspace, progress: &dyn Progress) -> Result<sdk::Libc> {
    progress.step("C library");
    let libraries = workspace.build("libc/lib")?;
    let mut command = workspace.in_toolchain("libc/build.sh");
    command
        .arg(&libraries)
        .env("CARGO_TARGET_DIR", workspace.build("libc/target")?);
    guest::run("C library", &mut command, &workspace.build("libc/log")?)?;
    Ok(sdk::Libc {
        include: workspace.path("libc/include"),
        libraries,
        rust_target: workspace.path(&format!("libc/target/{TARGET}.json")),
    })
}
