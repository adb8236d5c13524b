//! The peer: smoltcp's TCP/IP on the frames of the wire, and the services on top.

use super::hostile::Hostile;
use super::link::{Impairments, Way};
use super::services::{Services, Wish};
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant as Moment;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The peer's hardware address.
pub const HARDWARE: EthernetAddress = EthernetAddress([0x52, 0x54, 0, 9, 0, 1]);
/// The peer's address.
pub const ADDRESS: [u8; 4] = [10, 9, 0, 1];
/// The address that the guest gets.
pub const GUEST: [u8; 4] = [10, 9, 0, 15];
/// So many hostile frames are sent before the peer looks at what has come.
const BURST: u64 = 64;
/// Longest wait for a frame.
const IDLE: Duration = Duration::from_millis(50);

/// Frames that have come, and those to be sent.
#[derive(Default)]
pub(super) struct Frames {
    pub(super) incoming: VecDeque<Vec<u8>>,
    pub(super) outgoing: VecDeque<Vec<u8>>,
}

pub(super) struct Incoming(Vec<u8>);

impl phy::RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

pub(super) struct Outgoing<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut frame = vec![0; length];
        let result = fill(&mut frame);
        self.0.push_back(frame);
        result
    }
}

impl phy::Device for Frames {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _now: Moment) -> Option<(Incoming, Outgoing<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Incoming(frame), Outgoing(&mut self.outgoing)))
    }

    fn transmit(&mut self, _now: Moment) -> Option<Outgoing<'_>> {
        Some(Outgoing(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// The other end of the guest's wire.
pub struct Peer {
    stream: UnixStream,
    received: Receiver<Vec<u8>>,
    frames: Frames,
    to_guest: Way,
    from_guest: Way,
    hostile: Hostile,
    /// Hostile frames still to be sent.
    owed: u64,
    started: Instant,
}

impl Peer {
    /// A peer that sends on `stream` and takes frames from `received`.
    pub fn new(stream: UnixStream, received: Receiver<Vec<u8>>) -> Peer {
        Peer {
            stream,
            received,
            frames: Frames::default(),
            to_guest: Way::new(1),
            from_guest: Way::new(2),
            hostile: Hostile::new(3),
            owed: 0,
            started: Instant::now(),
        }
    }

    fn moment(&self) -> Moment {
        Moment::from_micros(i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX))
    }

    /// Serves until the guest's end of the wire is gone.
    pub fn run(mut self) {
        let mut configuration = Config::new(HARDWARE.into());
        configuration.random_seed = 4;
        let now = self.moment();
        let mut interface = Interface::new(configuration, &mut self.frames, now);
        interface.update_ip_addrs(|addresses| {
            let [a, b, c, d] = ADDRESS;
            // There is room for two.
            let _ = addresses.push(IpCidr::new(IpAddress::v4(a, b, c, d), 24));
            let _ = addresses.push(IpCidr::new(IpAddress::v6(0xfd09, 0, 0, 0, 0, 0, 0, 1), 64));
        });
        let mut sockets = SocketSet::new(Vec::new());
        let mut services = Services::new(&mut sockets);
        loop {
            interface.poll(self.moment(), &mut self.frames, &mut sockets);
            for wish in services.serve(&mut sockets) {
                self.grant(wish, &mut services);
            }
            interface.poll(self.moment(), &mut self.frames, &mut sockets);
            let is_gone = self.send_all(&mut services).is_err();
            let wait = interface
                .poll_delay(self.moment(), &sockets)
                .map_or(IDLE, Duration::from);
            if is_gone || self.take_all(wait).is_err() {
                return;
            }
        }
    }

    fn grant(&mut self, wish: Wish, services: &mut Services) {
        match wish {
            Wish::Impair(impairments) => self.impair(impairments),
            Wish::Hostile(0) => services.flooded(),
            Wish::Hostile(count) => self.owed += count,
        }
    }

    fn impair(&mut self, impairments: Impairments) {
        self.to_guest.impairments = impairments;
        self.from_guest.impairments = impairments;
    }

    /// Sends what there is to send; an error when the guest is gone.
    fn send_all(&mut self, services: &mut Services) -> std::io::Result<()> {
        let now = Instant::now();
        let mut arrived = self.to_guest.released(now);
        while let Some(frame) = self.frames.outgoing.pop_front() {
            arrived.extend(self.to_guest.pass(frame, now));
        }
        // The guest is flooded beside all that it has asked for.
        let burst = self.owed.min(BURST);
        arrived.extend((0..burst).map(|_| self.hostile.frame()));
        self.owed -= burst;
        if burst > 0 && self.owed == 0 {
            services.flooded();
        }
        let mut bytes = Vec::new();
        for frame in arrived {
            bytes.extend((frame.len() as u32).to_be_bytes());
            bytes.extend(frame);
        }
        self.stream.write_all(&bytes)
    }

    /// Takes what has come, after a wait if nothing has; an error when the guest is gone.
    fn take_all(&mut self, wait: Duration) -> Result<(), ()> {
        let is_urgent = self.owed > 0 || !self.frames.incoming.is_empty();
        let is_holding = self.to_guest.is_holding() || self.from_guest.is_holding();
        let wait = match (is_urgent, is_holding) {
            (true, _) => Duration::ZERO,
            (false, true) => wait.min(Duration::from_millis(2)),
            (false, false) => wait.min(IDLE),
        };
        let mut next = match self.received.recv_timeout(wait) {
            Ok(frame) => Some(frame),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Err(()),
        };
        let now = Instant::now();
        while let Some(frame) = next {
            self.hostile.learn(&frame);
            self.frames
                .incoming
                .extend(self.from_guest.pass(frame, now));
            next = self.received.try_recv().ok();
        }
        self.frames.incoming.extend(self.from_guest.released(now));
        Ok(())
    }
}
