//! `read` and `write` of programs.

use kernel_abi::message::status_flags;
use proto::{Answer, Call, Error, Outcome, Reply};

use crate::jobs::signal;
use crate::kernel::Kernel;
use crate::pty::partly;
use crate::server::Server;
use crate::sessions::{Place, Side};
use crate::terminal::{Lent, Reader, Writer};
use crate::termios::{character, local};

/// Most bytes that a master's write takes: what a line discipline may have to drop is bounded. A
/// longer one is cut, which programs must expect of terminals.
const MAX_MASTER_WRITE: u64 = 65536;
/// Unit of `VTIME`.
const TENTH_NS: u64 = 100_000_000;
/// No deadline.
pub(crate) const NEVER: u64 = u64::MAX;

fn is_nonblocking<C: Call + ?Sized>(call: &C) -> bool {
    call.words()[3] as u32 & status_flags::NONBLOCK != 0
}

impl<K: Kernel> Server<K> {
    pub(crate) fn read_call<C: Call + ?Sized>(&mut self, call: &C) -> Reply {
        let place = self.place(call)?;
        let lent = Lent::of(call, true)?;
        if lent.total() == 0 || place.hung {
            return Ok(Answer::value(0).into());
        }
        let group = self.reading_group(call, place)?;
        let reader = Reader {
            token: call.token(),
            number: call.number(),
            lent,
            nonblocking: is_nonblocking(call),
            group,
            deadline_ns: self.read_deadline(place.index),
        };
        let terminal = &mut self.terminals[place.index];
        match (place.side, &mut terminal.pty) {
            (Side::Master, Some(pty)) => pty.readers.push_back(reader),
            _ => terminal.readers.push_back(reader),
        }
        self.touch(place.index);
        self.renew_alarm();
        Ok(Outcome::Later)
    }

    /// The group of a process that reads its controlling terminal. From the background that is
    /// not allowed (POSIX "Terminal Access Control").
    fn reading_group<C: Call + ?Sized>(
        &mut self,
        call: &C,
        place: Place,
    ) -> Result<Option<u64>, Error> {
        let index = place.index;
        if place.side == Side::Master || self.terminals[index].session == 0 {
            return Ok(None);
        }
        let identity = call.identity()?;
        if !self.terminals[index].controls(&identity) {
            return Ok(None);
        }
        if self.terminals[index].is_background(&identity) {
            return Err(self.stop_reader(call.token(), &identity)?);
        }
        Ok(Some(identity.group))
    }

    /// When a read that starts now ends by `VTIME`.
    fn read_deadline(&self, index: usize) -> u64 {
        let line = &self.terminals[index].line;
        let time = line.termios.characters[character::TIME];
        let minimum = line.termios.characters[character::MIN];
        // With both, the time starts with the first byte.
        let counts = time > 0 && (minimum == 0 || line.available() > 0);
        if line.is_canonical() || !counts {
            return NEVER;
        }
        self.kernel.now_ns() + u64::from(time) * TENTH_NS
    }

    /// Whether a read can be answered now.
    pub(crate) fn is_due(&self, index: usize, reader: &Reader) -> bool {
        let line = &self.terminals[index].line;
        let characters = &line.termios.characters;
        let (minimum, time) = (characters[character::MIN], characters[character::TIME]);
        if line.is_canonical() {
            return line.is_readable(1);
        }
        if minimum == 0 && time == 0 || reader.nonblocking && line.available() > 0 {
            return true;
        }
        let timed_out =
            reader.deadline_ns <= self.kernel.now_ns() && (minimum == 0 || line.available() > 0);
        let enough = u64::from(minimum.max(1)).min(reader.lent.total());
        timed_out || line.available() as u64 >= enough
    }

    /// The time between bytes starts anew for reads with `VMIN` and `VTIME`.
    pub(crate) fn restart_timers(&mut self, index: usize) {
        if self.terminals[index].readers.is_empty() {
            return;
        }
        let deadline = self.read_deadline(index);
        let line = &self.terminals[index].line;
        if line.termios.characters[character::MIN] > 0 && deadline != NEVER {
            for reader in &mut self.terminals[index].readers {
                reader.deadline_ns = deadline;
            }
            self.renew_alarm();
        }
    }

    fn renew_alarm(&mut self) {
        let readers = self.terminals.iter().flat_map(|terminal| &terminal.readers);
        let earliest = readers.map(|reader| reader.deadline_ns).min();
        if let Some(deadline) = earliest.filter(|deadline| *deadline != NEVER) {
            self.kernel.set_alarm(deadline);
        }
    }

    /// The alarm rang: reads may have timed out.
    pub(crate) fn alarm(&mut self) {
        let now = self.kernel.now_ns();
        for index in 0..self.terminals.len() {
            let readers = &self.terminals[index].readers;
            if readers.iter().any(|reader| reader.deadline_ns <= now) {
                self.touch(index);
            }
        }
        self.commit();
        self.renew_alarm();
    }

    pub(crate) fn write_call<C: Call + ?Sized>(&mut self, call: &C) -> Reply {
        let place = self.live(call)?;
        let index = place.index;
        let lent = Lent::of(call, false)?;
        let terminal = &self.terminals[index];
        let master = place.side == Side::Master;
        if !master && terminal.line.termios.is_local(local::TOSTOP) {
            self.check_background(call, place)?;
        }
        if lent.total() == 0 {
            return Ok(Answer::value(0).into());
        }
        let begun = &mut self.terminals[index].begun;
        let known = begun.iter().position(|(known, _)| *known == call.number());
        let done = known.map_or(0, |at| begun.swap_remove(at).1);
        let most = if master { MAX_MASTER_WRITE } else { u64::MAX };
        let writer = Writer {
            token: call.token(),
            number: call.number(),
            lent,
            length: lent.total().min(most),
            done,
            nonblocking: is_nonblocking(call),
        };
        let terminal = &mut self.terminals[index];
        match (place.side, &mut terminal.pty) {
            (Side::Master, Some(pty)) => pty.writers.push_back(writer),
            _ => terminal.writers.push_back(writer),
        }
        self.touch(index);
        Ok(Outcome::Later)
    }

    /// Fails where a background process may not change the terminal: with `Restart` after its
    /// group was told to stop, or with `Io` where nobody could wake it again. A process that
    /// blocks or ignores SIGTTOU may do what it wants (POSIX).
    pub(crate) fn check_background<C: Call + ?Sized>(
        &mut self,
        call: &C,
        place: Place,
    ) -> Result<(), Error> {
        let terminal = &self.terminals[place.index];
        if place.side == Side::Master || terminal.session == 0 {
            return Ok(());
        }
        let identity = call.identity()?;
        if !terminal.is_background(&identity)
            || self.refuses(call.token(), &identity, signal::TTOU)?
        {
            return Ok(());
        }
        Err(self.stop_group(&identity, signal::TTOU)?)
    }

    /// A caller whose read or write waits was interrupted. What was written stays written.
    pub fn wait_cancelled(&mut self, token: u64) {
        for index in 0..self.terminals.len() {
            if let Some((number, done)) = self.terminals[index].take_waiting(token) {
                self.finish(index, token, number, partly(done, Error::Interrupted));
                break;
            }
        }
        self.settle();
    }
}
