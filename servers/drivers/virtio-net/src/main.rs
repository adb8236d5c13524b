//! Entry point of the driver; the logic is in the library beside it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
server_rt::entry!(virtio_net_driver::run);

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this program runs only inside MicroKosm");
    std::process::exit(1);
}
