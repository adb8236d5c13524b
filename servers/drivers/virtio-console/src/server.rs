//! The interfaces: `proto::device` for the name space, reads and writes and `proto::file` for
//! sessions of opened consoles. The high half of such a session's badge is the port's number
//! plus one, so that it says all that the next instance of the driver must know.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use driver_hal::Window;
use kernel_abi::message::{operation, status_flags};
use kernel_abi::{Handle, Rights, Signals};
use proto::types::{Plain, file_type, open_flags};
use proto::{Answer, Attributes, Call, Error, Input, Outcome, Output, Reply, device, file};
use virtio::QueueError;

use crate::port::{Kernel, Port};

/// Major number of `/dev/hvc*`, as Linux has it.
const MAJOR: u64 = 229;
const MODE: u32 = 0o666;
/// Serial numbers tried for a new session before the driver gives up.
const MAX_ATTEMPTS: u32 = 16;

/// The driver's sessions.
pub trait Sessions {
    /// Makes a session.
    fn create(&mut self, badge: u64, rights: Rights, non_blocking: bool) -> Result<Handle, Error>;
    /// Changes a session's signals.
    fn signal(&mut self, badge: u64, clear: Signals, set: Signals);
    /// Visits the badges of all sessions.
    fn for_each(&mut self, visit: impl FnMut(u64));
}

/// The server of all consoles.
pub struct ConsoleServer<W: Window, K: Kernel, S: Sessions> {
    ports: Vec<Port<W, K>>,
    /// Badges of the sessions that are open, and the signals last shown on each port's.
    open: Vec<u64>,
    shown: Vec<Signals>,
    sessions: S,
    serial: u32,
}

impl<W: Window, K: Kernel, S: Sessions> ConsoleServer<W, K, S> {
    /// A server of these ports. Sessions that an earlier instance opened go on; `first_serial`
    /// should differ from its, as the time does.
    pub fn new(ports: Vec<Port<W, K>>, mut sessions: S, first_serial: u64) -> Self {
        let mut open = Vec::new();
        sessions.for_each(|badge| {
            if port_of(badge).is_some() {
                open.push(badge);
            }
        });
        let shown = ports.iter().map(|_| Signals::NONE).collect();
        let mut server = ConsoleServer {
            ports,
            open,
            shown,
            sessions,
            serial: first_serial as u32,
        };
        (0..server.ports.len()).for_each(|port| server.show(port));
        server
    }

    /// Serves a call.
    pub fn call<C: Call>(&mut self, call: &mut C) -> Reply {
        let words = call.words();
        match words[0] {
            operation::READ => self.read(call.badge(), call.token(), words[2], words[3]),
            operation::WRITE => self.write(call.badge(), call.token(), words[2], words[3]),
            operation::SEEK => Err(Error::NotSeekable),
            number if file::contains(number) => file::dispatch(self, call),
            _ if port_of(call.badge()).is_some() => Err(Error::Unsupported),
            _ => device::dispatch(self, call),
        }
    }

    fn port(&mut self, badge: u64) -> Result<(usize, &mut Port<W, K>), Error> {
        let index = port_of(badge).ok_or(Error::BadHandle)?;
        let port = self.ports.get_mut(index).ok_or(Error::NoDeviceAddress)?;
        Ok((index, port))
    }

    fn read(&mut self, badge: u64, token: u64, length: u64, flags: u64) -> Reply {
        let non_blocking = flags & u64::from(status_flags::NONBLOCK) != 0;
        let (index, port) = self.port(badge)?;
        let result = port.read(token, badge, length, non_blocking)?;
        self.show(index);
        Ok(outcome(result))
    }

    fn write(&mut self, badge: u64, token: u64, length: u64, flags: u64) -> Reply {
        let non_blocking = flags & u64::from(status_flags::NONBLOCK) != 0;
        let (index, port) = self.port(badge)?;
        let result = port.write(token, length, non_blocking)?;
        self.show(index);
        Ok(outcome(result))
    }

    /// A port's interrupt came.
    ///
    /// # Errors
    /// [`QueueError::BrokenDevice`].
    pub fn interrupted(&mut self, index: usize) -> Result<(), QueueError> {
        if let Some(port) = self.ports.get_mut(index) {
            port.interrupted()?;
            self.show(index);
        }
        Ok(())
    }

    /// A session's last handle is gone.
    pub fn closed(&mut self, badge: u64) {
        self.open.retain(|open| *open != badge);
        if let Ok((_, port)) = self.port(badge) {
            port.closed(badge);
        }
    }

    /// A kept call is to be answered soon.
    pub fn cancelled(&mut self, token: u64) {
        self.ports.iter_mut().any(|port| port.cancel(token));
    }

