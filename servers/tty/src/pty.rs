//! Pseudo terminals: making them, hang-ups, packet mode.

use kernel_abi::Handle;
use proto::{Answer, Error, Identity};

use crate::kernel::Kernel;
use crate::server::{CONSOLE_INDEX, Server};
use crate::sessions::{Side, serial};
use crate::state::MAX_TERMINALS;
use crate::terminal::{Pty, Terminal};
use crate::termios::{Termios, character, input, local};

/// Device number of the pseudo terminal `number`: major 136.
pub fn device_of(number: usize) -> u64 {
    let number = number as u64;
    136 << 8 | number & 0xff | (number & !0xff) << 12
}

/// Pseudo terminals that only root gets, so that others cannot lock it out.
const RESERVED: usize = 64;
/// Device number of `/dev/pts`, and what is added to a number for the serial number of its node,
/// as the name space has them.
const FILE_SYSTEM: u64 = 6;
const FIRST_NODE: u64 = 3;

/// Group that terminals belong to (`tty` in `/etc/group`).
const TERMINAL_GROUP: u32 = 5;
/// The mode that POSIX's `grantpt` gives.
const MODE: u32 = 0o620;

/// Bits of packet mode's control byte (`TIOCPKT`).
#[allow(missing_docs, reason = "named as <sys/ioctl.h> names them")]
pub mod packet {
    pub const FLUSH_READ: u8 = 1;
    pub const FLUSH_WRITE: u8 = 2;
    pub const STOP: u8 = 4;
    pub const START: u8 = 8;
    pub const NO_STOP: u8 = 0x10;
    pub const DO_STOP: u8 = 0x20;
    pub const IOCTL: u8 = 0x40;
}

impl Terminal {
    /// Whether the slave was open and is not any more.
    pub(crate) fn is_left(&self) -> bool {
        let hung_serial = self.hung_serial;
        let live = self.badges.iter().any(|badge| serial(*badge) > hung_serial);
        self.pty.as_ref().is_some_and(|pty| pty.opened) && !live
    }

    /// Notes an event that packet mode tells, which takes the place of its opposite.
    pub(crate) fn note_packet(&mut self, event: u8, opposite: u8) {
        if let Some(pty) = self.pty.as_mut().filter(|pty| pty.packet) {
            pty.events = pty.events & !opposite | event;
            self.departed = true;
        }
    }

    /// Sets the modes, telling packet mode what a master's program must know.
    pub(crate) fn change_modes(&mut self, termios: Termios) {
        let before = self.line.termios;
        self.line.set_termios(termios);
        let (old, new) = (stops_locally(&before), stops_locally(&termios));
        if old != new {
            let (event, opposite) = match new {
                true => (packet::DO_STOP, packet::NO_STOP),
                false => (packet::NO_STOP, packet::DO_STOP),
            };
            self.note_packet(event, opposite);
        }
        if before.is_local(local::EXTPROC) || termios.is_local(local::EXTPROC) {
            self.note_packet(packet::IOCTL, 0);
        }
    }
}

/// Whether ^S and ^Q are what stops and starts the output.
fn stops_locally(termios: &Termios) -> bool {
    termios.is_input(input::IXON)
        && termios.characters[character::STOP] == 0x13
        && termios.characters[character::START] == 0x11
}

impl<K: Kernel> Server<K> {
    /// Makes a pseudo terminal (`/dev/ptmx`) and returns its master's session. The slave belongs
    /// to the caller's real user, as POSIX's `grantpt` has it.
    pub(crate) fn open_master(&mut self, flags: u32, owner: &Identity) -> Result<Handle, Error> {
        let free = self.terminals.iter().position(|one| !one.in_use);
        let index = free.unwrap_or(self.terminals.len());
        let privileged = owner.credentials.user == 0;
        let most = MAX_TERMINALS - if privileged { 0 } else { RESERVED };
        if index >= most {
            return Err(Error::NoSpace);
        }
        let now = self.kernel.realtime_ns();
        let mut terminal = Terminal::new(device_of(index - 1), MODE, now);
        terminal.attributes.device = FILE_SYSTEM;
        terminal.attributes.node = FIRST_NODE + index as u64 - 1;
        terminal.attributes.user = owner.real_user;
        terminal.attributes.group = TERMINAL_GROUP;
        terminal.line.set_termios(Termios::pseudo());
        terminal.pty = Some(Pty {
            locked: true,
            ..Pty::default()
        });
        match self.terminals.get_mut(index) {
            Some(place) => *place = terminal,
            None => {
                self.terminals.push(terminal);
                // The console's state tells how many there are.
                self.touch(CONSOLE_INDEX);
            }
        }
        let session = self.make_session(index, Side::Master, flags);
        if session.is_err() {
            self.terminals[index] = Terminal::default();
        }
        self.touch(index);
        session
    }

    /// The index of a pseudo terminal by its number, while its master is open.
    pub(crate) fn slave(&self, number: u64) -> Result<usize, Error> {
        let index = usize::try_from(number).ok().and_then(|n| n.checked_add(1));
        let index = index.ok_or(Error::NotFound)?;
        let pty = self.terminals.get(index).and_then(|one| one.pty.as_ref());
        let open = pty.is_some_and(|pty| pty.master.is_some());
        if open {
            Ok(index)
        } else {
            Err(Error::NotFound)
        }
    }

    /// Opens a slave. One that was not unlocked yet fails with `Io`.
    pub(crate) fn open_slave(
        &mut self,
        index: usize,
        flags: u32,
        identity: &Identity,
    ) -> Result<Handle, Error> {
        let pty = self.terminals[index].pty.as_ref();
        if pty.is_none_or(|pty| pty.locked) {
            return Err(Error::Io);
        }
        self.open_terminal(index, flags, identity)
    }

    /// Hangs a terminal up: whoever has it open finds its end, and it controls nobody any more.
    /// With `tell_leader` the session's leader gets SIGHUP and SIGCONT (POSIX "Modem Disconnect").
    pub(crate) fn hang_up(&mut self, index: usize, tell_leader: bool) {
        let session = self.terminals[index].session;
        if session != 0 && tell_leader {
            // A leader that is gone needs no telling.
            let _ = self.kernel.hang_up(session);
        }
        self.release_control(index);
        let terminal = &mut self.terminals[index];
        terminal.hung_serial = self.last_serial;
        terminal.line.flush_input();
        let readers = core::mem::take(&mut terminal.readers);
        let writers = core::mem::take(&mut terminal.writers);
        let drainers = core::mem::take(&mut terminal.drainers);
        for reader in readers {
            self.finish(index, reader.token, reader.number, Ok(Answer::value(0)));
        }
        for writer in writers {
            self.finish(
                index,
                writer.token,
                writer.number,
                partly(writer.done, Error::Io),
            );
        }
        for drainer in drainers {
            self.finish(index, drainer.token, drainer.number, Err(Error::Io));
        }
        self.touch(index);
        self.signal_hung_up(index);
    }

    /// Frees a pseudo terminal that nobody has open.
    pub(crate) fn free_unused(&mut self, index: usize) {
        let terminal = &mut self.terminals[index];
        let Some(pty) = &terminal.pty else { return };
        if pty.master.is_none() && terminal.badges.is_empty() {
            *terminal = Terminal::default();
            self.touch(index);
        }
    }
}

/// The answer to a write that ends early.
pub(crate) fn partly(done: u64, error: Error) -> Result<Answer, Error> {
    match done {
        0 => Err(error),
        done => Ok(Answer::value(done)),
    }
}
