//! TCP and UDP between two hosts.

use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use kernel_abi::Signals;
use kernel_abi::socket::shut_down;
use proto::{Answer, Error, socket};

use super::host::{Host, TOKEN, User};
use crate::address::{Family, encode};

/// One millisecond.
const STEP_NS: u64 = 1_000_000;

fn at(text: &str) -> Vec<u8> {
    encode(text.parse().unwrap(), Family::V4)
}

/// Two hosts, 10.0.0.1 and 10.0.0.2, and the wire between them.
pub struct Wire {
    pub hosts: [Host; 2],
    now_ns: u64,
    /// Of a hundred frames, how many are lost, how many come twice, how many late.
    faults: [u64; 3],
    late: VecDeque<(usize, Vec<u8>)>,
    random: u64,
}

impl Wire {
    pub fn new(faults: [u64; 3]) -> Wire {
        Wire {
            hosts: [Host::new(1), Host::new(2)],
            now_ns: STEP_NS,
            faults,
            late: VecDeque::new(),
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// A number below 100 (xorshift).
    fn dice(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % 100
    }

    fn carry(&mut self, from: usize) {
        let frames: Vec<Vec<u8>> = self.hosts[from].card.sent.borrow_mut().drain(..).collect();
        for frame in frames {
            let [lost, twice, late] = self.faults;
            let dice = self.dice();
            if dice < lost {
                continue;
            }
            if dice < lost + late {
                self.late.push_back((1 - from, frame));
                continue;
            }
            let arrived = &self.hosts[1 - from].card.arrived;
            if dice < lost + late + twice {
                arrived.borrow_mut().push_back(frame.clone());
            }
            arrived.borrow_mut().push_back(frame);
        }
    }

    /// A millisecond passes.
    pub fn step(&mut self) {
        self.now_ns += STEP_NS;
        for host in &self.hosts {
            host.turn(self.now_ns);
        }
        let late: Vec<_> = self.late.drain(..).collect();
        for from in 0..2 {
            self.carry(from);
        }
        for (to, frame) in late {
            self.hosts[to].card.arrived.borrow_mut().push_back(frame);
        }
    }

    pub fn steps(&mut self, count: u32) {
        (0..count).for_each(|_| self.step());
    }

    /// Time passes without frames.
    pub fn wait_s(&mut self, seconds: u64) {
        for _ in 0..seconds * 10 {
            self.now_ns += 99 * STEP_NS;
            self.step();
        }
    }

    /// A connection from host 0 to port 80 of host 1: the badges of its sockets and the listener's.
    fn connect(&mut self) -> (u64, u64, u64) {
        let listener = self.hosts[1].socket(1, 0);
        socket::bind(&listener, &at("0.0.0.0:80"), &[]).unwrap();
        socket::listen(&listener, 8, &[]).unwrap();
        let listener = listener.badge;
        let client = self.hosts[0].socket(1, 0);
        let kept = socket::connect(&client, 1, &at("10.0.0.2:80"), &[]);
        assert_eq!(kept, Err(Error::Interrupted), "kept");
        let client = client.badge;
        for _ in 0..60_000 {
            self.step();
            if !self.hosts[0].world.0.borrow().replies.is_empty() {
                break;
            }
        }
        let replies = core::mem::take(&mut self.hosts[0].world.0.borrow_mut().replies);
        assert_eq!(replies, [(TOKEN, Ok(Answer::default()))]);
        let mut accepted = None;
        for _ in 0..60_000 {
            accepted = self.hosts[1].world.accept(listener);
            if accepted.is_some() {
                break;
            }
            self.step();
        }
        let (server, name) = accepted.expect("it arrives");
        assert!(name.starts_with(&[2, 0]) && name[4..8] == [10, 0, 0, 1]);
        (client, server, listener)
    }

    fn write(&self, host: usize, badge: u64, bytes: &[u8]) -> Result<usize, Error> {
        let world = &self.hosts[host].world;
        world.write_end(world.data_of(badge).unwrap(), bytes)
    }

    fn read(&self, host: usize, badge: u64, room: usize) -> Result<Vec<u8>, Error> {
        let world = &self.hosts[host].world;
        world.read_end(world.data_of(badge).unwrap(), room)
    }

    fn shut(&self, host: usize, badge: u64) {
        let world = &self.hosts[host].world;
        world.shut_end(world.data_of(badge).unwrap(), shut_down::WRITE);
    }

    /// Sends bytes from host 0 to host 1, reading as they come.
    fn transfer(&mut self, (client, server): (u64, u64), count: usize) -> Vec<u8> {
        let bytes: Vec<u8> = (0..count).map(|index| (index % 251) as u8).collect();
        let (mut sent, mut got) = (0, Vec::new());
        for _ in 0..600_000 {
            if sent < count {
                sent += self.write(0, client, &bytes[sent..]).unwrap_or(0);
                if sent == count {
                    self.shut(0, client);
                }
            }
            self.step();
            match self.read(1, server, 1 << 20) {
                Ok(more) if more.is_empty() => break,
                Ok(more) => got.extend(more),
                Err(Error::WouldBlock) => {}
                Err(error) => panic!("{error:?} after {} bytes", got.len()),
            }
        }
        assert!(got == bytes, "{} of {count} bytes", got.len());
        got
    }
}

#[test]
fn a_connection_carries_bytes_both_ways_and_ends_as_both_sides_wish() {
    let mut wire = Wire::new([0; 3]);
    let (client, server, _) = wire.connect();
    wire.write(0, client, b"hello").unwrap();
    wire.steps(5);
    assert_eq!(wire.read(1, server, 64).unwrap(), b"hello");
    wire.write(1, server, b"world").unwrap();
    wire.shut(0, client);
    wire.steps(50);
    assert_eq!(wire.read(0, client, 64).unwrap(), b"world");
    assert_eq!(wire.read(1, server, 64).unwrap(), b"", "the end");
    wire.write(1, server, b"still").unwrap();
    wire.steps(50);
    assert_eq!(wire.read(0, client, 64).unwrap(), b"still");
    wire.hosts[1].close(server);
    wire.steps(50);
    assert_eq!(wire.read(0, client, 64).unwrap(), b"");
    wire.hosts[0].close(client);
    wire.wait_s(20);
    for host in &wire.hosts {
        assert_eq!(host.server.borrow().connections.len(), 0);
    }
}

#[test]
fn what_was_written_before_the_close_arrives() {
    let mut wire = Wire::new([0; 3]);
    let (client, server, _) = wire.connect();
    wire.write(0, client, b"last words").unwrap();
    wire.hosts[0].close(client);
    wire.steps(50);
    assert_eq!(wire.read(1, server, 64).unwrap(), b"last words");
    assert_eq!(wire.read(1, server, 64).unwrap(), b"");
}

#[test]
fn a_transfer_survives_a_wire_that_loses_repeats_and_reorders() {
    let mut wire = Wire::new([5, 5, 5]);
    let (client, server, _) = wire.connect();
    wire.transfer((client, server), 2_000_000);
}

#[test]
fn a_reader_that_does_not_read_holds_the_writer_back() {
    let mut wire = Wire::new([0; 3]);
    let (client, server, _) = wire.connect();
    let block = vec![7; 1 << 16];
    let mut sent = 0;
    for _ in 0..2000 {
        sent += wire.write(0, client, &block).unwrap_or(0);
        wire.step();
    }
    assert!(sent > 100_000 && sent < 4 << 20, "{sent}");
    let mut got = 0;
    for _ in 0..4000 {
        got += wire.read(1, server, 1 << 20).map_or(0, |bytes| bytes.len());
        wire.step();
    }
    assert_eq!(got, sent);
}

#[test]
fn a_port_that_nobody_listens_at_refuses() {
    let mut wire = Wire::new([0; 3]);
    let client = wire.hosts[0].socket(1, 0).badge;
    let kept = socket::connect(&wire.hosts[0].at(client), 1, &at("10.0.0.2:81"), &[]);
    assert_eq!(kept, Err(Error::Interrupted));
    wire.steps(20);
    let replies = core::mem::take(&mut wire.hosts[0].world.0.borrow_mut().replies);
    assert_eq!(replies, [(TOKEN, Err(Error::ConnectionRefused))]);
    let again = socket::connect(&wire.hosts[0].at(client), 0, &at("10.0.0.2:81"), &[]);
    assert_eq!(again, Err(Error::InProgress));
    wire.steps(20);
    let raised = wire.hosts[0].world.0.borrow().signals[&client];
    assert!(!raised.and(Signals::ERROR).is_empty());
    let mut error = [0; 4];
    let asked = socket::get_option(&wire.hosts[0].at(client), 1, 4, &mut error, &[]);
    assert_eq!((asked.is_ok(), error), (true, 111_u32.to_le_bytes()));
}

#[test]
fn a_host_that_is_not_there_is_given_up() {
    let mut wire = Wire::new([0; 3]);
    let client = wire.hosts[0].socket(1, 0);
    let kept = socket::connect(&client, 1, &at("10.0.0.9:80"), &[]);
    assert_eq!(kept, Err(Error::Interrupted));
    let nowhere = wire.hosts[0].socket(1, 0);
    let refused = socket::connect(&nowhere, 1, &at("192.0.2.1:80"), &[]);
    assert_eq!(refused, Err(Error::NetworkUnreachable));
    wire.wait_s(100);
    let replies = core::mem::take(&mut wire.hosts[0].world.0.borrow_mut().replies);
    assert_eq!(replies, [(TOKEN, Err(Error::TimedOut))]);
}

#[test]
fn a_reset_is_one_at_the_other_side() {
    let mut wire = Wire::new([0; 3]);
    let (client, server, _) = wire.connect();
    wire.write(1, server, b"unread").unwrap();
    wire.steps(20);
    wire.hosts[0].close(client);
    wire.steps(20);
    assert_eq!(wire.read(1, server, 64), Err(Error::ConnectionReset));
}

#[test]
fn a_connection_of_a_dead_server_is_reset() {
    let mut wire = Wire::new([0; 3]);
    let (client, _, _) = wire.connect();
    let ends = wire.hosts[0].server.borrow_mut();
    let end = ends.connections[&client].end.unwrap();
    drop(ends);
    // What the kernel does with the handles of who died.
    socket_server::Kernel::close(&mut wire.hosts[0].world.clone(), end);
    assert_eq!(wire.read(0, client, 64), Err(Error::ConnectionReset));
}

#[test]
fn datagrams_go_there_and_back_and_a_port_without_owner_is_told() {
    let mut wire = Wire::new([0; 3]);
    let server = wire.hosts[1].socket(2, 0).badge;
    socket::bind(&wire.hosts[1].at(server), &at("0.0.0.0:53"), &[]).unwrap();
    let client = wire.hosts[0].socket(2, 0).badge;
    let to = at("10.0.0.2:53");
    let sent = socket::send(&wire.hosts[0].at(client), &to, b"question", b"", &[]);
    assert_eq!(sent.unwrap().words[0], 8);
    wire.steps(20);
    let (bytes, from) = wire.hosts[1].world.receive(server).unwrap();
    assert_eq!(
        (&bytes[..], &from[4..8]),
        (&b"question"[..], &[10, 0, 0, 1][..])
    );
    socket::send(&wire.hosts[1].at(server), &from, b"answer", b"", &[]).unwrap();
    wire.steps(20);
    let (bytes, from) = wire.hosts[0].world.receive(client).unwrap();
    assert_eq!((bytes, from), (b"answer".to_vec(), to));
    let user = |host: &Host| {
        User {
            host,
            badge: client,
        }
        .badge
    };
    assert_eq!(user(&wire.hosts[0]), client);
    socket::connect(&wire.hosts[0].at(client), 1, &at("10.0.0.2:54"), &[]).unwrap();
    socket::send(&wire.hosts[0].at(client), b"", b"lost", b"", &[]).unwrap();
    wire.steps(20);
    let refused = socket::send(&wire.hosts[0].at(client), b"", b"lost", b"", &[]);
    assert_eq!(refused, Err(Error::ConnectionRefused));
}

#[test]
fn a_large_datagram_is_cut_into_fragments_and_put_together() {
    let mut wire = Wire::new([0; 3]);
    let server = wire.hosts[1].socket(2, 0).badge;
    socket::bind(&wire.hosts[1].at(server), &at("0.0.0.0:53"), &[]).unwrap();
    let client = wire.hosts[0].socket(2, 0).badge;
    let large: Vec<u8> = (0..20_000_u32).map(|index| (index % 251) as u8).collect();
    let to = at("10.0.0.2:53");
    // The first only asks who the neighbour is.
    socket::send(&wire.hosts[0].at(client), &to, b"hello", b"", &[]).unwrap();
    wire.steps(20);
    wire.hosts[1].world.receive(server).unwrap();
    socket::send(&wire.hosts[0].at(client), &to, &large, b"", &[]).unwrap();
    wire.steps(200);
    let (bytes, _) = wire.hosts[1].world.receive(server).unwrap();
    assert!(bytes == large);
}

#[test]
fn an_echo_is_answered_and_raw_sockets_see_it() {
    let mut wire = Wire::new([0; 3]);
    let pinger = wire.hosts[0].socket(3, 1).badge;
    // Echo request, identifier 1, number 1, with its checksum.
    let request = [8, 0, 0xf7, 0xfd, 0, 1, 0, 1];
    socket::send(
        &wire.hosts[0].at(pinger),
        &at("10.0.0.2:0"),
        &request,
        b"",
        &[],
    )
    .unwrap();
    wire.steps(20);
    let (packet, from) = wire.hosts[0].world.receive(pinger).unwrap();
    assert_eq!(from[4..8], [10, 0, 0, 2]);
    assert_eq!(
        packet[20..],
        [0, 0, 0xff, 0xfd, 0, 1, 0, 1],
        "behind the header"
    );
}

#[test]
fn members_of_a_group_hear_what_is_sent_to_it_on_both_hosts() {
    let mut wire = Wire::new([0; 3]);
    let mut request = [0; 8];
    request[..4].copy_from_slice(&[239, 1, 2, 3]);
    let members: Vec<u64> = (0..2)
        .map(|host| {
            let member = wire.hosts[host].socket(2, 0);
            socket::bind(&member, &at("0.0.0.0:99"), &[]).unwrap();
            socket::set_option(&member, 0, 35, &request, &[]).unwrap();
            let again = socket::set_option(&member, 0, 35, &request, &[]);
            assert_eq!(again, Err(Error::AddressInUse));
            member.badge
        })
        .collect();
    wire.steps(20);
    let sender = wire.hosts[0].socket(2, 0).badge;
    let to = at("239.1.2.3:99");
    socket::send(&wire.hosts[0].at(sender), &to, b"all", b"", &[]).unwrap();
    wire.steps(20);
    for (host, member) in wire.hosts.iter().zip(&members) {
        let (bytes, from) = host.world.receive(*member).unwrap();
        assert_eq!((&bytes[..], &from[4..8]), (&b"all"[..], &[10, 0, 0, 1][..]));
    }
    socket::set_option(&wire.hosts[1].at(members[1]), 0, 36, &request, &[]).unwrap();
    socket::send(&wire.hosts[0].at(sender), &to, b"one", b"", &[]).unwrap();
    wire.steps(20);
    assert!(wire.hosts[0].world.receive(members[0]).is_some());
    assert!(wire.hosts[1].world.receive(members[1]).is_none());
}

#[test]
fn senders_to_hosts_that_are_not_there_are_bounded_and_others_go_on() {
    let mut wire = Wire::new([0; 3]);
    let to = at("10.0.0.9:9");
    let mut full = 0;
    for _ in 0..200 {
        let sender = wire.hosts[0].socket(2, 0);
        let sent = socket::send(&sender, &to, b"lost", b"", &[]);
        full += u32::from(sent == Err(Error::NoBuffers));
    }
    assert_eq!(full, 72);
    wire.wait_s(5);
    let sender = wire.hosts[0].socket(2, 0);
    assert!(socket::send(&sender, &to, b"lost", b"", &[]).is_ok());
}
