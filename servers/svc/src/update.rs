//! Live update: a server goes on with another program, or, when that one does not serve, with its own.
//!
//! The instance in charge is asked to end between two calls. What was not answered is delivered to the next one, as
//! after any death, and that one finds what was parked. The new program is kept once it has answered a heartbeat,
//! which it does from its receive loop, with its state taken over.

use kernel_abi::{Handle, PAGE_SIZE, Signals};
use proto::{Answer, Call, Error, Input, Outcome, Reply, request};
use server_rt::ServerCall;
use server_rt::elf::{self, Image};
use server_rt::stubs::safe;

use crate::launch::{LaunchError, Program};
use crate::registry::{KILLED, State};
use crate::service::Supervisor;

/// Largest program.
const MAX_BYTES: u64 = 16 << 20;
/// Bytes that are copied at once.
const PIECE: usize = 8 * 1024;
/// Time to end, and time to serve; longer than that takes is taken for a failure.
const DEADLINE_NS: u64 = 5_000_000_000;

/// How far an update has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The instance in charge was asked to end.
    Stopping,
    /// The new program has been started.
    Started,
    /// It has said that it is up, and is asked whether it serves.
    Asked,
}

/// A program that is being replaced.
pub struct Update {
    /// The operator's call; 0 once nobody waits.
    token: u64,
    /// The program that is not in charge: until the old instance has ended the new one, then the old one.
    other: Program,
    stage: Stage,
    deadline_ns: u64,
}

impl Update {
    /// When it has failed.
    pub fn deadline_ns(&self) -> u64 {
        self.deadline_ns
    }
}

/// Copies the program out of the operator's memory: a server must not depend on a file system for its pages.
fn copy(call: &ServerCall, program: Input) -> Result<Handle, Error> {
    if program.length == 0 || program.length > MAX_BYTES {
        return Err(Error::TooLong);
    }
    let memory = safe::memory_create(program.length.next_multiple_of(PAGE_SIZE), 0)?;
    let mut piece = [0; PIECE];
    let mut done = 0;
    while done < program.length {
        let length = (program.length - done).min(PIECE as u64) as usize;
        let copied = call.read(program, done, &mut piece[..length]);
        let written = match copied {
            Ok(0) => Err(Error::BadAddress),
            Ok(count) => safe::write_at(memory, &piece[..count], done).map_err(Error::from),
            Err(error) => Err(error),
        };
        match written {
            Ok(count) => done += count as u64,
            Err(error) => {
                let _ = safe::handle_close(memory);
                return Err(error);
            }
        }
    }
    Ok(memory)
}

fn check(memory: Handle, length: u64) -> Result<Program, Error> {
    let mut header = [0; elf::HEADER_BYTES];
    let seen = safe::read_at(memory, &mut header, 0)?;
    let seen = seen.min(usize::try_from(length).unwrap_or(usize::MAX));
    let image = Image::parse(&header[..seen], length).map_err(|_| Error::NotExecutable)?;
    Ok(Program {
        memory,
        offset: 0,
        image,
    })
}

impl Supervisor {
    /// Starts to replace a server's program. The answer comes later.
    pub(crate) fn begin_update(
        &mut self,
        call: &ServerCall,
        index: usize,
        program: Input,
    ) -> Reply {
        let entry = &self.entries[index];
        if entry.state != State::Running || !entry.ready {
            return Err(Error::BadState);
        }
        if entry.update.is_some() {
            return Err(Error::Busy);
        }
        let memory = copy(call, program)?;
        let other = check(memory, program.length).inspect_err(|_| {
            let _ = safe::handle_close(memory);
        })?;
        let now_ns = safe::monotonic_ns();
        let entry = &mut self.entries[index];
        entry.update = Some(Update {
            token: call.token(),
            other,
            stage: Stage::Stopping,
            deadline_ns: now_ns + DEADLINE_NS,
        });
        entry.died_ns = Some(now_ns);
        self.ask(index, Signals::NONE, request::STOP);
        self.arm_timer();
        Ok(Outcome::Later)
    }

    /// An instance ended while its program was being replaced.
    pub(crate) fn update_ended(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        let (Some(update), Some(program)) = (&mut entry.update, &mut entry.program) else {
            return;
        };
        core::mem::swap(program, &mut update.other);
        if update.stage != Stage::Stopping {
            return self.take_back(index);
        }
        update.stage = Stage::Started;
        update.deadline_ns = safe::monotonic_ns() + DEADLINE_NS;
        entry.restarts += 1;
        self.tell(index, format_args!("tries another program"));
        if let Err(error) = self.try_start(index) {
            self.update_refused(index, error);
        }
        self.arm_timer();
    }

    /// The new program could not even be started.
    fn update_refused(&mut self, index: usize, error: LaunchError) {
        self.say(index, format_args!("the other program: {error}"));
        let entry = &mut self.entries[index];
        if let (Some(update), Some(program)) = (&mut entry.update, &mut entry.program) {
            core::mem::swap(program, &mut update.other);
            self.take_back(index);
        }
    }

    /// The old program goes on.
    fn take_back(&mut self, index: usize) {
        let Some(update) = self.entries[index].update.take() else {
            return;
        };
        self.say(
            index,
            format_args!("the other program did not serve; the old one goes on"),
        );
        self.drop_program(&update.other);
        server_rt::reply(update.token, Err(Error::Cancelled));
        self.restart(index);
    }

    /// A server said that it serves: the first time that it is up, then that it answers.
    pub(crate) fn update_heard(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        let Some(update) = &mut entry.update else {
            return;
        };
        match update.stage {
            Stage::Stopping => {}
            Stage::Started => {
                update.stage = Stage::Asked;
                self.ask(index, Signals::NONE, request::HEARTBEAT);
            }
            Stage::Asked => self.finish_update(index),
        }
    }

    fn finish_update(&mut self, index: usize) {
        if let Some(update) = self.entries[index].update.take() {
            self.say(index, format_args!("goes on with another program"));
            self.drop_program(&update.other);
            server_rt::reply(update.token, Ok(Answer::default()));
        }
    }

    /// Who does not end when asked, or does not serve, is killed, which tells the rest.
    pub(crate) fn update_due(&mut self, index: usize, now_ns: u64) {
        let entry = &mut self.entries[index];
        let Some(update) = &mut entry.update else {
            return;
        };
        if update.deadline_ns <= now_ns {
            update.deadline_ns = now_ns + DEADLINE_NS;
            let _ = safe::process_kill(entry.process, KILLED | 9);
        }
    }

    fn drop_program(&self, program: &Program) {
        // The bundle stays: other programs, and the next start, are in it.
        if program.memory != self.bundle_memory {
            let _ = safe::handle_close(program.memory);
        }
    }

    /// The operator does not wait any more. What was begun goes on.
    pub(crate) fn update_unwatched(&mut self, token: u64) {
        let mut updates = self
            .entries
            .iter_mut()
            .filter_map(|entry| entry.update.as_mut());
        if let Some(update) = updates.find(|update| update.token == token) {
            server_rt::reply(core::mem::take(&mut update.token), Err(Error::Interrupted));
        }
    }
}
