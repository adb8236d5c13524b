//! A kernel that prints everything the loader tells it, one `key=value` a line, on the
//! first serial line, and leaves QEMU with status 33. The tests compare the lines.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("loader-test-kernel runs only on bare metal");
    std::process::exit(1);
}

#[cfg(target_os = "none")]
mod kernel;
