//! The server: its state, where calls go, and how they end.

use alloc::vec::Vec;
use kernel_abi::message::operation;
use kernel_abi::{Handle, Signals};
use proto::types::Plain;
use proto::{
    Answer, Attributes, Call, Error, Identity, Input, Outcome, Output, Reply, device, file,
    terminals,
};
use server_rt::{ServerCall, Service, read_input};

use crate::guest::{ALARM_COOKIE, CONSOLE_COOKIE, LEADER_COOKIE};
use crate::kernel::Kernel;
use crate::state;
use crate::terminal::Terminal;

/// Device number of the console: major 5, minor 1.
pub const CONSOLE: u64 = 0x501;
/// Device number of `/dev/ptmx`.
pub(crate) const MULTIPLEXER: u64 = 0x502;
/// Minor of the console.
const CONSOLE_MINOR: u64 = 1;
/// Minor of `/dev/tty`, the caller's own terminal.
const CONTROLLING_MINOR: u64 = 0;
/// Minor of `/dev/ptmx`, whose every opening makes a pseudo terminal.
const MULTIPLEXER_MINOR: u64 = 2;
/// What `device::list` tells.
const LIST: &[u8] = b"tty 5 0 666 c\nconsole 5 1 620 c\nptmx 5 2 666 c\n";
/// Index of the console.
pub(crate) const CONSOLE_INDEX: usize = 0;

/// A kept call that is over, but not answered yet.
struct Finished {
    index: usize,
    token: u64,
    number: u64,
    result: Result<Answer, Error>,
}

/// All terminals.
///
/// What an event does goes in four steps: the event changes a terminal and *touches* it; then, for
/// each that was touched, bytes are moved as far as they go (`pump.rs`), the state is saved, and
/// only then the answers go out. So nothing that a program has seen can be lost.
pub struct Server<K> {
    /// Effects.
    pub kernel: K,
    /// The console, then pseudo terminals by their numbers.
    pub(crate) terminals: Vec<Terminal>,
    pub(crate) last_serial: u64,
    /// Signals of the console's driver that this server is told of.
    pub(crate) watched: Signals,
    /// The console's driver may have something to read.
    pub(crate) console_ready: bool,
    touched: Vec<usize>,
    finished: Vec<Finished>,
}

impl<K: Kernel> Server<K> {
    /// A server with a console.
    pub fn new(kernel: K) -> Server<K> {
        let console = Terminal::new(CONSOLE, 0o620, kernel.realtime_ns());
        let mut server = Server {
            last_serial: Self::first_serial(&kernel),
            kernel,
            terminals: alloc::vec![console],
            watched: Signals::NONE,
            console_ready: false,
            touched: Vec::new(),
            finished: Vec::new(),
        };
        server.take_over();
        server.touch(CONSOLE_INDEX);
        server.settle();
        server
    }

    /// Goes on where the last instance ended.
    fn take_over(&mut self) {
        let now = self.kernel.realtime_ns();
        if let Some(count) = self.kernel.saved(0).and_then(|state| state::count(&state)) {
            for index in 0..count.min(state::MAX_TERMINALS) {
                let saved = self.kernel.saved(index);
                let restored = saved.and_then(|state| state::decode(&state, index, now));
                match (self.terminals.get_mut(index), restored) {
                    (Some(console), Some(restored)) => *console = restored,
                    (Some(_), None) => {}
                    (None, restored) => self.terminals.push(restored.unwrap_or_default()),
                }
            }
        }
        for badge in self.kernel.sessions() {
            if badge > u64::from(u32::MAX) {
                self.adopt_session(badge);
            }
        }
        for index in 0..self.terminals.len() {
            self.resume(index);
        }
    }

    /// Finds out what happened to a terminal while nobody served.
    fn resume(&mut self, index: usize) {
        self.touch(index);
        self.signal_hung_up(index);
        let terminal = &mut self.terminals[index];
        // What the sessions were told last is not known: they are told anew.
        terminal.signals = Signals::ALL;
        if let Some(pty) = &mut terminal.pty {
            pty.signals = Signals::ALL;
        }
        let lost = terminal
            .pty
            .as_ref()
            .is_some_and(|pty| pty.master.is_none());
        if lost && terminal.hung_serial < self.last_serial {
            self.hang_up(index, true);
        }
        if self.terminals[index].session != 0 {
            self.leader_changed(index);
        }
        self.free_unused(index);
    }

