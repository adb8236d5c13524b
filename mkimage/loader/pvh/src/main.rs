//! The loader as QEMU starts it by `-kernel`: the kernel and everything else come in the
//! boot bundle, which QEMU's `-initrd` put into memory.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("loader-pvh runs only on bare metal");
    std::process::exit(1);
}

#[cfg(target_os = "none")]
mod entry;
#[cfg(target_os = "none")]
mod screen;
