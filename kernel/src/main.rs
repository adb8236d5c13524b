//! The kernel's boot order: take stock of the machine, make the kernel, start the other
//! processors, start the first process.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
mod panic;
#[cfg(target_os = "none")]
mod requests;

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("the kernel runs only on bare metal");
    std::process::exit(1);
}
