//! The server: its state, opening, and where calls go.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use kernel_abi::message::{operation, status_flags};
use kernel_abi::{Handle, Rights, Signals};
use proto::types::{Plain, file_type, open_flags};
use proto::{
    Answer, Attributes, Call, Error, Identity, Input, Outcome, Output, Reply, device, file,
};
use server_rt::{ServerCall, Service};

use crate::guest::CONSOLE_COOKIE;
use crate::kernel::Kernel;
use crate::state::{self, Answered};
use crate::terminal::Terminal;

/// Device number of the console: major 5, minor 1.
pub const CONSOLE: u64 = 0x501;
/// Minor of the console.
const CONSOLE_MINOR: u64 = 1;
/// Minor of `/dev/tty`, the caller's own terminal.
const CONTROLLING_MINOR: u64 = 0;
/// What `device::list` tells.
const LIST: &[u8] = b"tty 5 0 666 c\nconsole 5 1 620 c\n";
/// What every open terminal allows besides reading and writing.
const BASIC_RIGHTS: Rights = Rights::DUPLICATE
    .or(Rights::TRANSFER)
    .or(Rights::WAIT)
    .or(Rights::CALL);

/// All terminals.
pub struct Server<K> {
    /// Effects.
    pub kernel: K,
    pub(crate) terminals: Vec<Terminal>,
    /// Index of the terminal of each session, by badge.
    pub(crate) sessions: BTreeMap<u64, usize>,
    last_badge: u64,
    /// Signals of the console's driver that this server is told of.
    pub(crate) watched: Signals,
    /// The last call answered.
    answered: Answered,
    /// The state as it was saved last.
    saved: Vec<u8>,
}

/// Index of the console.
pub(crate) const CONSOLE_INDEX: usize = 0;

impl<K: Kernel> Server<K> {
    /// A server with a console.
    pub fn new(kernel: K) -> Server<K> {
        let now = kernel.realtime_ns();
        let console = Terminal {
            device: CONSOLE,
            attributes: Attributes {
                device: 5,
                node: CONSOLE,
                mode: file_type::CHARACTER | 0o620,
                links: 1,
                special_device: CONSOLE,
                block_size: 1024,
                access_ns: now,
                modify_ns: now,
                change_ns: now,
                ..Default::default()
            },
            writable: true,
            ..Default::default()
        };
        let mut server = Server {
            kernel,
            terminals: alloc::vec![console],
            sessions: BTreeMap::new(),
            // Small badges are the declaration's.
            last_badge: u64::from(u32::MAX),
            watched: Signals::NONE,
            answered: Answered::default(),
            saved: Vec::new(),
        };
        server.take_over();
        server.flush(CONSOLE_INDEX);
        server
    }

    /// Goes on where the last instance ended.
    fn take_over(&mut self) {
        let console = &mut self.terminals[CONSOLE_INDEX];
        if let Some(answered) = self
            .kernel
            .saved()
            .and_then(|state| state::decode(&state, console))
        {
            self.answered = answered;
        }
        for badge in self.kernel.sessions() {
            if badge > u64::from(u32::MAX) {
                self.last_badge = self.last_badge.max(badge);
                self.sessions.insert(badge, CONSOLE_INDEX);
                self.terminals[CONSOLE_INDEX].badges.push(badge);
            }
        }
        self.update_signals(CONSOLE_INDEX);
    }

    /// Saves what changed. Before the answer goes out, so that nothing that a program has seen
    /// can be lost.
    pub(crate) fn save(&mut self) {
        let state = state::encode(&self.terminals[CONSOLE_INDEX], self.answered);
        if state != self.saved {
            self.kernel.save(&state);
            self.saved = state;
        }
    }

    /// A read or write, which an instance before this one may have done already.
    fn transfer_once<C: Call + ?Sized>(
        &mut self,
        call: &C,
        transfer: impl FnOnce(&mut Self, &C) -> Reply,
    ) -> Reply {
        if call.redelivered() && call.number() == self.answered.number {
            return Ok(Answer::value(self.answered.value).into());
        }
        let reply = transfer(self, call);
        if let Ok(Outcome::Answer(answer)) = &reply {
            self.answered = Answered {
                number: call.number(),
                value: answer.words[0],
            };
        }
        reply
    }

    /// The terminal of a session.
    pub(crate) fn index<C: Call + ?Sized>(&self, call: &C) -> Result<usize, Error> {
        let index = self.sessions.get(&call.badge()).copied();
        index.ok_or(Error::BadHandle)
    }

    fn open_terminal(
        &mut self,
        minor: u64,
        flags: u32,
        identity: &Identity,
    ) -> Result<Handle, Error> {
        let index = match minor {
            CONSOLE_MINOR => CONSOLE_INDEX,
            CONTROLLING_MINOR => self
                .terminals
                .iter()
                .position(|terminal| {
                    terminal.controls(identity) && identity.terminal == terminal.device
                })
                .ok_or(Error::NoDeviceAddress)?,
            _ => return Err(Error::NoDeviceAddress),
        };
        let adopts = flags & open_flags::NO_CONTROLLING_TERMINAL == 0
            && identity.process != 0
            && identity.process == identity.session
            && identity.terminal == 0;
        if adopts && self.terminals[index].session == 0 {
            self.take_control(index, identity)?;
        }
        self.make_session(index, flags)
    }

