//! The kernel's boot order.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("the kernel runs only on bare metal");
    std::process::exit(1);
}
