//! The kernel of the guest.

use alloc::format;
use alloc::vec::Vec;
use kernel_abi::object::handle_flags;
use kernel_abi::{Handle, PAGE_SIZE, Rights, Signals};
use kernel_stubs::safe;
use proto::{Answer, Error, job, supervisor};
use server_rt::{Alarm, Mapping, Saved, Session};

use crate::arena::ARENA_BYTES;
use crate::kernel::{Kernel, Notification};

/// Most bytes of the state.
const CAPACITY: u64 = 8 << 20;
/// Cookie of the alarm's binding.
const ALARM_COOKIE: u64 = 1;
/// What a session's user may do with it.
const SESSION_RIGHTS: Rights = Rights::DUPLICATE
    .or(Rights::TRANSFER)
    .or(Rights::WAIT)
    .or(Rights::CALL);
/// What who maps a segment may do with its memory.
const MEMORY_RIGHTS: Rights = Rights::READ;

/// Effects by system calls.
pub struct Guest {
    endpoint: Handle,
    job: Session,
    supervisor: Session,
    alarm: Alarm,
    state: Saved,
    arena: Mapping,
}

/// Memory that the supervisor keeps under a name.
fn kept_memory(supervisor: &Session, name: &str, bytes: u64) -> Result<Handle, Error> {
    match supervisor::unpark(supervisor, name.as_bytes(), &[]) {
        Ok(answer) => Ok(answer.handles[0]),
        Err(_) => {
            let memory = safe::memory_create(bytes.next_multiple_of(PAGE_SIZE), 0)?;
            supervisor::park(supervisor, name.as_bytes(), &[memory])?;
            Ok(memory)
        }
    }
}

fn segment_name(id: u32) -> alloc::string::String {
    format!("segment-{id}")
}

impl Guest {
    /// Serves `endpoint`; `job` tells processes of messages.
    pub fn new(endpoint: Handle, job: Handle, supervisor: Handle) -> Result<Guest, Error> {
        let state = Saved::open(supervisor, "objects", CAPACITY)?;
        let supervisor = Session(supervisor);
        let memory = kept_memory(&supervisor, "messages", ARENA_BYTES)?;
        let arena = Mapping::new(memory, 0, ARENA_BYTES, true)?;
        safe::handle_close(memory)?;
        Ok(Guest {
            endpoint,
            job: Session(job),
            supervisor,
            alarm: Alarm::new(endpoint, ALARM_COOKIE)?,
            state,
            arena,
        })
    }

    fn segment(&self, id: u32) -> Result<Handle, Error> {
        let answer = supervisor::unpark(&self.supervisor, segment_name(id).as_bytes(), &[])?;
        Ok(answer.handles[0])
    }
}

impl Kernel for Guest {
    fn session_create(&mut self, badge: u64) -> Result<Handle, Error> {
        let session = safe::session_create(self.endpoint, badge, Handle::NONE, 0)?;
        let (slot, flags) = (Handle::HIGH_FREE, handle_flags::HIGH);
        let limited = safe::handle_duplicate(session, slot, SESSION_RIGHTS, flags);
        safe::handle_close(session)?;
        Ok(limited?)
    }

    fn session_signal(&mut self, badge: u64, clear: Signals, set: Signals) {
        // Fails only for a session that is just closing.
        let _ = safe::session_signal(self.endpoint, badge, clear, set);
    }

    fn sessions(&self) -> Vec<u64> {
        server_rt::sessions(self.endpoint)
    }

    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        server_rt::reply(token, result);
    }

    fn read_kept(&self, token: u64, buffer: usize, bytes: &mut [u8]) -> Result<usize, Error> {
        Ok(safe::message_read(token, buffer as u64, 0, bytes)?)
    }

    fn write_kept(&mut self, token: u64, buffer: usize, bytes: &[u8]) -> Result<(), Error> {
        if !bytes.is_empty() {
            safe::message_write(token, buffer as u64, 0, bytes)?;
        }
        Ok(())
    }

    fn set_alarm(&mut self, deadline_ns: u64) {
        self.alarm.set(deadline_ns);
    }

    fn now_ns(&self) -> u64 {
        safe::monotonic_ns()
    }

    fn realtime_s(&self) -> i64 {
        (safe::realtime_ns() / 1_000_000_000) as i64
    }

    fn memory_bytes(&self) -> u64 {
        safe::system_info().map_or(0, |information| information.memory_total_bytes)
    }

    fn saved(&self) -> Option<Vec<u8>> {
        self.state.load()
    }

    fn save(&mut self, state: &[u8]) -> bool {
        self.state.store(state)
    }

    fn arena_read(&self, offset: u64, bytes: &mut [u8]) -> bool {
        self.arena.read(offset, bytes).is_some()
    }

    fn arena_write(&mut self, offset: u64, bytes: &[u8]) -> bool {
        self.arena.write(offset, bytes).is_some()
    }

    fn segment_create(&mut self, id: u32, bytes: u64) -> Result<(), Error> {
        // One of a segment that was being made when an instance before this one ended.
        self.segment_forget(id);
        let memory = kept_memory(&self.supervisor, &segment_name(id), bytes)?;
        safe::handle_close(memory)?;
        Ok(())
    }

    fn segment_handle(&self, id: u32, writable: bool) -> Result<Handle, Error> {
        let memory = self.segment(id)?;
        let rights = if writable {
            MEMORY_RIGHTS.or(Rights::WRITE)
        } else {
            MEMORY_RIGHTS
        };
        let (slot, flags) = (Handle::HIGH_FREE, handle_flags::HIGH);
        let limited = safe::handle_duplicate(memory, slot, rights.or(Rights::TRANSFER), flags);
        safe::handle_close(memory)?;
        Ok(limited?)
    }

    fn segment_uses(&self, id: u32) -> u64 {
        let Ok(memory) = self.segment(id) else {
            return 0;
        };
        let references = safe::memory_info(memory).map_or(0, |information| information.references);
        // Closing an own handle cannot fail.
        let _ = safe::handle_close(memory);
        // The supervisor's handle is none of the users'; this one is not counted.
        references.saturating_sub(1)
    }

    fn segment_forget(&mut self, id: u32) {
        // There may be none.
        let _ = supervisor::forget(&self.supervisor, segment_name(id).as_bytes(), &[]);
    }

    fn notify(&mut self, notification: Notification) {
        let Notification {
            process,
            signal,
            value,
            sender,
            user,
        } = notification;
        if let Err(error) = job::notify(&self.job, process, signal, value, sender, user, &[])
            && error != Error::NoProcess
        {
            server_rt::log!("cannot tell process {process} of a message: {error:?}");
        }
    }
}