    /// Notes that a terminal has changed.
    pub(crate) fn touch(&mut self, index: usize) {
        if !self.touched.contains(&index) {
            self.touched.push(index);
        }
    }

    /// Ends a kept call; it is answered once the state is saved.
    pub(crate) fn finish(
        &mut self,
        index: usize,
        token: u64,
        number: u64,
        result: Result<Answer, Error>,
    ) {
        self.touch(index);
        self.finished.push(Finished {
            index,
            token,
            number,
            result,
        });
    }

    /// Moves bytes, saves and answers, for all terminals that were touched.
    pub(crate) fn settle(&mut self) {
        self.commit();
        for finished in core::mem::take(&mut self.finished) {
            self.kernel.reply(finished.token, finished.result);
        }
    }

    pub(crate) fn commit(&mut self) {
        let mut next = 0;
        while let Some(index) = self.touched.get(next).copied() {
            self.pump(index);
            self.update_signals(index);
            next += 1;
        }
        for index in core::mem::take(&mut self.touched) {
            self.save(index);
        }
    }

    fn save(&mut self, index: usize) {
        let over: Vec<(u64, u64)> = self
            .finished
            .iter()
            .filter(|finished| finished.index == index)
            .filter_map(|one| Some((one.number, one.result.as_ref().ok()?.words[0])))
            .collect();
        if !over.is_empty() {
            self.terminals[index].answered = over;
        }
        let state = state::encode(&self.terminals[index], self.terminals.len());
        self.kernel.save(index, &state);
    }

    /// The value of a call that an instance before this one carried out, but did not answer.
    fn answered<C: Call + ?Sized>(&mut self, call: &C) -> Option<u64> {
        let index = self.place(call).ok()?.index;
        let terminal = &mut self.terminals[index];
        if !call.redelivered() {
            // What was begun comes again before anything new.
            terminal.begun.clear();
            return None;
        }
        let number = call.number();
        let found = terminal.answered.iter().find(|(known, _)| *known == number);
        found.map(|(_, value)| *value)
    }

    /// Serves a call of any interface, whole: what is left is to give the caller its answer.
    pub fn serve<C: Call + ?Sized>(&mut self, call: &mut C) -> Reply {
        if let Some(value) = self.answered(call) {
            return Ok(Answer::value(value).into());
        }
        let reply = self.carry_out(call);
        if let (Ok(Outcome::Answer(answer)), Ok(place)) = (&reply, self.place(call))
            && answer.handle_count == 0
            && self.touched.contains(&place.index)
        {
            // Through the same gate as kept calls, so that it is recognised if it comes again.
            self.finish(place.index, call.token(), call.number(), Ok(*answer));
        }
        self.commit();
        let own = self
            .finished
            .iter()
            .position(|finished| finished.token == call.token());
        let reply = match own {
            Some(at) => self.finished.swap_remove(at).result.map(Outcome::Answer),
            None => reply,
        };
        self.settle();
        reply
    }

    fn carry_out<C: Call + ?Sized>(&mut self, call: &mut C) -> Reply {
        let number = call.words()[0];
        let declared = call.badge() <= u64::from(u32::MAX);
        match number {
            operation::READ => self.read_call(call),
            operation::WRITE => self.write_call(call),
            operation::SEEK => Err(Error::NotSeekable),
            _ if file::contains(number) => file::dispatch(self, call),
            terminals::number::open_peer => terminals::dispatch(self, call),
            // Only the name space's declared session opens devices.
            _ if device::contains(number) && declared => device::dispatch(self, call),
            _ if terminals::contains(number) && declared => terminals::dispatch(self, call),
            _ => Err(Error::Unsupported),
        }
    }

    fn open_minor(&mut self, minor: u64, flags: u32, identity: &Identity) -> Result<Handle, Error> {
        let index = match minor {
            CONSOLE_MINOR => CONSOLE_INDEX,
            CONTROLLING_MINOR => self.own_terminal(identity)?,
            MULTIPLEXER_MINOR => return self.open_master(flags, identity),
            _ => return Err(Error::NoDeviceAddress),
        };
        self.open_terminal(index, flags, identity)
    }

