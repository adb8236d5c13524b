//! What the peer serves.
//!
//! | port | what |
//! |---|---|
//! | UDP 67 | DHCP: the guest's address |
//! | UDP and TCP 53 | DNS (`names`) |
//! | TCP 80 | HTTP: `/bytes/N` gives N bytes; `/impair/LOST/DOUBLED/OVERTAKEN` makes the way bad (percent of the frames, in both directions); `/hostile/N` sends N hostile frames and answers when they have been sent |
//! | TCP 99 | takes bytes to their end and answers with their SHA-256 |

use super::link::Impairments;
use super::names;
use super::peer::{ADDRESS, GUEST};
use super::random::Random;
use sha2::{Digest, Sha256};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp};
use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr, IpEndpoint, Ipv4Address};

/// Connections that can be open at once, for each port.
const CONNECTIONS: usize = 12;
/// Bytes under way in each direction.
const BUFFER: usize = 256 << 10;
/// Seed of the bytes that are served.
const SEED: u64 = 9;
/// Seconds for which an address is given.
const LEASE_S: u32 = 3600;
const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
const NAMES_PORT: u16 = 53;
const HTTP_PORT: u16 = 80;
const SINK_PORT: u16 = 99;

/// What the guest wants of the wire itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// From now on the way is so bad.
    Impair(Impairments),
    /// So many hostile frames.
    Hostile(u64),
}

/// What is going on on a connection.
enum Doing {
    /// A request is being read.
    Request(Vec<u8>),
    /// The rest of an answer: text, then so many bytes of the generator's.
    Answer(Vec<u8>, u64, Random),
    /// The answer comes when hostile frames have been sent.
    Flood,
    /// Bytes are being taken.
    Sink(Box<Sha256>),
    /// Nothing more; the connection is being closed.
    Closing,
}

struct Connection {
    handle: SocketHandle,
    port: u16,
    doing: Doing,
}

impl Connection {
    fn begin(port: u16) -> Doing {
        match port {
            SINK_PORT => Doing::Sink(Box::default()),
            _ => Doing::Request(Vec::new()),
        }
    }
}

/// All services.
pub struct Services {
    leases: SocketHandle,
    names: SocketHandle,
    spoofed_names: SocketHandle,
    connections: Vec<Connection>,
    /// Queries for names so far.
    queries: u64,
}

fn udp_socket(sockets: &mut SocketSet<'_>, port: u16) -> SocketHandle {
    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 32], vec![0; 32 << 10]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    // Fails for port 0 only.
    let _ = socket.bind(port);
    sockets.add(socket)
}

impl Services {
    /// Opens the ports.
    pub fn new(sockets: &mut SocketSet<'_>) -> Services {
        let mut connections = Vec::new();
        for port in [NAMES_PORT, HTTP_PORT, SINK_PORT] {
            for _ in 0..CONNECTIONS {
                let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
                let handle = sockets.add(tcp::Socket::new(buffer(), buffer()));
                connections.push(Connection {
                    handle,
                    port,
                    doing: Connection::begin(port),
                });
            }
        }
        Services {
            leases: udp_socket(sockets, SERVER_PORT),
            names: udp_socket(sockets, NAMES_PORT),
            spoofed_names: udp_socket(sockets, NAMES_PORT + 1),
            connections,
            queries: 0,
        }
    }

    /// Does what can be done; answers what the guest wants of the wire.
    pub fn serve(&mut self, sockets: &mut SocketSet<'_>) -> Vec<Wish> {
        self.lease(sockets);
        self.name(sockets);
        let queries = &mut self.queries;
        let serve = |connection: &mut Connection| {
            let socket = sockets.get_mut::<tcp::Socket<'_>>(connection.handle);
            advance(connection, socket, queries)
        };
        self.connections.iter_mut().filter_map(serve).collect()
    }

    /// The hostile frames that were asked for have been sent.
    pub fn flooded(&mut self) {
        for connection in &mut self.connections {
            if matches!(connection.doing, Doing::Flood) {
                connection.doing = answer("sent\n", 0);
            }
        }
    }

