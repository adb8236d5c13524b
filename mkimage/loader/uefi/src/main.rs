//! The loader as a UEFI application: the kernel, the boot bundle and the command line are
//! files on the EFI system partition it was started from.
#![cfg_attr(target_os = "uefi", no_std, no_main)]

#[cfg(not(target_os = "uefi"))]
fn main() {
    eprintln!("loader-uefi runs only on UEFI firmware");
    std::process::exit(1);
}

#[cfg(target_os = "uefi")]
mod entry;
#[cfg(target_os = "uefi")]
mod firmware;
