//! Which crates have unsafe code.

use super::{Complaints, relative, text_of};
use crate::workspace::Workspace;
use std::path::PathBuf;

/// Crates that may opt out of `unsafe_code = "deny"`, by folder. A new one is added here, in
/// review, or not at all.
const UNSAFE_CRATES: [&str; 13] = [
    "kernel",
    "kernel/arch/x86_64",
    "kernel/mem",
    "kernel/stubs",
    "libc/abi",
    "libc/rt",
    "mkimage/loader/hardware",
    "mkimage/loader/pvh",
    "mkimage/loader/tests/kernel",
    "mkimage/loader/uefi",
    "servers/drivers/hal",
    "servers/rt",
    "servers/tests/kernel-test",
];
/// What every crate with unsafe code must ask the compiler and clippy to look for.
const WANTED: [&str; 2] = [
    "unsafe_op_in_unsafe_fn = \"deny\"",
    "undocumented_unsafe_blocks = ",
];

/// A crate takes part in the workspace's `unsafe_code = "deny"` or is on the list.
pub fn check(workspace: &Workspace, manifests: &[PathBuf]) -> Complaints {
    let mut complaints = Vec::new();
    let mut found = Vec::new();
    for manifest in manifests {
        let text = text_of(manifest)?;
        let folder = relative(workspace, manifest.parent().unwrap_or(manifest));
        if denies_unsafe(&text) {
            continue;
        }
        complaints.extend(judge(&folder, &text));
        found.push(folder);
    }
    for listed in UNSAFE_CRATES {
        if !found.iter().any(|folder| folder == listed) {
            complaints.push(format!(
                "{listed} has no unsafe code any more: take it off the list in \
                 mkimage/src/check/unsafe_code.rs"
            ));
        }
    }
    Ok(complaints)
}

/// A workspace of its own is a program for a test, which is not part of the system.
fn denies_unsafe(manifest: &str) -> bool {
    manifest.contains("[lints]\nworkspace = true")
        || manifest.contains("unsafe_code = \"")
        || manifest.contains("\n[workspace]")
}

fn judge(folder: &str, manifest: &str) -> Option<String> {
    if !UNSAFE_CRATES.contains(&folder) {
        return Some(format!(
            "{folder} may have unsafe code and is not on the list: add `[lints] workspace = true` to \
             its manifest, or it to the list in mkimage/src/check/unsafe_code.rs"
        ));
    }
    let missing = WANTED.iter().find(|line| !manifest.contains(**line))?;
    Some(format!(
        "{folder}/Cargo.toml: the lint `{missing}` is missing"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_denies_unsafe_code_or_is_on_the_list() {
        assert!(denies_unsafe("[package]\n\n[lints]\nworkspace = true\n"));
        let lints = "[lints.rust]\nunsafe_op_in_unsafe_fn = \"deny\"\n";
        assert!(!denies_unsafe(lints));
        assert!(judge("servers/new", lints).is_some());
        assert!(judge("kernel/mem", lints).is_some());
        let lints = format!("{lints}[lints.clippy]\nundocumented_unsafe_blocks = \"warn\"\n");
        assert_eq!(judge("kernel/mem", &lints), None);
    }
}