    fn make_session(&mut self, index: usize, flags: u32) -> Result<Handle, Error> {
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
        self.last_badge += 1;
        let badge = self.last_badge;
        let session = self
            .kernel
            .session_create(badge, status, BASIC_RIGHTS.or(access))?;
        let terminal = &mut self.terminals[index];
        terminal.badges.push(badge);
        let signals = signals_of(terminal);
        self.kernel.session_signal(badge, Signals::NONE, signals);
        self.sessions.insert(badge, index);
        Ok(session)
    }

    /// Tells the sessions whether reads and writes would wait, where that changed.
    pub(crate) fn update_signals(&mut self, index: usize) {
        let terminal = &mut self.terminals[index];
        let minimum = terminal.line.termios.characters[crate::termios::character::MIN];
        let readable = terminal.line.is_readable(minimum.into());
        let writable = terminal.output.len() < crate::terminal::OUTPUT_LIMIT;
        if (readable, writable) == (terminal.readable, terminal.writable) {
            return;
        }
        (terminal.readable, terminal.writable) = (readable, writable);
        let set = signals_of(terminal);
        let clear = Signals::READABLE.or(Signals::WRITABLE).without(set);
        for badge in &terminal.badges {
            self.kernel.session_signal(*badge, clear, set);
        }
    }

    /// Serves a call of any interface.
    pub fn serve<C: Call + ?Sized>(&mut self, call: &mut C) -> Reply {
        let number = call.words()[0];
        match number {
            operation::READ => self.transfer_once(call, Self::read_call),
            operation::WRITE => self.transfer_once(call, Self::write_call),
            operation::SEEK => Err(Error::NotSeekable),
            _ if file::contains(number) => file::dispatch(self, call),
            // Only the name space's declared session opens devices.
            _ if device::contains(number) && call.badge() <= u64::from(u32::MAX) => {
                device::dispatch(self, call)
            }
            _ => Err(Error::Unsupported),
        }
    }

    /// The last handle of a session is gone.
    pub fn session_closed(&mut self, badge: u64) {
        if let Some(index) = self.sessions.remove(&badge) {
            self.terminals[index].badges.retain(|one| *one != badge);
        }
    }

    /// A bound object raised signals.
    pub fn bound(&mut self, cookie: u64) {
        if cookie == CONSOLE_COOKIE {
            self.console_ready();
        } else {
            self.alarm();
        }
    }
}

fn signals_of(terminal: &Terminal) -> Signals {
    let bit = |on, signal| if on { signal } else { Signals::NONE };
    bit(terminal.readable, Signals::READABLE).or(bit(terminal.writable, Signals::WRITABLE))
}

impl<K: Kernel, C: Call + ?Sized> device::Device<C> for Server<K> {
    fn open(&mut self, call: &mut C, minor: u64, flags: u32, identity: Input) -> Reply {
        let bytes = read_input(call, identity, Identity::SIZE)?;
        let identity = Identity::decode(&bytes).ok_or(Error::BadMessage)?;
        let session = self.open_terminal(minor, flags, &identity)?;
        Ok(Answer::default().with_handle(session).into())
    }

    fn list(&mut self, call: &mut C, text: Output) -> Reply {
        let length = LIST
            .len()
            .min(usize::try_from(text.length).unwrap_or(usize::MAX));
        call.write(text, 0, &LIST[..length])?;
        Ok(Answer::value(length as u64).into())
    }
}

impl<K: Kernel> Service for Server<K> {
    fn call(&mut self, call: &mut ServerCall) -> Reply {
        let reply = self.serve(call);
        self.save();
        reply
    }
    fn closed(&mut self, badge: u64) {
        self.session_closed(badge);
    }
    fn cancelled(&mut self, token: u64) {
        self.wait_cancelled(token);
    }
    fn signalled(&mut self, cookie: u64, _signals: Signals) {
        self.bound(cookie);
        self.save();
    }
}

/// Copies a whole input of at most `most` bytes.
pub(crate) fn read_input<C: Call + ?Sized>(
    call: &C,
    input: Input,
    most: usize,
) -> Result<Vec<u8>, Error> {
    let length = usize::try_from(input.length).unwrap_or(usize::MAX);
    if length > most {
        return Err(Error::BadArgument);
    }
    let mut bytes = alloc::vec![0; length];
    let mut done = 0;
    while done < length {
        match call.read(input, done as u64, &mut bytes[done..])? {
            0 => return Err(Error::BadAddress),
            count => done += count,
        }
    }
    Ok(bytes)
}