    fn lease(&self, sockets: &mut SocketSet<'_>) {
        let socket = sockets.get_mut::<udp::Socket<'_>>(self.leases);
        while let Ok((message, _)) = socket.recv() {
            let reply = DhcpPacket::new_checked(message)
                .ok()
                .and_then(|packet| lease(&packet));
            if let Some(reply) = reply {
                let to = IpEndpoint::new(Ipv4Address::BROADCAST.into(), CLIENT_PORT);
                // A full buffer loses the reply, as the way may.
                let _ = socket.send_slice(&reply, to);
            }
        }
    }

    fn name(&mut self, sockets: &mut SocketSet<'_>) {
        let mut replies = Vec::new();
        let socket = sockets.get_mut::<udp::Socket<'_>>(self.names);
        while let Ok((query, from)) = socket.recv() {
            replies.extend(
                names::answers(query, false, self.queries)
                    .into_iter()
                    .map(|reply| (reply, from.endpoint)),
            );
            self.queries += 1;
        }
        for (reply, to) in replies {
            let handle = if reply.is_spoofed {
                self.spoofed_names
            } else {
                self.names
            };
            let socket = sockets.get_mut::<udp::Socket<'_>>(handle);
            let _ = socket.send_slice(&reply.message, to);
        }
    }
}

/// The reply to a client's message.
fn lease(packet: &DhcpPacket<&[u8]>) -> Option<Vec<u8>> {
    let asked = DhcpRepr::parse(packet).ok()?;
    let message_type = match asked.message_type {
        DhcpMessageType::Discover => DhcpMessageType::Offer,
        DhcpMessageType::Request => DhcpMessageType::Ack,
        _ => return None,
    };
    let own = Ipv4Address::from(ADDRESS);
    let reply = DhcpRepr {
        message_type,
        your_ip: Ipv4Address::from(GUEST),
        server_ip: own,
        router: Some(own),
        subnet_mask: Some(Ipv4Address::new(255, 255, 255, 0)),
        server_identifier: Some(own),
        dns_servers: Some(core::iter::once(own).collect()),
        lease_duration: Some(LEASE_S),
        broadcast: true,
        requested_ip: None,
        client_identifier: None,
        parameter_request_list: None,
        max_size: None,
        ..asked
    };
    let mut bytes = vec![0; reply.buffer_len()];
    reply
        .emit(&mut DhcpPacket::new_unchecked(&mut bytes[..]))
        .ok()?;
    Some(bytes)
}

fn answer(text: &str, bytes: u64) -> Doing {
    let length = text.len() as u64 + bytes;
    let head =
        format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}");
    Doing::Answer(head.into_bytes(), bytes, Random::new(SEED))
}

/// Goes on with a connection as far as it goes.
fn advance(
    connection: &mut Connection,
    socket: &mut tcp::Socket<'_>,
    queries: &mut u64,
) -> Option<Wish> {
    if !socket.is_open() {
        connection.doing = Connection::begin(connection.port);
        // Fails for port 0 only.
        let _ = socket.listen(connection.port);
        return None;
    }
    let mut wish = None;
    match &mut connection.doing {
        Doing::Request(request) => {
            take(socket, |bytes| request.extend_from_slice(bytes));
            let next = match connection.port {
                NAMES_PORT => asked_by_tcp(request, queries),
                _ => request_line(request).map(|(next, asked)| {
                    wish = asked;
                    next
                }),
            };
            match next {
                Some(next) => connection.doing = next,
                None if !socket.may_recv() && socket.may_send() => socket.close(),
                None => {}
            }
        }
        Doing::Sink(hash) => {
            take(socket, |bytes| hash.update(bytes));
            if !socket.may_recv() && socket.may_send() {
                let text: String = hash
                    .finalize_reset()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                connection.doing =
                    Doing::Answer(format!("{text}\n").into_bytes(), 0, Random::new(0));
            }
        }
        Doing::Flood | Doing::Closing => {}
        Doing::Answer(..) => {}
    }
    if let Doing::Answer(text, bytes, random) = &mut connection.doing
        && give(socket, text, bytes, random)
    {
        socket.close();
        connection.doing = Doing::Closing;
    }
    wish
}

