//! Entry point of the guest's half of the drivers' test; the logic is in the library beside it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
server_rt::entry!(driver_guest_test::run);

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this program runs only inside MicroKosm");
    std::process::exit(1);
}
