//! Entry point of the server; the logic is in the library beside it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
fn main(start: server_rt::Start) -> ! {
    use tty_server::Server;
    use tty_server::guest::Guest;

    let endpoint = start.endpoint();
    let console = start.require("console");
    let supervisor = start.require("supervisor");
    match Guest::new(endpoint, console, start.require("job"), supervisor) {
        Ok(guest) => {
            let mut server = Server::new(guest);
            // A supervisor that does not hear it shows the server as starting; no more.
            let _ = proto::supervisor::ready(&server_rt::Session(supervisor), &[]);
            server_rt::serve(endpoint, &mut server)
        }
        Err(error) => {
            // Another start may find memory; whatever else is wrong, it would find again.
            if error != proto::Error::NoMemory {
                start.cannot_start(format_args!("the console: {error}"));
            }
            server_rt::log!("no memory");
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
