//! Sockets of one host.

use kernel_abi::Handle;
use proto::{Error, socket, socket_domain};

use super::host::Host;
use crate::address::{Family, encode};
use crate::server::NAME_SPACE;

fn at(text: &str) -> std::vec::Vec<u8> {
    encode(text.parse().unwrap(), Family::V4)
}

#[test]
fn a_connection_of_one_host_is_a_stream_and_nothing_of_it_is_kept() {
    let host = Host::new(1);
    let listener = host.socket(1, 0);
    socket::bind(&listener, &at("127.0.0.1:80"), &[]).unwrap();
    socket::listen(&listener, 1, &[]).unwrap();
    let client = host.socket(1, 0);
    socket::connect(&client, 1, &at("127.0.0.1:80"), &[]).unwrap();
    let (server, name) = host.world.accept(listener.badge).unwrap();
    assert_eq!(name[4..8], [127, 0, 0, 1]);
    let end = host.world.data_of(client.badge).unwrap();
    host.world.write_end(end, b"bytes").unwrap();
    let other = host.world.data_of(server).unwrap();
    assert_eq!(host.world.read_end(other, 9).unwrap(), b"bytes");
    assert_eq!(host.server.borrow().connections.len(), 0);
    let own = socket::connect(&client, 1, &at("127.0.0.1:80"), &[]);
    assert_eq!(own, Err(Error::IsConnected));
}

#[test]
fn the_hosts_own_address_is_as_good_as_the_loopback() {
    let host = Host::new(1);
    let listener = host.socket(1, 0);
    socket::bind(&listener, &at("0.0.0.0:80"), &[]).unwrap();
    socket::listen(&listener, 1, &[]).unwrap();
    let client = host.socket(1, 0);
    socket::connect(&client, 1, &at("10.0.0.1:80"), &[]).unwrap();
    let (_, name) = host.world.accept(listener.badge).unwrap();
    assert_eq!(name[4..8], [10, 0, 0, 1]);
}

#[test]
fn the_next_instance_knows_the_sockets() {
    let host = Host::new(1);
    let receiver = host.socket(2, 0);
    socket::bind(&receiver, &at("127.0.0.1:53"), &[]).unwrap();
    let next = Host {
        server: crate::server::Server::new(
            host.world.clone(),
            std::boxed::Box::new(host.world.clone()),
            std::vec![host.card.clone()],
            1,
        )
        .into(),
        world: host.world.clone(),
        card: host.card.clone(),
    };
    let sender = next.socket(2, 0);
    assert_ne!(sender.badge, receiver.badge);
    socket::send(&sender, &at("127.0.0.1:53"), b"still here", b"", &[]).unwrap();
    let (bytes, _) = next.world.receive(receiver.badge).unwrap();
    assert_eq!(bytes, b"still here");
    let taken = socket::bind(&sender, &at("127.0.0.1:53"), &[]);
    assert_eq!(taken, Err(Error::BadArgument), "it has a port already");
    let other = next.socket(2, 0);
    let taken = socket::bind(&other, &at("127.0.0.1:53"), &[]);
    assert_eq!(taken, Err(Error::AddressInUse));
}

#[test]
fn only_the_name_space_makes_sockets_and_only_of_known_kinds() {
    let host = Host::new(1);
    let names = host.at(NAME_SPACE);
    for (family, kind, protocol, error) in [
        (1, 1, 0, Error::NoAddressFamily),
        (2, 9, 0, Error::NoSocketType),
        (2, 1, 17, Error::NoProtocol),
        (2, 3, 6, Error::NoProtocol),
        (10, 3, 0, Error::NoProtocol),
    ] {
        let made = socket_domain::create(&names, family, kind, protocol, 0, &[]);
        assert_eq!(made, Err(error), "{family} {kind} {protocol}");
    }
    let stranger = host.at(5);
    let made = socket_domain::create(&stranger, 2, 1, 0, 0, &[]);
    assert_eq!(made, Err(Error::NotPermitted));
    let client = host.socket(1, 0);
    let to_file = socket::connect_to(&client, 1, &[Handle(1)]);
    assert_eq!(to_file, Err(Error::NoAddressFamily));
}

#[test]
fn an_echo_of_this_host_is_answered() {
    let host = Host::new(1);
    let pinger = host.socket(3, 1);
    let request = [8, 0, 0xf7, 0xfd, 0, 1, 0, 1];
    socket::send(&pinger, &at("127.0.0.1:0"), &request, b"", &[]).unwrap();
    let (sent, _) = host.world.receive(pinger.badge).unwrap();
    assert_eq!(sent[20..], request);
    let (answer, _) = host.world.receive(pinger.badge).unwrap();
    assert_eq!(answer[20..], [0, 0, 0xff, 0xfd, 0, 1, 0, 1]);
}

#[test]
fn a_full_queue_keeps_a_connection_on_its_way_until_there_is_room() {
    let host = Host::new(1);
    let listener = host.socket(1, 0);
    socket::bind(&listener, &at("127.0.0.1:80"), &[]).unwrap();
    socket::listen(&listener, 0, &[]).unwrap();
    let [first, second] = [0; 2].map(|_| host.socket(1, 0));
    socket::connect(&first, 0, &at("127.0.0.1:80"), &[]).unwrap();
    let before = host.world.open_handles();
    let full = socket::connect(&second, 0, &at("127.0.0.1:80"), &[]);
    assert_eq!(full, Err(Error::InProgress));
    let again = socket::connect(&second, 0, &at("127.0.0.1:80"), &[]);
    assert_eq!(again, Err(Error::AlreadyInProgress));
    assert_eq!(host.world.open_handles(), before);
    host.world.accept(listener.badge).unwrap();
    host.turn(1);
    assert!(host.world.accept(listener.badge).is_some());
    let peer = socket::name(&second, 1, &mut [0; 28], &[]);
    assert!(peer.is_ok());
}
