//! Multicast groups (RFC 1112, RFC 3493 5.2).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use proto::{Call, Error, Input, Reply};
use smoltcp::wire::IpAddress;
use socket_server::Kernel;

use crate::datagram::here;
use crate::nic::Nic;
use crate::server::{Server, done};
use crate::settings::{LEVEL_IP, LEVEL_V6};
use crate::socket::{Kind, MAX_GROUPS};

/// Options that join and leave a group, by level and number in C.
const JOIN: [(u32, u32); 2] = [(LEVEL_IP, 35), (LEVEL_V6, 20)];
const LEAVE: [(u32, u32); 2] = [(LEVEL_IP, 36), (LEVEL_V6, 21)];

/// Whether an option joins or leaves a group.
pub(crate) fn is_membership(which: (u32, u32)) -> bool {
    JOIN.contains(&which) || LEAVE.contains(&which)
}

impl<K: Kernel, N: Nic> Server<K, N> {
    /// `IP_ADD_MEMBERSHIP`, `IPV6_JOIN_GROUP` and their opposites: `struct ip_mreq` (a group, the
    /// address of an interface) or `struct ipv6_mreq` (a group, an interface's number).
    pub(crate) fn change_membership<C: Call + ?Sized>(
        &mut self,
        call: &C,
        which: (u32, u32),
        value: Input,
    ) -> Reply {
        let badge = call.badge();
        let kind = self.table.get(badge)?.kind;
        if kind == Kind::Stream {
            return Err(Error::NoOption);
        }
        let mut bytes = [0; 20];
        let needed = if which.0 == LEVEL_IP { 8 } else { 20 };
        if value.length < needed as u64 {
            return Err(Error::BadArgument);
        }
        let place = bytes.get_mut(..needed).ok_or(Error::BadArgument)?;
        if call.read(value, 0, place)? != needed {
            return Err(Error::BadAddress);
        }
        let group = match which.0 {
            LEVEL_IP => bytes
                .first_chunk::<4>()
                .map(|ip| Ipv4Addr::from(*ip).into()),
            _ => bytes
                .first_chunk::<16>()
                .map(|ip| Ipv6Addr::from(*ip).into()),
        };
        let group: IpAddr = group.ok_or(Error::BadArgument)?;
        if !group.is_multicast() {
            return Err(Error::BadArgument);
        }
        if JOIN.contains(&which) {
            self.join_group(badge, group)?;
        } else {
            self.leave_group(badge, group)?;
        }
        done()
    }

    fn join_group(&mut self, badge: u64, group: IpAddr) -> Result<(), Error> {
        let groups = &self.table.get(badge)?.groups;
        if groups.contains(&group) {
            return Err(Error::AddressInUse);
        }
        if groups.len() >= MAX_GROUPS {
            return Err(Error::NoBuffers);
        }
        for link in &mut self.links {
            let joined = link.interface.join_multicast_group(IpAddress::from(group));
            joined.map_err(|_| Error::NoBuffers)?;
        }
        self.is_stirred = true;
        self.change(badge, |socket| socket.groups.push(group))
    }

    fn leave_group(&mut self, badge: u64, group: IpAddr) -> Result<(), Error> {
        if !self.table.get(badge)?.groups.contains(&group) {
            return Err(Error::AddressNotAvailable);
        }
        self.change(badge, |socket| {
            socket.groups.retain(|known| *known != group)
        })?;
        self.forget_groups(&[group]);
        Ok(())
    }

    /// Interfaces leave the groups that no socket has joined any more.
    pub(crate) fn forget_groups(&mut self, groups: &[IpAddr]) {
        for group in groups {
            let mut others = self.table.iter();
            if others.any(|socket| socket.groups.contains(group)) {
                continue;
            }
            for link in &mut self.links {
                // One that was not joined is left already.
                let _ = link
                    .interface
                    .leave_multicast_group(IpAddress::from(*group));
            }
            self.is_stirred = true;
        }
    }

    /// Interfaces join the groups of the sockets that the last instance knew.
    pub(crate) fn rejoin_groups(&mut self) {
        let groups = self.table.iter().flat_map(|socket| &socket.groups);
        for group in groups {
            for link in &mut self.links {
                // A table that is full was so before.
                let _ = link.interface.join_multicast_group(IpAddress::from(*group));
            }
        }
    }

    /// What is sent to a group reaches the members on this host, too.
    pub(crate) fn send_to_members(&mut self, from: SocketAddr, to: SocketAddr, data: &[u8]) {
        for receiver in self.table.receivers(to, from, true) {
            self.deliver(receiver, from, here(to), data);
        }
    }
}
