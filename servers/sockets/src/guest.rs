//! The kernel of the guest.

use alloc::vec::Vec;
use kernel_abi::message::status_flags;
use kernel_abi::object::handle_flags;
use kernel_abi::{Handle, Signals};
use kernel_stubs::safe;
use proto::{Answer, Error};
use server_rt::SavedTable;

use crate::Kernel;

/// The first slot says how many of the others may hold a record, in steps of this many: looking
/// at those that were never used would cost memory.
const STEP: usize = 64;

/// Effects by system calls.
pub struct Guest {
    endpoint: Handle,
    records: SavedTable,
    /// How many slots may be used.
    most: usize,
    /// What the first slot says.
    used: usize,
}

impl Guest {
    /// Serves `endpoint`, and keeps `most` records of at most `capacity` bytes with the supervisor.
    pub fn new(
        endpoint: Handle,
        supervisor: Handle,
        most: usize,
        capacity: usize,
    ) -> Result<Guest, Error> {
        let records = SavedTable::open(supervisor, "sockets", 1 + most, capacity as u64)?;
        let used = records.load(0).and_then(|bytes| bytes.try_into().ok());
        let used = used.map_or(0, u64::from_le_bytes) as usize;
        Ok(Guest {
            endpoint,
            records,
            most,
            used: used.min(most),
        })
    }
}

impl Kernel for Guest {
    fn session_create(&mut self, badge: u64, data: Handle, status: u32) -> Result<Handle, Error> {
        Ok(safe::session_create(self.endpoint, badge, data, status)?)
    }

    fn session_open(&mut self, badge: u64) -> Result<Handle, Error> {
        Ok(safe::session_open(self.endpoint, badge)?)
    }

    fn object(&self, handle: Handle) -> Result<u64, Error> {
        Ok(safe::handle_info(handle)?.object)
    }

    fn sessions(&self) -> Vec<u64> {
        server_rt::sessions(self.endpoint)
    }

    fn signal(&mut self, badge: u64, clear: Signals, set: Signals) {
        // A session that was just closed has nobody to be told.
        let _ = safe::session_signal(self.endpoint, badge, clear, set);
    }

    fn attach(&mut self, badge: u64, data: Handle) -> Result<(), Error> {
        Ok(safe::session_attach(self.endpoint, badge, data)?)
    }

    fn set_outlet(&mut self, badge: u64, outlet: Handle) -> Result<(), Error> {
        Ok(safe::session_set_outlet(self.endpoint, badge, outlet)?)
    }

    fn set_name(&mut self, badge: u64, name: &[u8]) -> Result<(), Error> {
        Ok(safe::session_set_name(self.endpoint, badge, name)?)
    }

    fn data(&mut self, badge: u64) -> Result<Handle, Error> {
        Ok(safe::session_data(self.endpoint, badge, 0)?)
    }

    fn stream(&mut self, flags: u64, capacity: u64) -> Result<[Handle; 2], Error> {
        Ok(safe::stream_create(flags, capacity, handle_flags::HIGH)?)
    }

    fn other_end(&mut self, end: Handle) -> Result<Handle, Error> {
        Ok(safe::stream_open(end, 1)?)
    }

    fn property(&mut self, stream: Handle, property: u64, set: Option<u64>) -> Result<u64, Error> {
        let (sets, value) = (set.is_some().into(), set.unwrap_or(0));
        Ok(safe::stream_property(stream, property, sets, value)?)
    }

    fn shut_down(&mut self, stream: Handle, directions: u64) -> Result<(), Error> {
        Ok(safe::stream_shut_down(stream, directions)?)
    }

    fn send_connection(
        &mut self,
        queue: Handle,
        session: Handle,
        name: &[u8],
    ) -> Result<(), Error> {
        safe::stream_send_handle(queue, session, name)?;
        Ok(())
    }

    fn watch(&mut self, object: Handle, signals: Signals, cookie: u64) -> Result<(), Error> {
        Ok(safe::endpoint_bind(self.endpoint, object, signals, cookie)?)
    }

    fn send(&mut self, stream: Handle, message: &[u8], name: &[u8]) -> Result<(), Error> {
        Ok(safe::stream_send_named(stream, message, name)?)
    }

    fn read(&mut self, stream: Handle, bytes: &mut [u8]) -> Result<usize, Error> {
        Ok(safe::read(stream, bytes)?)
    }

    fn write(&mut self, stream: Handle, bytes: &[u8]) -> Result<usize, Error> {
        Ok(safe::write(stream, bytes)?)
    }

    fn do_not_wait(&mut self, stream: Handle) -> Result<(), Error> {
        safe::status_flags(stream, 1, status_flags::NONBLOCK)?;
        Ok(())
    }

    fn close(&mut self, handle: Handle) {
        let _ = safe::handle_close(handle);
    }

    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        server_rt::reply(token, result);
    }

    fn records(&self) -> usize {
        self.used
    }

    fn load(&self, slot: usize) -> Option<Vec<u8>> {
        self.records.load(1 + slot)
    }

    fn store(&mut self, slot: usize, record: &[u8]) {
        if slot >= self.used {
            self.used = (slot + 1).next_multiple_of(STEP).min(self.most);
            let used = (self.used as u64).to_le_bytes();
            self.put(0, &used);
        }
        self.put(1 + slot, record);
    }

    fn clear(&mut self, slot: usize) {
        // No socket has an empty record.
        self.put(1 + slot, &[]);
    }
}

impl Guest {
    fn put(&mut self, slot: usize, bytes: &[u8]) {
        if !self.records.store(slot, bytes) {
            server_rt::log!("a record does not fit its slot");
        }
    }
}
