//! A terminal: a line discipline, who controls it, and who waits for it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use kernel_abi::Signals;
use kernel_abi::message::MAX_BUFFERS;
use proto::types::file_type;
use proto::{Attributes, Call, Error, Identity};

use crate::line::Line;
use crate::termios::Termios;

/// Bytes queued for the device, or for the master to read, above which writers wait.
pub const OUTPUT_LIMIT: usize = 8192;
/// Bytes queued above which nothing is echoed any more: a master that only writes must not fill
/// the memory.
pub const ECHO_LIMIT: usize = OUTPUT_LIMIT + 1024;

/// What the name space adds to devices' numbers for the serial numbers of their nodes in `/dev`.
const DEVICE_NODES: u64 = 1 << 32;

/// `struct winsize`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSize {
    /// Rows, columns, and both in pixels.
    pub fields: [u16; 4],
}

/// The buffers that a caller lent, one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lent {
    lengths: [u64; MAX_BUFFERS],
}

impl Lent {
    /// Those of a read (`writable`) or write.
    pub fn of<C: Call + ?Sized>(call: &C, writable: bool) -> Result<Lent, Error> {
        let mut lent = Lent::default();
        for (index, length) in lent.lengths.iter_mut().enumerate() {
            match call.buffer(index) {
                Some((bytes, kind)) if kind == writable => *length = bytes,
                Some(_) => return Err(Error::BadMessage),
                None => break,
            }
        }
        Ok(lent)
    }

    /// Bytes of all.
    pub fn total(&self) -> u64 {
        self.lengths
            .iter()
            .fold(0, |total, length| total.saturating_add(*length))
    }

    /// The buffer at an offset, the offset in it, and the bytes from there to its end.
    pub fn at(&self, offset: u64) -> Option<(usize, u64, u64)> {
        let mut start = 0u64;
        for (index, length) in self.lengths.iter().enumerate() {
            let end = start.saturating_add(*length);
            if offset < end {
                return Some((index, offset - start, end - offset));
            }
            start = end;
        }
        None
    }
}

/// A `read` that waits.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// Its call.
    pub token: u64,
    /// The call's number.
    pub number: u64,
    /// Where the bytes go.
    pub lent: Lent,
    /// It does not wait.
    pub nonblocking: bool,
    /// The reader's group, for job control; `None` when the terminal does not control it.
    pub group: Option<u64>,
    /// When it ends with what there is (`VTIME`), monotonic ns.
    pub deadline_ns: u64,
}

/// A `write` whose bytes are fetched from the caller as there is room for them.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    /// Its call.
    pub token: u64,
    /// The call's number.
    pub number: u64,
    /// Where the bytes are.
    pub lent: Lent,
    /// Bytes to take.
    pub length: u64,
    /// Bytes taken.
    pub done: u64,
    /// It does not wait.
    pub nonblocking: bool,
}

/// What is done when all output is with the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// `tcdrain`.
    Nothing,
    /// `tcsetattr` with `TCSADRAIN`, or with `TCSAFLUSH`.
    SetModes(Termios, bool),
}

/// A call that waits for the output.
#[derive(Clone, Copy, Debug)]
pub struct Drainer {
    /// Its call.
    pub token: u64,
    /// The call's number.
    pub number: u64,
    /// What follows.
    pub then: Then,
}

/// The master's side of a pseudo terminal.
#[derive(Clone, Debug, Default)]
pub struct Pty {
    /// The slave cannot be opened yet.
    pub locked: bool,
    /// The slave was opened: that nobody has it open is a hang-up.
    pub opened: bool,
    /// Packet mode (`TIOCPKT`).
    pub packet: bool,
    /// Events that packet mode has to tell.
    pub events: u8,
    /// Badge of the master's session; `None` once it is closed.
    pub master: Option<u64>,
    /// Waiting reads of the master.
    pub readers: VecDeque<Reader>,
    /// Waiting writes of the master.
    pub writers: VecDeque<Writer>,
    /// Signals last given to the master.
    pub signals: Signals,
}