fn take(socket: &mut tcp::Socket<'_>, mut each: impl FnMut(&[u8])) {
    while socket.can_recv() {
        let taken = socket.recv(|bytes| {
            each(bytes);
            (bytes.len(), ())
        });
        if taken.is_err() {
            return;
        }
    }
}

/// Puts as much as fits into the socket: whether that was all.
fn give(
    socket: &mut tcp::Socket<'_>,
    text: &mut Vec<u8>,
    bytes: &mut u64,
    random: &mut Random,
) -> bool {
    while socket.can_send() {
        if text.is_empty() && *bytes > 0 {
            // Whole words of the generator's, so that the bytes do not depend on how they are cut.
            let mut piece = vec![0; (*bytes).min(4096) as usize];
            random.fill(&mut piece);
            *bytes -= piece.len() as u64;
            *text = piece;
        }
        if text.is_empty() {
            return true;
        }
        match socket.send_slice(text) {
            Ok(count) => drop(text.drain(..count)),
            Err(_) => return true,
        }
    }
    // Who went away gets no more.
    !socket.may_send()
}

/// The answer to a query that has come by TCP, when it is whole.
fn asked_by_tcp(request: &[u8], queries: &mut u64) -> Option<Doing> {
    let (length, rest) = request.split_first_chunk::<2>()?;
    let query = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    let message = names::answers(query, true, *queries).pop()?.message;
    *queries += 1;
    let mut whole = (message.len() as u16).to_be_bytes().to_vec();
    whole.extend(message);
    Some(Doing::Answer(whole, 0, Random::new(0)))
}

/// What to do for a request, when its head is whole, and what it wants of the wire.
fn request_line(request: &[u8]) -> Option<(Doing, Option<Wish>)> {
    let text = String::from_utf8_lossy(request);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let path = head.split(' ').nth(1).unwrap_or("/");
    let words: Vec<&str> = path.trim_matches('/').split('/').collect();
    let numbers: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    Some(match (words.first().copied(), numbers.as_slice()) {
        (Some("bytes"), [count]) => (answer("", *count), None),
        (Some("hostile"), [count]) => (Doing::Flood, Some(Wish::Hostile(*count))),
        (Some("impair"), [lost, doubled, overtaken]) => {
            let impairments = Impairments {
                lost: *lost,
                doubled: *doubled,
                overtaken: *overtaken,
            };
            (answer("impaired\n", 0), Some(Wish::Impair(impairments)))
        }
        _ => {
            let refusal =
                "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            (Doing::Answer(refusal.into(), 0, Random::new(0)), None)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(path: &str) -> Option<Wish> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: host.test\r\n\r\n");
        request_line(request.as_bytes()).unwrap().1
    }

    #[test]
    fn paths_say_what_the_wire_is_to_do() {
        assert_eq!(wish("/hostile/20"), Some(Wish::Hostile(20)));
        let impairments = Impairments {
            lost: 5,
            doubled: 2,
            overtaken: 3,
        };
        assert_eq!(wish("/impair/5/2/3"), Some(Wish::Impair(impairments)));
        for path in ["/", "/bytes/10", "/impair/5", "/hostile/x", "nonsense"] {
            assert_eq!(wish(path), None, "{path}");
        }
    }

    #[test]
    fn a_request_that_is_not_whole_waits() {
        assert!(request_line(b"GET / HTTP/1.0\r\n").is_none());
    }

    #[test]
    fn what_is_no_lease_is_not_answered() {
        let mut bytes = vec![0; 300];
        assert!(lease(&DhcpPacket::new_unchecked(&bytes[..])).is_none());
        bytes.fill(0xff);
        assert!(lease(&DhcpPacket::new_unchecked(&bytes[..])).is_none());
    }
}
