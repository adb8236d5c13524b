//! The server that is tested against: it answers, pages, keeps, and dies.

use kernel_abi::{Error as KernelError, Handle, PAGE_SIZE, Signals};
use proto::{Answer, Call, Error, Input, Outcome, Output, Reply};
use server_rt::stubs::safe;
use server_rt::{ServerCall, Service, Start};

/// Operations of the victim; free of every interface.
pub mod operation {
    /// Adds the words.
    pub const ADD: u64 = 4096;
    /// Copies buffer 0 reversed into buffer 1.
    pub const REVERSE: u64 = 4097;
    /// Dies at the first delivery; the next instance answers 77 and the call's number.
    pub const DIE_ONCE: u64 = 4098;
    /// Dies at every delivery.
    pub const DIE_ALWAYS: u64 = 4099;
    /// Gives a Memory of word 1 bytes whose pages it supplies.
    pub const PAGED: u64 = 4100;
    /// Gives back the handle that was sent.
    pub const ECHO_HANDLE: u64 = 4101;
    /// How many sessions have closed.
    pub const CLOSED: u64 = 4102;
    /// Makes a session with the badge in word 1.
    pub const CONNECT: u64 = 4103;
    /// Raises the signals of word 2 on the session with the badge in word 1.
    pub const RAISE: u64 = 4104;
    /// Keeps the token; answered when the next call comes.
    pub const KEEP: u64 = 4105;
}

struct Victim {
    endpoint: Handle,
    closed: u64,
    kept: Option<u64>,
    paged: Handle,
}

/// Serves.
pub fn run(start: &Start) -> ! {
    let endpoint = start.endpoint();
    let mut victim = Victim {
        endpoint,
        closed: 0,
        kept: None,
        paged: Handle::NONE,
    };
    server_rt::serve(endpoint, &mut victim)
}

impl Victim {
    fn reverse(&self, call: &ServerCall) -> Reply {
        let length = call.buffer(0).ok_or(Error::BadMessage)?.0;
        let mut bytes = alloc::vec![0; length as usize];
        call.read(Input { index: 0, length }, 0, &mut bytes)?;
        bytes.reverse();
        call.write(Output { index: 1, length }, 0, &bytes)?;
        Ok(Answer::value(length).into())
    }

    fn paged(&mut self, size: u64) -> Reply {
        let flags = kernel_abi::object::handle_flags::HIGH;
        let memory = safe::memory_create_paged(self.endpoint, 5, size)?;
        safe::memory_set_length(memory, size)?;
        let first = Handle::HIGH_FREE;
        let copy = safe::handle_duplicate(memory, first, kernel_abi::Rights::ALL, flags)?;
        self.paged = memory;
        Ok(Answer::default().with_handle(copy).into())
    }

    fn die(&self, call: &ServerCall, always: bool) -> Reply {
        if always || !call.redelivered() {
            safe::process_exit(3);
        }
        Ok(Answer::value(77).with(1, call.number()).into())
    }
}

impl Service for Victim {
    fn call(&mut self, call: &mut ServerCall) -> Reply {
        if let Some(token) = self.kept.take() {
            server_rt::reply(token, Ok(Answer::value(1)));
        }
        let words = call.words();
        match words[0] {
            operation::ADD => Ok(Answer::value(words[1..].iter().sum()).into()),
            operation::REVERSE => self.reverse(call),
            operation::DIE_ONCE => self.die(call, false),
            operation::DIE_ALWAYS => self.die(call, true),
            operation::PAGED => self.paged(words[1]),
            operation::ECHO_HANDLE => Ok(Answer::default().with_handle(call.take_handle()).into()),
            operation::CLOSED => Ok(Answer::value(self.closed).into()),
            operation::CONNECT => {
                let session = safe::session_create(self.endpoint, words[1], Handle::NONE, 0)?;
                Ok(Answer::default().with_handle(session).into())
            }
            operation::RAISE => {
                let signals = Signals(words[2] as u32);
                safe::session_signal(self.endpoint, words[1], Signals::NONE, signals)?;
                Ok(Answer::default().into())
            }
            operation::KEEP => {
                self.kept = Some(call.token());
                Ok(Outcome::Later)
            }
            _ => Err(Error::Unsupported),
        }
    }

    fn closed(&mut self, _badge: u64) {
        self.closed += 1;
    }

    fn page_request(&mut self, _key: u64, offset: u64, length: u64, _write: bool) {
        // Page n is filled with the byte n.
        let result = supply(self.paged, offset, length);
        if result.is_err() {
            let _ = safe::memory_fail(self.paged, offset, length, KernelError::Io as u32);
        }
    }
}

fn supply(memory: Handle, offset: u64, length: u64) -> Result<(), KernelError> {
    let source = safe::memory_create(length, 0)?;
    let mut filled = Ok(());
    for page in 0..length / PAGE_SIZE {
        let byte = (offset / PAGE_SIZE + page) as u8;
        filled = filled
            .and(safe::write_at(source, &[byte; PAGE_SIZE as usize], page * PAGE_SIZE).map(|_| ()));
    }
    let supplied = filled.and_then(|()| safe::memory_supply(memory, offset, length, source, 0));
    let _ = safe::handle_close(source);
    supplied
}
