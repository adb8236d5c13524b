//! The kernel of the guest.

use alloc::vec::Vec;
use kernel_abi::message::status_flags;
use kernel_abi::object::handle_flags;
use kernel_abi::{Handle, Rights, Signals};
use kernel_stubs::safe;
use proto::{Answer, Error, job};
use server_rt::{Alarm, SavedTable, Session};

use crate::kernel::Kernel;

/// Cookie of the console's binding.
pub const CONSOLE_COOKIE: u64 = 1;
/// Cookie of the alarm's binding.
pub const ALARM_COOKIE: u64 = 2;
/// Cookies of the bindings to leaders of sessions: this, and the terminal's index.
pub const LEADER_COOKIE: u64 = 1 << 32;

/// Effects by system calls.
pub struct Guest {
    endpoint: Handle,
    console: Handle,
    job: Session,
    alarm: Alarm,
    state: SavedTable,
}

impl Guest {
    /// Serves `endpoint`; `console` is the driver's session, which is made not to wait.
    pub fn new(
        endpoint: Handle,
        console: Handle,
        job: Handle,
        supervisor: Handle,
    ) -> Result<Guest, Error> {
        safe::status_flags(console, 1, status_flags::NONBLOCK)?;
        let (slots, capacity) = (crate::state::MAX_TERMINALS, crate::state::CAPACITY);
        let state = SavedTable::open(supervisor, "terminals", slots, capacity)?;
        let alarm = Alarm::new(endpoint, ALARM_COOKIE)?;
        Ok(Guest {
            endpoint,
            console,
            job: Session(job),
            alarm,
            state,
        })
    }
}

impl Kernel for Guest {
    fn session_create(&mut self, badge: u64, status: u32, rights: Rights) -> Result<Handle, Error> {
        let session = safe::session_create(self.endpoint, badge, Handle::NONE, status)?;
        let (slot, flags) = (Handle::HIGH_FREE, handle_flags::HIGH);
        let limited = safe::handle_duplicate(session, slot, rights, flags);
        safe::handle_close(session)?;
        Ok(limited?)
    }

    fn session_signal(&mut self, badge: u64, clear: Signals, set: Signals) {
        // Fails only for a session that is just closing.
        let _ = safe::session_signal(self.endpoint, badge, clear, set);
    }

    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        server_rt::reply(token, result);
    }

    fn read_kept(
        &mut self,
        token: u64,
        buffer: usize,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<usize, Error> {
        Ok(safe::message_read(token, buffer as u64, offset, bytes)?)
    }

    fn write_kept(
        &mut self,
        token: u64,
        buffer: usize,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Error> {
        safe::message_write(token, buffer as u64, offset, bytes)?;
        Ok(())
    }

    fn blocked(&mut self, token: u64) -> Result<u64, Error> {
        Ok(safe::message_mask(token)?)
    }

    fn set_alarm(&mut self, deadline_ns: u64) {
        self.alarm.set(deadline_ns);
    }

    fn now_ns(&self) -> u64 {
        safe::monotonic_ns()
    }

    fn realtime_ns(&self) -> i64 {
        safe::realtime_ns() as i64
    }

    fn sessions(&self) -> Vec<u64> {
        server_rt::sessions(self.endpoint)
    }

    fn saved(&self, terminal: usize) -> Option<Vec<u8>> {
        self.state.load(terminal)
    }

    fn save(&mut self, terminal: usize, state: &[u8]) {
        if !self.state.store(terminal, state) {
            server_rt::log!("the terminal's state is too long to be saved");
        }
    }

    fn console_read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        Ok(safe::read(self.console, bytes)?)
    }

    fn console_write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        Ok(safe::write(self.console, bytes)?)
    }

    fn console_watch(&mut self, signals: Signals) {
        let bound = safe::endpoint_bind(self.endpoint, self.console, signals, CONSOLE_COOKIE);
        if let Err(error) = bound {
            server_rt::log!("cannot watch the console: {}", error.name());
        }
    }

    fn signal_group(&mut self, group: u64, signal: u32) -> Result<(), Error> {
        job::signal_group(&self.job, group, signal, &[])?;
        Ok(())
    }

    fn hang_up(&mut self, session: u64) -> Result<(), Error> {
        job::hang_up(&self.job, session, &[])?;
        Ok(())
    }

    fn release_terminal(&mut self, process: u64) -> Result<(), Error> {
        job::release_terminal(&self.job, process, &[])?;
        Ok(())
    }

    fn watch_leader(&mut self, terminal: usize, session: u64) -> Result<(), Error> {
        let leader = job::leader(&self.job, session, &[])?.handles[0];
        let cookie = LEADER_COOKIE + terminal as u64;
        let bound = safe::endpoint_bind(self.endpoint, leader, Signals::TERMINATED, cookie);
        // The binding is with the process, not with the handle.
        safe::handle_close(leader)?;
        Ok(bound?)
    }

    fn forget_leader(&mut self, terminal: usize) {
        let cookie = LEADER_COOKIE + terminal as u64;
        // Fails only where there is nothing to forget.
        let _ = safe::endpoint_bind(self.endpoint, Handle::NONE, Signals::NONE, cookie);
    }

    fn set_terminal(&mut self, session: u64, terminal: u64) -> Result<(), Error> {
        job::set_terminal(&self.job, session, terminal, &[])?;
        Ok(())
    }

    fn group_status(&mut self, group: u64) -> Result<(u64, u64), Error> {
        let answer = job::group_status(&self.job, group, &[])?;
        Ok((answer.words[0], answer.words[1]))
    }

    fn signal_status(&mut self, process: u64, signal: u32) -> Result<u64, Error> {
        Ok(job::signal_status(&self.job, process, signal, &[])?.words[0])
    }
}
