//! The loader as a UEFI application.
#![cfg_attr(target_os = "uefi", no_std, no_main)]

#[cfg(not(target_os = "uefi"))]
fn main() {
    eprintln!("loader-uefi runs only on UEFI firmware");
    std::process::exit(1);
}