    /// Shows on a port's sessions whether reads and writes would wait.
    fn show(&mut self, index: usize) {
        let port = &self.ports[index];
        let mut signals = Signals::NONE;
        if port.is_readable() {
            signals = signals.or(Signals::READABLE);
        }
        if port.is_writable() {
            signals = signals.or(Signals::WRITABLE);
        }
        if signals == self.shown[index] {
            return;
        }
        self.shown[index] = signals;
        for &badge in self
            .open
            .iter()
            .filter(|badge| port_of(**badge) == Some(index))
        {
            let clear = Signals::READABLE.or(Signals::WRITABLE).without(signals);
            self.sessions.signal(badge, clear, signals);
        }
    }

    fn open_session(&mut self, port: usize, flags: u32) -> Result<Handle, Error> {
        let access = match flags & open_flags::ACCESS_MODE {
            0 => Rights::ALL.without(Rights::WRITE),
            open_flags::WRITE_ONLY => Rights::ALL.without(Rights::READ),
            _ => Rights::ALL,
        };
        for _ in 0..MAX_ATTEMPTS {
            self.serial = self.serial.wrapping_add(1);
            let badge = (port as u64 + 1) << 32 | u64::from(self.serial);
            let non_blocking = flags & open_flags::NONBLOCK != 0;
            match self.sessions.create(badge, access, non_blocking) {
                Ok(session) => {
                    self.open.push(badge);
                    self.sessions.signal(badge, Signals::NONE, self.shown[port]);
                    return Ok(session);
                }
                // An earlier instance's session has it.
                Err(Error::Exists) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::TooManyOpen)
    }
}

/// The port of an opened console's session; declared sessions have small badges.
fn port_of(badge: u64) -> Option<usize> {
    usize::try_from(badge >> 32).ok()?.checked_sub(1)
}

fn outcome(result: Option<u64>) -> Outcome {
    result.map_or(Outcome::Later, |count| Answer::value(count).into())
}

impl<W: Window, K: Kernel, S: Sessions, C: Call + ?Sized> device::Device<C>
    for ConsoleServer<W, K, S>
{
    fn open(&mut self, _call: &mut C, minor: u64, flags: u32, _identity: Input) -> Reply {
        let port = usize::try_from(minor).map_err(|_| Error::NoDeviceAddress)?;
        if port >= self.ports.len() {
            return Err(Error::NoDeviceAddress);
        }
        let session = self.open_session(port, flags)?;
        Ok(Answer::default().with_handle(session).into())
    }

    fn list(&mut self, call: &mut C, text: Output) -> Reply {
        let mut lines = String::new();
        for minor in 0..self.ports.len() {
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "hvc{minor} {MAJOR} {minor} {MODE:o} c");
        }
        let count = lines.len().min(text.length as usize);
        let written = call.write(text, 0, &lines.as_bytes()[..count])?;
        Ok(Answer::value(written as u64).into())
    }
}

impl<W: Window, K: Kernel, S: Sessions, C: Call + ?Sized> file::File<C> for ConsoleServer<W, K, S> {
    fn status(&mut self, call: &mut C, attributes: Output) -> Reply {
        let (minor, _) = self.port(call.badge())?;
        let minor = minor as u64;
        let values = Attributes {
            node: minor + 1,
            mode: file_type::CHARACTER | MODE,
            links: 1,
            special_device: MAJOR << 8 | minor,
            block_size: 4096,
            ..Attributes::default()
        };
        let mut bytes = [0; Attributes::SIZE];
        let length = values.encode(&mut bytes).ok_or(Error::BadMessage)?;
        call.write(attributes, 0, &bytes[..length])?;
        Ok(Answer::default().into())
    }

    fn control(&mut self, call: &mut C, _: u64, _: u64, _: Input, _: Output) -> Reply {
        self.port(call.badge())?;
        // Not a terminal: this is how `isatty` learns it.
        Err(Error::NotTerminal)
    }

    fn truncate(&mut self, call: &mut C, _length: u64) -> Reply {
        // `O_TRUNC` has no effect on a special file (POSIX `open`).
        self.port(call.badge())?;
        Ok(Answer::default().into())
    }

    fn sync(&mut self, call: &mut C, _data_only: u32) -> Reply {
        // Nothing is kept back: writes are answered when the device has taken them.
        self.port(call.badge())?;
        Ok(Answer::default().into())
    }

    fn path(&mut self, call: &mut C, path: Output) -> Reply {
        let (minor, _) = self.port(call.badge())?;
        let name = alloc::format!("/dev/hvc{minor}");
        let count = name.len().min(path.length as usize);
        call.write(path, 0, &name.as_bytes()[..count])?;
        Ok(Answer::value(name.len() as u64).into())
    }
}
