//! Which interface leads where, and the server's turn at all of them.

use core::net::{IpAddr, SocketAddr};
use proto::Error;
use smoltcp::time::Instant;
use socket_server::Kernel;

use crate::address;
use crate::link::instant;
use crate::nic::Nic;
use crate::server::Server;

/// Most frames of an interface in a turn, so that a flood leaves time for calls.
const MOST_FRAMES: u32 = 256;
/// What is due at once but cannot be done (the adapter has no room) is tried again after that, ns.
const PAUSE_NS: u64 = 1_000_000;

impl<K: Kernel, N: Nic> Server<K, N> {
    /// Whether an address is this host's.
    pub(crate) fn is_own(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.links.iter().any(|link| link.has(address))
    }

    /// Whether an address is all hosts'.
    pub(crate) fn is_broadcast(&self, address: IpAddr) -> bool {
        let IpAddr::V4(wanted) = address else {
            return false;
        };
        let mut networks = self.links.iter().flat_map(|link| link.interface.ip_addrs());
        wanted.is_broadcast()
            || networks.any(|network| match network {
                smoltcp::wire::IpCidr::Ipv4(network) => network.broadcast() == Some(wanted),
                smoltcp::wire::IpCidr::Ipv6(_) => false,
            })
    }

    /// The interface that leads to an address: the one that the address names, or the one
    /// whose network is nearest.
    pub(crate) fn link_to(&mut self, to: SocketAddr) -> Option<usize> {
        // Interface 1 is the loopback.
        let scope = (address::scope_of(to) as usize).checked_sub(2);
        if let Some(scope) = scope {
            return (scope < self.links.len()).then_some(scope);
        }
        let reaches = self.links.iter_mut().map(|link| link.reaches(to.ip()));
        let best = reaches
            .enumerate()
            .max_by_key(|(index, how)| (*how, usize::MAX - index));
        best.filter(|(_, how)| *how > 0).map(|(index, _)| index)
    }

    /// The address that reaches another one.
    ///
    /// # Errors
    /// `NetworkUnreachable`.
    pub(crate) fn source_for(&mut self, to: SocketAddr) -> Result<IpAddr, Error> {
        if self.is_own(to.ip()) {
            return Ok(to.ip());
        }
        let link = self.link_to(to).and_then(|index| self.links.get(index));
        let source = link.and_then(|link| link.source(to.ip()));
        source.ok_or(Error::NetworkUnreachable)
    }

    /// Does what has become due: takes what has arrived, tends connections, sends.
    pub(crate) fn take_turn(&mut self) {
        let now = instant(self.clock.now_ns());
        self.is_stirred = false;
        let mut more = false;
        for index in 0..self.links.len() {
            more |= self.receive(index, now);
        }
        self.tend_connections();
        self.tend_senders();
        let mut deadline: Option<Instant> = more.then_some(now);
        for link in &mut self.links {
            link.transmit(now);
            link.nic.flush();
            let due = link.deadline(now);
            deadline = deadline.into_iter().chain(due).min();
        }
        // Sending may have ended connections, or made room for more to send.
        self.tend_connections();
        let soonest_ns = self.clock.now_ns() + if more { 0 } else { PAUSE_NS };
        let due_ns = deadline.map(|due| {
            let due_ns = u64::try_from(due.total_micros()).unwrap_or(0) * 1000;
            due_ns.max(soonest_ns)
        });
        self.clock.wake_at(due_ns);
    }

    /// Takes what has arrived at an interface; `true` when there may be more.
    fn receive(&mut self, index: usize, now: Instant) -> bool {
        for _ in 0..MOST_FRAMES {
            let Some(request) = self.links.get_mut(index).and_then(|link| link.peek()) else {
                self.configure(index);
                return false;
            };
            let admitted = request.and_then(|request| self.admit(index, request));
            if let Some(link) = self.links.get_mut(index) {
                link.process(now);
            }
            if let Some(badge) = admitted {
                self.settle_request(badge);
            }
            while let Some(packet) = self
                .links
                .get_mut(index)
                .and_then(|link| link.next_packet())
            {
                self.take_packet(index, &packet);
            }
        }
        true
    }

    /// Takes over what an interface was told of its addresses.
    fn configure(&mut self, index: usize) {
        if let Some(link) = self.links.get_mut(index)
            && link.configure()
        {
            server_rt::log!("{}: {:?}", link.name, link.interface.ip_addrs());
        }
    }
}
