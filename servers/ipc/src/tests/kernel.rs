//! A kernel that is made up.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use kernel_abi::{Handle, Signals};
use proto::{Answer, Error};

use crate::kernel::{Kernel, Notification};

/// What outlives an instance of the server, and what it did.
#[derive(Default)]
pub struct World {
    pub sessions: BTreeSet<u64>,
    pub last_session: u64,
    pub signals: BTreeMap<u64, Signals>,
    pub replies: BTreeMap<u64, Result<Answer, Error>>,
    /// Inputs and outputs of calls by their token.
    pub lent: BTreeMap<u64, Vec<u8>>,
    pub written: BTreeMap<u64, Vec<u8>>,
    pub alarm_ns: Option<u64>,
    pub now_ns: u64,
    pub saved: Option<Vec<u8>>,
    pub arena: BTreeMap<u64, Vec<u8>>,
    pub segments: BTreeMap<u32, u64>,
    pub uses: BTreeMap<u32, u64>,
    pub notified: Vec<Notification>,
}

/// The world as the server sees it.
pub struct FakeKernel(pub Rc<RefCell<World>>);

impl Kernel for FakeKernel {
    fn session_create(&mut self, badge: u64) -> Result<Handle, Error> {
        let mut world = self.0.borrow_mut();
        world.sessions.insert(badge);
        world.last_session = badge;
        Ok(Handle(7))
    }
    fn session_signal(&mut self, badge: u64, _clear: Signals, set: Signals) {
        self.0.borrow_mut().signals.insert(badge, set);
    }
    fn sessions(&self) -> Vec<u64> {
        self.0.borrow().sessions.iter().copied().collect()
    }
    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        self.0.borrow_mut().replies.insert(token, result);
    }
    fn read_kept(&self, token: u64, _buffer: usize, bytes: &mut [u8]) -> Result<usize, Error> {
        let world = self.0.borrow();
        let lent = world.lent.get(&token).ok_or(Error::BadAddress)?;
        bytes.copy_from_slice(&lent[..bytes.len()]);
        Ok(bytes.len())
    }
    fn write_kept(&mut self, token: u64, _buffer: usize, bytes: &[u8]) -> Result<(), Error> {
        self.0.borrow_mut().written.insert(token, bytes.to_vec());
        Ok(())
    }
    fn set_alarm(&mut self, deadline_ns: u64) {
        self.0.borrow_mut().alarm_ns = Some(deadline_ns);
    }
    fn now_ns(&self) -> u64 {
        self.0.borrow().now_ns
    }
    fn realtime_s(&self) -> i64 {
        1_700_000_000
    }
    fn memory_bytes(&self) -> u64 {
        64 << 20
    }
    fn saved(&self) -> Option<Vec<u8>> {
        self.0.borrow().saved.clone()
    }
    fn save(&mut self, state: &[u8]) -> bool {
        self.0.borrow_mut().saved = Some(state.to_vec());
        true
    }
    fn arena_read(&self, offset: u64, bytes: &mut [u8]) -> bool {
        let world = self.0.borrow();
        let empty = Vec::new();
        let text = world.arena.get(&offset).unwrap_or(&empty);
        let Some(text) = text.get(..bytes.len()) else {
            return false;
        };
        bytes.copy_from_slice(text);
        true
    }
    fn arena_write(&mut self, offset: u64, bytes: &[u8]) -> bool {
        self.0.borrow_mut().arena.insert(offset, bytes.to_vec());
        true
    }
    fn segment_create(&mut self, id: u32, bytes: u64) -> Result<(), Error> {
        self.0.borrow_mut().segments.insert(id, bytes);
        Ok(())
    }
    fn segment_handle(&self, id: u32, _writable: bool) -> Result<Handle, Error> {
        *self.0.borrow_mut().uses.entry(id).or_default() += 1;
        Ok(Handle(9))
    }
    fn segment_uses(&self, id: u32) -> u64 {
        self.0.borrow().uses.get(&id).copied().unwrap_or(0)
    }
    fn segment_forget(&mut self, id: u32) {
        self.0.borrow_mut().segments.remove(&id);
    }
    fn notify(&mut self, notification: Notification) {
        self.0.borrow_mut().notified.push(notification);
    }
}
