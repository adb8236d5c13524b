//! Sessions: their badges, opening and closing, and what `poll` sees.

use kernel_abi::message::status_flags;
use kernel_abi::{Handle, Rights, Signals};
use proto::types::open_flags;
use proto::{Call, Error, Identity};

use crate::kernel::Kernel;
use crate::server::{CONSOLE_INDEX, Server};
use crate::terminal::Terminal;
use crate::termios::character;

/// A badge is a number that is never used again, the terminal's index, and the side.
const SERIAL_SHIFT: u32 = 16;
const INDEX_MASK: u64 = 0x7fff;
const MASTER: u64 = 1;
/// Numbers start here: small badges are the declaration's.
const FIRST_SERIAL: u64 = 1 << 20;
const MICROSECOND_NS: u64 = 1000;

/// What every open terminal allows besides reading and writing.
const BASIC_RIGHTS: Rights = Rights::DUPLICATE
    .or(Rights::TRANSFER)
    .or(Rights::WAIT)
    .or(Rights::CALL);
/// What `poll` tells of a session that was hung up.
const HUNG_UP: Signals = Signals::READABLE
    .or(Signals::WRITABLE)
    .or(Signals::PEER_CLOSED)
    .or(Signals::ERROR);
const ALL: Signals = HUNG_UP.or(Signals::PRIORITY);

/// Which end of a pseudo terminal; other terminals have only the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The terminal that programs use.
    Terminal,
    /// The one that plays the device.
    Master,
}

/// What a session stands for.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The terminal.
    pub index: usize,
    /// Its end.
    pub side: Side,
    /// The session was hung up.
    pub hung: bool,
}

/// The number in a badge.
pub(crate) fn serial(badge: u64) -> u64 {
    badge >> SERIAL_SHIFT
}

/// The terminal and the end in a badge.
pub(crate) fn place_of(badge: u64) -> (usize, Side) {
    let side = if badge & MASTER != 0 {
        Side::Master
    } else {
        Side::Terminal
    };
    (((badge >> 1) & INDEX_MASK) as usize, side)
}

impl<K: Kernel> Server<K> {
    /// The number before the first that this instance gives. Numbers of instances before it are
    /// lower: they started earlier and open less than one terminal a microsecond.
    pub(crate) fn first_serial(kernel: &K) -> u64 {
        FIRST_SERIAL + kernel.now_ns() / MICROSECOND_NS
    }

    /// What the caller's session stands for.
    pub(crate) fn place<C: Call + ?Sized>(&self, call: &C) -> Result<Place, Error> {
        let badge = call.badge();
        let (index, side) = place_of(badge);
        let terminal = self.terminals.get(index).filter(|one| one.in_use);
        let terminal = terminal.ok_or(Error::BadHandle)?;
        let known = match side {
            Side::Terminal => terminal.badges.contains(&badge),
            Side::Master => terminal.pty.as_ref().and_then(|pty| pty.master) == Some(badge),
        };
        if !known {
            return Err(Error::BadHandle);
        }
        Ok(Place {
            index,
            side,
            hung: side == Side::Terminal && serial(badge) <= terminal.hung_serial,
        })
    }

    /// The terminal of the caller's session, which must not have been hung up.
    pub(crate) fn live<C: Call + ?Sized>(&self, call: &C) -> Result<Place, Error> {
        let place = self.place(call)?;
        if place.hung {
            return Err(Error::Io);
        }
        Ok(place)
    }

    /// Opens a terminal by its index for a process, which it may come to control by that.
    pub(crate) fn open_terminal(
        &mut self,
        index: usize,
        flags: u32,
        identity: &Identity,
    ) -> Result<Handle, Error> {
        let terminal = &self.terminals[index];
        if terminal.exclusive && identity.credentials.user != 0 {
            return Err(Error::Busy);
        }
        let adopts = flags & open_flags::NO_CONTROLLING_TERMINAL == 0
            && identity.process != 0
            && identity.process == identity.session
            && identity.terminal == 0;
        if adopts && terminal.session == 0 {
            self.take_control(index, identity, false)?;
        }
        let session = self.make_session(index, Side::Terminal, flags)?;
        if let Some(pty) = &mut self.terminals[index].pty {
            pty.opened = true;
        }
        self.touch(index);
        Ok(session)
    }

    /// The terminal that controls a process.
    pub(crate) fn own_terminal(&self, identity: &Identity) -> Result<usize, Error> {
        let own = |terminal: &Terminal| terminal.in_use && terminal.controls(identity);
        self.terminals
            .iter()
            .position(own)
            .ok_or(Error::NoDeviceAddress)
    }

