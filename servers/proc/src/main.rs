//! Entry point of the server; the logic is in the library beside it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
fn main(start: server_rt::Start) -> ! {
    use proc_server::Server;
    use proc_server::guest::Guest;

    let endpoint = start.endpoint();
    let path = start.argument("init").unwrap_or("/etc/init");
    let supervisor = start.require("supervisor");
    let fail = |what: core::fmt::Arguments<'_>, error: proto::Error| -> ! {
        if error != proto::Error::NoMemory {
            start.cannot_start(format_args!("{what}: {error}"));
        }
        // Another start may find some.
        server_rt::log!("{what}: no memory");
        server_rt::stubs::safe::process_exit(1)
    };
    let guest = match Guest::new(endpoint, supervisor) {
        Ok(guest) => guest,
        Err(error) => fail(format_args!("nothing can be kept for another start"), error),
    };
    let mut server = match Server::restore(guest) {
        Ok(server) => server,
        Err(mut guest) => match guest.start_first(start.require("root"), path.as_bytes()) {
            Ok(first) => Server::new(guest, first),
            Err(error) => fail(format_args!("the first program, {path}"), error),
        },
    };
    // Only `svc status` loses by a supervisor that does not hear of it.
    let _ = proto::supervisor::ready(&server_rt::Session(supervisor), &[]);
    server_rt::serve(endpoint, &mut server)
}

#[cfg(target_os = "none")]
server_rt::entry!(main);

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this program runs only inside MicroKosm");
    std::process::exit(1);
}
