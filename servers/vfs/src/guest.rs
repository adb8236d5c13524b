//! The kernel of the guest.

use alloc::vec::Vec;
use kernel_abi::message::WORDS;
use kernel_abi::object::{HandleInfo, handle_flags};
use kernel_abi::socket::stream_flags;
use kernel_abi::system::SystemInfo;
use kernel_abi::{Handle, PAGE_SIZE, Rights, Signals};
use kernel_stubs::safe;
use proto::{Answer, Error, Request, Transport};

use server_rt::Saved;

use crate::kernel::Kernel;

/// Bytes a pipe holds (as many as a Linux pipe, which programs have come to rely on).
const PIPE_CAPACITY: u64 = 65536;

/// Effects by system calls.
pub struct Guest {
    endpoint: Handle,
    state: Saved,
}

impl Guest {
    /// Serves `endpoint`.
    pub fn new(endpoint: Handle, supervisor: Handle) -> Result<Guest, Error> {
        let state = Saved::open(supervisor, "name-space", crate::state::CAPACITY)?;
        Ok(Guest { endpoint, state })
    }
}

impl Kernel for Guest {
    fn session_create(
        &mut self,
        badge: u64,
        data: Handle,
        status: u32,
        rights: Rights,
    ) -> Result<Handle, Error> {
        let session = safe::session_create(self.endpoint, badge, data, status)?;
        let (slot, flags) = (Handle::HIGH_FREE, handle_flags::HIGH);
        let limited = safe::handle_duplicate(session, slot, rights, flags);
        self.close(session);
        Ok(limited?)
    }

    fn describe(&self, handle: Handle) -> Result<HandleInfo, Error> {
        Ok(safe::handle_info(handle)?)
    }

    fn endpoint(&self) -> u64 {
        safe::handle_info(self.endpoint).map_or(0, |info| info.object)
    }

    fn position(&self, handle: Handle) -> u64 {
        const CURRENT: u64 = 1;
        safe::seek(handle, 0, CURRENT).unwrap_or(0)
    }

    fn session_object(&self, badge: u64) -> Result<u64, Error> {
        let handle = safe::session_open(self.endpoint, badge)?;
        let object = self.describe(handle).map(|info| info.object);
        safe::handle_close(handle)?;
        object
    }

    fn sessions(&self) -> Vec<u64> {
        server_rt::sessions(self.endpoint)
    }

    fn saved(&self) -> Option<Vec<u8>> {
        self.state.load()
    }

    fn save(&mut self, state: &[u8]) {
        if !self.state.store(state) {
            server_rt::log!("too much is open for the state to be saved");
        }
    }

    fn session_raise(&mut self, badge: u64, set: Signals) -> Result<(), Error> {
        Ok(safe::session_signal(
            self.endpoint,
            badge,
            Signals::NONE,
            set,
        )?)
    }

    fn duplicate(&mut self, handle: Handle, rights: Rights) -> Result<Handle, Error> {
        let (slot, flags) = (Handle::HIGH_FREE, handle_flags::HIGH);
        Ok(safe::handle_duplicate(handle, slot, rights, flags)?)
    }

    fn close(&self, handle: Handle) {
        let _ = safe::handle_close(handle);
    }

    fn void(&mut self, zeros: bool) -> Result<Handle, Error> {
        Ok(safe::void_create(zeros.into())?)
    }

    fn content(&mut self, bytes: &[u8]) -> Result<Handle, Error> {
        let length = bytes.len() as u64;
        let memory = safe::memory_create(length.next_multiple_of(PAGE_SIZE).max(PAGE_SIZE), 0)?;
        let filled = fill(memory, bytes);
        let cursor = filled.and_then(|()| Ok(safe::cursor_create(memory, Rights::READ)?));
        self.close(memory);
        cursor
    }

    fn pipe(&mut self) -> Result<[Handle; 2], Error> {
        Ok(safe::stream_create(
            stream_flags::ONE_WAY,
            PIPE_CAPACITY,
            handle_flags::HIGH,
        )?)
    }

    fn session_data(&mut self, badge: u64) -> Result<Handle, Error> {
        Ok(safe::session_data(self.endpoint, badge, 0)?)
    }

    fn other_end(&mut self, end: Handle) -> Result<Handle, Error> {
        Ok(safe::stream_open(end, 1)?)
    }

    fn set_outlet(&mut self, badge: u64, outlet: Handle) -> Result<(), Error> {
        Ok(safe::session_set_outlet(self.endpoint, badge, outlet)?)
    }

    fn call(&self, session: Handle, request: Request<'_>) -> Result<Answer, Error> {
        server_rt::Session(session).call(request)
    }

    fn forward(&mut self, token: u64, session: Handle, words: [u64; WORDS]) -> Result<(), Error> {
        Ok(kernel_stubs::message::forward(token, session, words)?)
    }

    fn random(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        safe::random(bytes)?;
        Ok(())
    }

    fn thread_of_call(&self, token: u64) -> Result<u64, Error> {
        Ok(safe::thread_of_call(token)?)
    }

    fn realtime_ns(&self) -> i64 {
        safe::realtime_ns() as i64
    }

    fn system(&self) -> SystemInfo {
        safe::system_info().unwrap_or_default()
    }

    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        server_rt::reply(token, result);
    }
}

fn fill(memory: Handle, bytes: &[u8]) -> Result<(), Error> {
    let mut done = 0;
    while done < bytes.len() {
        match safe::write_at(memory, &bytes[done..], done as u64)? {
            0 => return Err(Error::Io),
            count => done += count,
        }
    }
    Ok(safe::memory_set_length(memory, bytes.len() as u64)?)
}