    pub(crate) fn make_session(
        &mut self,
        index: usize,
        side: Side,
        flags: u32,
    ) -> Result<Handle, Error> {
        let access = match flags & open_flags::ACCESS_MODE {
            0 => Rights::READ,
            open_flags::WRITE_ONLY => Rights::WRITE,
            _ => Rights::READ.or(Rights::WRITE),
        };
        let status = if flags & open_flags::NONBLOCK != 0 {
            status_flags::NONBLOCK
        } else {
            0
        };
        let master = u64::from(side == Side::Master);
        let badge = (self.last_serial + 1) << SERIAL_SHIFT | (index as u64) << 1 | master;
        let rights = BASIC_RIGHTS.or(access);
        let session = self.kernel.session_create(badge, status, rights)?;
        self.last_serial += 1;
        self.adopt_session(badge);
        let signals = match side {
            Side::Terminal => self.terminals[index].signals,
            Side::Master => Signals::NONE,
        };
        self.kernel.session_signal(badge, ALL, signals);
        Ok(session)
    }

    /// Takes a session into account. `false`: there is no such terminal.
    pub(crate) fn adopt_session(&mut self, badge: u64) -> bool {
        let (index, side) = place_of(badge);
        let Some(terminal) = self.terminals.get_mut(index).filter(|one| one.in_use) else {
            return false;
        };
        match (side, &mut terminal.pty) {
            (Side::Terminal, _) => terminal.badges.push(badge),
            (Side::Master, Some(pty)) => pty.master = Some(badge),
            (Side::Master, None) => return false,
        }
        true
    }

    /// The last handle of a session is gone.
    pub fn session_closed(&mut self, badge: u64) {
        let (index, side) = place_of(badge);
        let Some(terminal) = self.terminals.get_mut(index).filter(|one| one.in_use) else {
            return;
        };
        match side {
            Side::Terminal => terminal.badges.retain(|one| *one != badge),
            Side::Master => match &mut terminal.pty {
                Some(pty) if pty.master == Some(badge) => {
                    pty.master = None;
                    self.hang_up(index, true);
                }
                _ => return,
            },
        }
        self.touch(index);
        self.free_unused(index);
    }

    /// Tells the sessions of a terminal whether reads and writes would wait, where that changed
    /// or, for those who wait for edges, where more arrived.
    pub(crate) fn update_signals(&mut self, index: usize) {
        let terminal = &mut self.terminals[index];
        let wanted = signals_of(terminal);
        let arrived = core::mem::take(&mut terminal.arrived);
        let again = arrived && !wanted.and(Signals::READABLE).is_empty();
        if wanted != terminal.signals || again {
            terminal.signals = wanted;
            let hung_serial = terminal.hung_serial;
            for badge in &terminal.badges {
                if serial(*badge) > hung_serial {
                    self.kernel
                        .session_signal(*badge, ALL.without(wanted), wanted);
                }
            }
        }
        let departed = core::mem::take(&mut terminal.departed);
        let wanted = master_signals(terminal);
        let Some(pty) = &mut terminal.pty else {
            return;
        };
        let again = departed && !wanted.and(Signals::READABLE).is_empty();
        if let Some(badge) = pty.master
            && (wanted != pty.signals || again)
        {
            pty.signals = wanted;
            self.kernel
                .session_signal(badge, ALL.without(wanted), wanted);
        }
    }

    /// Tells the sessions that are hung up now.
    pub(crate) fn signal_hung_up(&mut self, index: usize) {
        let terminal = &self.terminals[index];
        for badge in &terminal.badges {
            if serial(*badge) <= terminal.hung_serial {
                self.kernel.session_signal(*badge, Signals::NONE, HUNG_UP);
            }
        }
    }

    /// The path that everybody can open a session's terminal by.
    pub(crate) fn path_of(place: Place) -> alloc::vec::Vec<u8> {
        match place.side {
            Side::Master => b"/dev/ptmx".to_vec(),
            Side::Terminal if place.index == CONSOLE_INDEX => b"/dev/console".to_vec(),
            Side::Terminal => alloc::format!("/dev/pts/{}", place.index - 1).into_bytes(),
        }
    }
}

fn bit(on: bool, signal: Signals) -> Signals {
    if on { signal } else { Signals::NONE }
}

fn signals_of(terminal: &Terminal) -> Signals {
    let characters = &terminal.line.termios.characters;
    let minimum = match characters[character::TIME] {
        0 => characters[character::MIN],
        _ => 1,
    };
    bit(terminal.line.is_readable(minimum.into()), Signals::READABLE)
        .or(bit(terminal.takes_output(), Signals::WRITABLE))
}

fn master_signals(terminal: &Terminal) -> Signals {
    let Some(pty) = &terminal.pty else {
        return Signals::NONE;
    };
    let closed = terminal.is_left();
    let readable = closed || pty.events != 0 || !terminal.output.is_empty();
    bit(readable, Signals::READABLE)
        .or(bit(terminal.line.has_room(), Signals::WRITABLE))
        .or(bit(pty.events != 0, Signals::PRIORITY))
        .or(bit(closed, Signals::PEER_CLOSED))
}
