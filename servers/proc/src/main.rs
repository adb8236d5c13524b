//! Entry point of the server; the logic is in the library beside it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
fn main(start: server_rt::Start) -> ! {
    use proc_server::Server;
    use proc_server::guest::Guest;

    let endpoint = start.endpoint();
    let path = start.argument("init").unwrap_or("/etc/init");
    let mut guest = Guest::new(endpoint);
    match guest.start_first(start.require("root"), path.as_bytes()) {
        Ok(first) => {
            if let Some(supervisor) = start.handle("supervisor") {
                // Only `svc status` loses by a supervisor that does not hear of it.
                let _ = proto::supervisor::ready(&server_rt::Session(supervisor), &[]);
            }
            server_rt::serve(endpoint, &mut Server::new(guest, first))
        }
        Err(error) => {
            server_rt::log!("cannot start {path}: {error:?}");
            server_rt::stubs::safe::process_exit(1)
        }
    }
}

#[cfg(target_os = "none")]
server_rt::entry!(main);

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this program runs only inside MicroKosm");
    std::process::exit(1);
}
