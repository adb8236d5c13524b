//! `getsockopt` and `setsockopt`.

use alloc::vec::Vec;
use kernel_abi::Handle;
use kernel_abi::socket::stream_property;
use proto::{Answer, Call, Error, Input, Output, Reply};
use socket_server::Kernel;

use crate::groups;
use crate::nic::Nic;
use crate::server::{Server, done};
use crate::settings::{SOL_SOCKET, option};
use crate::socket::{Kind, Phase};

/// Smallest and largest capacity that can be asked for.
const CAPACITIES: core::ops::RangeInclusive<u32> = 4096..=1 << 20;

/// Options of every socket that are no plain switches or numbers, by their numbers in C.
mod plain {
    pub const TYPE: u32 = 3;
    pub const ERROR: u32 = 4;
    pub const SNDBUF: u32 = 7;
    pub const RCVBUF: u32 = 8;
    pub const LINGER: u32 = 13;
    pub const SNDLOWAT: u32 = 19;
    pub const ACCEPTCONN: u32 = 30;
    pub const SNDBUFFORCE: u32 = 32;
    pub const RCVBUFFORCE: u32 = 33;
    pub const PROTOCOL: u32 = 38;
    pub const DOMAIN: u32 = 39;
}

impl<K: Kernel, N: Nic> Server<K, N> {
    pub(crate) fn read_option<C: Call + ?Sized>(
        &mut self,
        call: &C,
        which: (u32, u32),
        value: Output,
    ) -> Reply {
        let words = self.option_words(call.badge(), which)?;
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let room = usize::try_from(value.length).unwrap_or(usize::MAX);
        let part = bytes.get(..room.min(bytes.len())).unwrap_or(&[]);
        call.write(value, 0, part)?;
        Ok(Answer::value(part.len() as u64).into())
    }

    /// The value of an option in words of 32 bits.
    fn option_words(&mut self, badge: u64, which: (u32, u32)) -> Result<Vec<u32>, Error> {
        let socket = self.table.get(badge)?;
        let settings = &socket.settings;
        let one = |value: u32| Ok(alloc::vec![value]);
        match which {
            (SOL_SOCKET, plain::ERROR) => {
                let error = socket.error;
                if error != 0 {
                    self.change(badge, |socket| socket.error = 0)?;
                }
                one(error)
            }
            (SOL_SOCKET, plain::TYPE) => one(socket.kind as u32),
            (SOL_SOCKET, plain::DOMAIN) => one(socket.family as u32),
            (SOL_SOCKET, plain::PROTOCOL) => one(socket.protocol.into()),
            (SOL_SOCKET, plain::ACCEPTCONN) => one((socket.phase == Phase::Listening).into()),
            (SOL_SOCKET, plain::SNDBUF) => one(settings.capacities[0]),
            (SOL_SOCKET, plain::RCVBUF) => one(settings.capacities[1]),
            (SOL_SOCKET, plain::SNDLOWAT) => one(1),
            (SOL_SOCKET, plain::LINGER) => Ok(settings.linger.to_vec()),
            which => one(settings.get(socket.kind, which)? as u32),
        }
    }

    pub(crate) fn write_option<C: Call + ?Sized>(
        &mut self,
        call: &C,
        which: (u32, u32),
        value: Input,
    ) -> Reply {
        if groups::is_membership(which) {
            return self.change_membership(call, which, value);
        }
        let badge = call.badge();
        let kind = self.table.get(badge)?.kind;
        let mut bytes = [0; 8];
        let wanted = if which == (SOL_SOCKET, plain::LINGER) {
            8
        } else {
            4
        };
        let length = value_length(value.length, which, wanted)?;
        let place = bytes.get_mut(..length).ok_or(Error::BadArgument)?;
        if call.read(value, 0, place)? != length {
            return Err(Error::BadAddress);
        }
        let [low, high] = [bytes.first_chunk(), bytes.last_chunk()]
            .map(|word| word.copied().map_or(0, u32::from_le_bytes));
        match which {
            (SOL_SOCKET, plain::LINGER) => {
                self.change(badge, |socket| {
                    socket.settings.linger = [u32::from(low != 0), high];
                })?;
            }
            (SOL_SOCKET, plain::SNDBUF | plain::SNDBUFFORCE) => self.set_capacity(badge, 0, low)?,
            (SOL_SOCKET, plain::RCVBUF | plain::RCVBUFFORCE) => self.set_capacity(badge, 1, low)?,
            option::V6_ONLY if self.table.get(badge)?.local.port() != 0 => {
                return Err(Error::BadArgument);
            }
            which => {
                let mut settings = self.table.get(badge)?.settings.clone();
                settings.set(kind, which, low as i32)?;
                self.change(badge, |socket| socket.settings = settings)?;
                self.apply_settings(badge);
            }
        }
        done()
    }

    fn set_capacity(&mut self, badge: u64, index: usize, value: u32) -> Result<(), Error> {
        let capacity = value.clamp(*CAPACITIES.start(), *CAPACITIES.end());
        self.change(badge, |socket| {
            if let Some(place) = socket.settings.capacities.get_mut(index) {
                *place = capacity;
            }
        })?;
        let socket = self.table.get(badge)?;
        let property = match (socket.kind, socket.phase, index) {
            (Kind::Stream, Phase::Connected, 0) => stream_property::SEND_CAPACITY,
            // A connection's sender says how much may be under way.
            (Kind::Stream, ..) | (_, _, 0) => return Ok(()),
            (Kind::Datagram | Kind::Raw, ..) => stream_property::RECEIVE_CAPACITY,
        };
        let data: Handle = self.kernel.data(badge)?;
        // While more is queued it stays as it is: an option is a wish (POSIX `SO_SNDBUF`).
        let _ = self.kernel.property(data, property, Some(capacity.into()));
        self.kernel.close(data);
        Ok(())
    }
}

/// How many bytes of a value are read: programs give some options of IP as single bytes, too.
fn value_length(given: u64, (level, _): (u32, u32), wanted: usize) -> Result<usize, Error> {
    match given {
        given if given >= wanted as u64 => Ok(wanted),
        1 if level == crate::settings::LEVEL_IP => Ok(1),
        _ => Err(Error::BadArgument),
    }
}