    /// A bound object raised signals.
    pub fn bound(&mut self, cookie: u64) {
        match cookie {
            CONSOLE_COOKIE => {
                // A binding ends with its delivery.
                self.watched = Signals::NONE;
                self.console_ready = true;
                self.touch(CONSOLE_INDEX);
            }
            ALARM_COOKIE => self.alarm(),
            _ => {
                let index = cookie
                    .checked_sub(LEADER_COOKIE)
                    .map(|index| index as usize);
                if let Some(index) = index.filter(|index| *index < self.terminals.len()) {
                    self.leader_changed(index);
                }
            }
        }
        self.settle();
    }

    /// The last handle of a session is gone.
    pub fn closed_session(&mut self, badge: u64) {
        self.session_closed(badge);
        self.settle();
    }
}

impl<K: Kernel, C: Call + ?Sized> device::Device<C> for Server<K> {
    fn open(&mut self, call: &mut C, minor: u64, flags: u32, identity: Input) -> Reply {
        let identity = read_identity(call, identity)?;
        let session = self.open_minor(minor, flags, &identity)?;
        Ok(Answer::default().with_handle(session).into())
    }

    fn list(&mut self, call: &mut C, text: Output) -> Reply {
        let room = usize::try_from(text.length).unwrap_or(usize::MAX);
        let length = LIST.len().min(room);
        call.write(text, 0, &LIST[..length])?;
        Ok(Answer::value(length as u64).into())
    }
}

impl<K: Kernel, C: Call + ?Sized> terminals::Terminals<C> for Server<K> {
    fn open(&mut self, call: &mut C, number: u64, flags: u32, identity: Input) -> Reply {
        let identity = read_identity(call, identity)?;
        let index = self.slave(number)?;
        let session = self.open_slave(index, flags, &identity)?;
        Ok(Answer::default().with_handle(session).into())
    }

    fn list(&mut self, call: &mut C, after: u64, numbers: Output) -> Reply {
        let room = usize::try_from(numbers.length / 8).unwrap_or(usize::MAX);
        let open =
            (after..self.terminals.len() as u64).filter(|number| self.slave(*number).is_ok());
        let bytes: Vec<u8> = open.take(room).flat_map(u64::to_le_bytes).collect();
        call.write(numbers, 0, &bytes)?;
        Ok(Answer::value(bytes.len() as u64).into())
    }

    fn status(&mut self, call: &mut C, number: u64, attributes: Output) -> Reply {
        let index = self.slave(number)?;
        self.give_attributes(call, index, attributes)
    }

    fn set_attributes(
        &mut self,
        call: &mut C,
        number: u64,
        mask: u64,
        attributes: Input,
        identity: Input,
    ) -> Reply {
        let user = read_identity(call, identity)?.credentials.user;
        let index = self.slave(number)?;
        let bytes = read_input(call, attributes, Attributes::SIZE, Error::BadArgument)?;
        let new = Attributes::decode(&bytes).ok_or(Error::BadArgument)?;
        self.change_attributes(index, mask, &new, user)?;
        Ok(Answer::default().into())
    }

    fn open_peer(&mut self, call: &mut C, flags: u32) -> Reply {
        let place = self.live(call)?;
        if place.side != crate::sessions::Side::Master {
            return Err(Error::NotTerminal);
        }
        let identity = call.identity()?;
        let session = self.open_slave(place.index, flags, &identity)?;
        Ok(Answer::default().with_handle(session).into())
    }
}

impl<K: Kernel> Service for Server<K> {
    fn call(&mut self, call: &mut ServerCall) -> Reply {
        self.serve(call)
    }
    fn closed(&mut self, badge: u64) {
        self.closed_session(badge);
    }
    fn cancelled(&mut self, token: u64) {
        self.wait_cancelled(token);
    }
    fn signalled(&mut self, cookie: u64, _signals: Signals) {
        self.bound(cookie);
    }
}

fn read_identity<C: Call + ?Sized>(call: &C, identity: Input) -> Result<Identity, Error> {
    let bytes = read_input(call, identity, Identity::SIZE, Error::BadArgument)?;
    Identity::decode(&bytes).ok_or(Error::BadMessage)
}
