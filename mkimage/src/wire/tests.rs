//! The peer, seen from the other end of the wire by a client that is smoltcp as well.

use super::peer::{Frames, GUEST};
use super::random::Random;
use super::*;
use sha2::{Digest, Sha256};
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::socket::{dhcpv4, tcp, udp};
use smoltcp::time::Instant as Moment;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, Ipv4Address};
use std::io::Write;
use std::time::{Duration, Instant};

/// No test takes so long.
const LIMIT: Duration = Duration::from_secs(120);

struct Client {
    _folder: tempfile::TempDir,
    _wire: Wire,
    stream: UnixStream,
    received: mpsc::Receiver<Vec<u8>>,
    frames: Frames,
    interface: Interface,
    sockets: SocketSet<'static>,
    started: Instant,
}

impl Client {
    fn new() -> Client {
        let folder = tempfile::tempdir().unwrap();
        let wire = Wire::start(folder.path()).unwrap();
        let stream = UnixStream::connect(wire.path()).unwrap();
        let (sender, received) = mpsc::sync_channel(1024);
        let reading = stream.try_clone().unwrap();
        std::thread::spawn(move || read_frames(reading, &sender));
        let mut frames = Frames::default();
        let hardware = EthernetAddress([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        let mut interface = Interface::new(Config::new(hardware.into()), &mut frames, Moment::ZERO);
        interface.update_ip_addrs(|addresses| {
            let [a, b, c, d] = GUEST;
            addresses
                .push(IpCidr::new(IpAddress::v4(a, b, c, d), 24))
                .unwrap();
        });
        Client {
            _folder: folder,
            _wire: wire,
            stream,
            received,
            frames,
            interface,
            sockets: SocketSet::new(Vec::new()),
            started: Instant::now(),
        }
    }

    /// Goes on until `done` gives something.
    fn until<T>(
        &mut self,
        mut done: impl FnMut(&mut Interface, &mut SocketSet<'static>) -> Option<T>,
    ) -> T {
        while self.started.elapsed() < LIMIT {
            let now = Moment::from_micros(self.started.elapsed().as_micros() as i64);
            self.interface
                .poll(now, &mut self.frames, &mut self.sockets);
            if let Some(found) = done(&mut self.interface, &mut self.sockets) {
                return found;
            }
            self.interface
                .poll(now, &mut self.frames, &mut self.sockets);
            while let Some(frame) = self.frames.outgoing.pop_front() {
                self.stream
                    .write_all(&(frame.len() as u32).to_be_bytes())
                    .unwrap();
                self.stream.write_all(&frame).unwrap();
            }
            if let Ok(frame) = self.received.recv_timeout(Duration::from_millis(1)) {
                self.frames.incoming.push_back(frame);
                self.frames.incoming.extend(self.received.try_iter());
            }
        }
        panic!("time is up");
    }

    /// Sends bytes to a port of the peer's and takes what comes back, to its end.
    fn exchange(&mut self, port: u16, local: u16, request: &[u8]) -> Vec<u8> {
        let buffer = || tcp::SocketBuffer::new(vec![0; 64 << 10]);
        let handle = self.sockets.add(tcp::Socket::new(buffer(), buffer()));
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
        socket
            .connect(
                self.interface.context(),
                (Ipv4Address::new(10, 9, 0, 1), port),
                local,
            )
            .unwrap();
        let (mut rest, mut answer) = (request.to_vec(), Vec::new());
        self.until(|_, sockets| {
            let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
            if socket.can_send() && !rest.is_empty() {
                let count = socket.send_slice(&rest).unwrap();
                rest.drain(..count);
                if rest.is_empty() {
                    socket.close();
                }
            }
            while socket.can_recv() {
                socket
                    .recv(|bytes| (bytes.len(), answer.extend_from_slice(bytes)))
                    .unwrap();
            }
            let is_over =
                rest.is_empty() && !socket.may_recv() && socket.state() != tcp::State::SynSent;
            is_over.then_some(())
        });
        answer
    }

    fn get(&mut self, local: u16, path: &str) -> Vec<u8> {
        let answer = self.exchange(80, local, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes());
        let head = answer
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .unwrap();
        answer[head + 4..].to_vec()
    }
}

fn served(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    Random::new(9).fill(&mut bytes);
    bytes
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn bytes_arrive_whole_on_a_good_way() {
    assert!(Client::new().get(2000, "/bytes/300001") == served(300_001));
}

#[test]
fn bytes_arrive_whole_on_a_bad_way_in_both_directions() {
    let mut client = Client::new();
    assert_eq!(client.get(2000, "/impair/5/2/5"), b"impaired\n");
    assert!(client.get(2001, "/bytes/200000") == served(200_000));
    let sent = served(100_000);
    let answer = client.exchange(99, 2002, &sent);
    assert_eq!(String::from_utf8(answer).unwrap().trim(), hash(&sent));
}

#[test]
fn hostile_frames_come_beside_an_honest_connection() {
    let mut client = Client::new();
    assert_eq!(client.get(2000, "/hostile/5000"), b"sent\n");
    assert_eq!(client.get(2001, "/bytes/1000"), served(1000));
}

#[test]
fn the_guest_gets_its_address() {
    let mut client = Client::new();
    client
        .interface
        .update_ip_addrs(|addresses| addresses.clear());
    let handle = client.sockets.add(dhcpv4::Socket::new());
    let lease =
        client.until(
            |_, sockets| match sockets.get_mut::<dhcpv4::Socket<'_>>(handle).poll() {
                Some(dhcpv4::Event::Configured(lease)) => {
                    Some((lease.address, lease.router, lease.dns_servers.clone()))
                }
                _ => None,
            },
        );
    let own = Ipv4Address::new(10, 9, 0, 1);
    assert_eq!(lease.0.address(), Ipv4Address::from(GUEST));
    assert_eq!(lease.1, Some(own));
    assert_eq!(lease.2.first(), Some(&own));
}

#[test]
fn names_are_answered() {
    let mut client = Client::new();
    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4], vec![0; 2048]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    socket.bind(4000).unwrap();
    let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04host\x04test\0\0\x01\0\x01";
    socket
        .send_slice(query, (Ipv4Address::new(10, 9, 0, 1), 53))
        .unwrap();
    let handle = client.sockets.add(socket);
    let answer = client.until(|_, sockets| {
        let socket = sockets.get_mut::<udp::Socket<'_>>(handle);
        socket.recv().ok().map(|(bytes, _)| bytes.to_vec())
    });
    assert!(answer.starts_with(b"\x12\x34\x85") && answer.ends_with(&[10, 9, 0, 1]));
}

#[test]
fn a_wire_that_nobody_connects_to_ends() {
    let folder = tempfile::tempdir().unwrap();
    drop(Wire::start(folder.path()).unwrap());
}