/// The state of a terminal.
#[derive(Clone, Debug, Default)]
pub struct Terminal {
    /// Device number.
    pub device: u64,
    /// It exists; others are places for new pseudo terminals.
    pub in_use: bool,
    /// The master's side, if it is a pseudo terminal.
    pub pty: Option<Pty>,
    /// Line discipline and modes.
    pub line: Line,
    /// Session that it controls, 0 = none.
    pub session: u64,
    /// Foreground group, 0 = none.
    pub foreground: u64,
    /// Size of the window.
    pub window: WindowSize,
    /// Mode, owner and times.
    pub attributes: Attributes,
    /// Only root may open it (`TIOCEXCL`).
    pub exclusive: bool,
    /// Sessions with numbers up to this were hung up.
    pub hung_serial: u64,
    /// What the device gave and the line discipline had no room for yet.
    pub typed: VecDeque<u8>,
    /// Output for the device or the master.
    pub output: VecDeque<u8>,
    /// Waiting reads, in order.
    pub readers: VecDeque<Reader>,
    /// Waiting writes, in order.
    pub writers: VecDeque<Writer>,
    /// Calls that wait for the output.
    pub drainers: Vec<Drainer>,
    /// Badges of the sessions that have it open (not the master's).
    pub badges: Vec<u64>,
    /// Signals last given to them.
    pub signals: Signals,
    /// Number and value of calls that may have to be answered again.
    pub answered: Vec<(u64, u64)>,
    /// Number of writes that an instance before this one had begun, and the bytes it took.
    pub begun: Vec<(u64, u64)>,
    /// Something was typed since the sessions were told.
    pub arrived: bool,
    /// Output came since the master was told.
    pub departed: bool,
}

impl Terminal {
    /// The terminal of a device number, with its owner and mode.
    pub fn new(device: u64, mode: u32, now_ns: i64) -> Terminal {
        Terminal {
            device,
            in_use: true,
            attributes: Attributes {
                device: 5,
                node: DEVICE_NODES + device,
                mode: file_type::CHARACTER | mode,
                links: 1,
                special_device: device,
                block_size: 1024,
                access_ns: now_ns,
                modify_ns: now_ns,
                change_ns: now_ns,
                ..Default::default()
            },
            ..Default::default()
        }
    }

    /// Whether it is the controlling terminal of a process.
    pub fn controls(&self, identity: &Identity) -> bool {
        identity.session != 0
            && identity.session == self.session
            && identity.terminal == self.device
    }

    /// Whether a process must not read: it is controlled, and not in the foreground.
    pub fn is_background(&self, identity: &Identity) -> bool {
        self.controls(identity) && identity.group != self.foreground
    }

    /// Takes a waiting call away: its number, and the bytes that it has written.
    pub fn take_waiting(&mut self, token: u64) -> Option<(u64, u64)> {
        let pty = self.pty.as_mut();
        let (readers, writers) = pty.map(|pty| (&mut pty.readers, &mut pty.writers)).unzip();
        for list in [Some(&mut self.readers), readers].into_iter().flatten() {
            let found = list.iter().position(|one| one.token == token);
            if let Some(reader) = found.and_then(|at| list.remove(at)) {
                return Some((reader.number, 0));
            }
        }
        for list in [Some(&mut self.writers), writers].into_iter().flatten() {
            let found = list.iter().position(|one| one.token == token);
            if let Some(writer) = found.and_then(|at| list.remove(at)) {
                return Some((writer.number, writer.done));
            }
        }
        let at = self.drainers.iter().position(|one| one.token == token)?;
        Some((self.drainers.remove(at).number, 0))
    }

    /// Whether there is room for output.
    pub fn takes_output(&self) -> bool {
        // What a pseudo terminal has put out cannot be held back any more.
        let held = self.pty.is_some() && self.line.is_stopped();
        self.output.len() < OUTPUT_LIMIT && !held
    }

    /// Notes a read or a write among the times, no finer than this: finer ones would tell others
    /// how fast a password is typed.
    pub fn note_use(&mut self, written: bool, now_ns: i64) {
        const FINEST_NS: i64 = 8_000_000_000;
        let time = match written {
            true => &mut self.attributes.modify_ns,
            false => &mut self.attributes.access_ns,
        };
        if now_ns - *time >= FINEST_NS {
            *time = now_ns;
        }
    }

    /// Queues what the line discipline shows, as far as there is room.
    pub fn show(&mut self, echo: &[u8]) {
        if !echo.is_empty() && self.output.len() + echo.len() <= ECHO_LIMIT {
            self.output.extend(echo);
            self.departed = true;
        }
    }
}
