//! Entry point of the server; the logic is in the library beside it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod program {
    use alloc::rc::Rc;
    use alloc::vec::Vec;
    use kernel_abi::Handle;
    use kernel_stubs::safe;
    use proto::Error;
    use server_rt::{Session, Start};
    use vfs_server::Server;
    use vfs_server::backend::Peer;
    use vfs_server::devices::Devices;
    use vfs_server::guest::Guest;
    use vfs_server::server::{Domain, Offered, Peers};

    /// The server behind a session.
    fn peer(session: Handle) -> Peer {
        let endpoint = safe::handle_info(session).map_or(0, |info| info.endpoint);
        Peer::new(Rc::new(Session(session)), endpoint)
    }

    /// Sessions named in a comma-separated argument, by name.
    fn sessions(start: &Start, argument: &str) -> Vec<(&'static str, Peer)> {
        let names = start.argument(argument).unwrap_or("").split(',');
        let present = names.filter(|name| !name.is_empty());
        present
            .map(|name| (name, peer(start.require(name))))
            .collect()
    }

    /// The servers of sockets: `FAMILY:SESSION`, separated by commas.
    fn domains(start: &Start) -> Vec<Domain> {
        let named = start.argument("sockets").unwrap_or("").split(',');
        let pairs = named.filter_map(|pair| pair.split_once(':'));
        pairs
            .filter_map(|(family, name)| {
                let session = start.require(name);
                Some(Domain {
                    family: family.parse().ok()?,
                    server: peer(session),
                    session,
                })
            })
            .collect()
    }

    fn peers(start: &Start) -> Peers {
        let root = start.argument("root").unwrap_or("ext2");
        let offered = sessions(start, "mountable");
        let devices = sessions(start, "devices");
        Peers {
            root: (root.into(), peer(start.require(root))),
            offered: offered
                .into_iter()
                .map(|(name, session)| Offered {
                    // Several servers of a kind are told apart by digits after its name.
                    kind: name.trim_end_matches(|c: char| c.is_ascii_digit()).into(),
                    session: Some(session),
                })
                .collect(),
            processes: peer(start.require("process")),
            supervisor: peer(start.require("supervisor")),
            devices: Devices::new(
                devices.into_iter().map(|(_, session)| session).collect(),
                start.handle("control"),
            )
            .with_terminals(sessions(start, "terminals").pop().map(|(_, peer)| peer)),
            domains: domains(start),
        }
    }

    pub fn main(start: Start) -> ! {
        let endpoint = start.endpoint();
        let supervisor = start.require("supervisor");
        let server =
            Guest::new(endpoint, supervisor).and_then(|guest| Server::new(guest, peers(&start)));
        let mut server = match server {
            Ok(server) => server,
            // Another start may find memory; whatever else is wrong, it would find again.
            Err(Error::NoMemory) => {
                server_rt::log!("no memory");
                server_rt::stubs::safe::process_exit(1)
            }
            Err(error) => {
                let root = start.argument("root").unwrap_or("ext2");
                start.cannot_start(format_args!("the root ({root}) cannot be mounted: {error}"))
            }
        };
        let declared = start.argument("mounts").unwrap_or("").split(',');
        let declared = declared.filter(|_| server.is_fresh()).collect::<Vec<_>>();
        for (kind, target) in declared.iter().filter_map(|mount| mount.split_once(':')) {
            if let Err(error) = server.mount_at(kind.as_bytes(), target.as_bytes()) {
                server_rt::log!("cannot mount {kind} on {target}: {error}");
            }
        }
        // A supervisor that does not hear it shows the server as starting; no more.
        let _ = proto::supervisor::ready(&Session(supervisor), &[]);
        server_rt::serve(endpoint, &mut server)
    }
}

#[cfg(target_os = "none")]
server_rt::entry!(program::main);

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this program runs only inside MicroKosm");
    std::process::exit(1);
}
