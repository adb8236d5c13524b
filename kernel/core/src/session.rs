//! Sessions: a client's connection to an endpoint, with a badge and perhaps a data object.

use crate::endpoint::Delivery;
use crate::kernel::{EndpointId, Kernel, ProcessId, SessionId};
use crate::machine::Machine;
use crate::object::{HandleEntry, Object};
use crate::signal::SignalState;
use crate::thread::Step;
use alloc::vec::Vec;
use kernel_abi::{Error, Handle, Rights, Signals};

/// A session.
pub struct Session {
    pub(crate) references: u32,
    pub(crate) signals: SignalState,
    pub(crate) endpoint: EndpointId,
    pub(crate) badge: u64,
    /// Cursor, Stream end or Void that settles reads and writes.
    pub(crate) data: Option<HandleEntry>,
    /// `kernel_abi::message::status_flags`.
    pub(crate) status: u32,
}

/// What the holder of a session may do with it.
const SESSION_RIGHTS: Rights = Rights(
    Rights::READ.0
        | Rights::WRITE.0
        | Rights::EXECUTE.0
        | Rights::DUPLICATE.0
        | Rights::TRANSFER.0
        | Rights::WAIT.0
        | Rights::CALL.0,
);

impl<M: Machine> Kernel<M> {
    /// The session with a badge.
    fn session_of(&self, endpoint: EndpointId, badge: u64) -> Result<SessionId, Error> {
        let endpoint = self.endpoints.get(endpoint).ok_or(Error::BadHandle)?;
        endpoint
            .sessions
            .get(&badge)
            .copied()
            .ok_or(Error::NotFound)
    }

    /// The entry of a data object to attach.
    fn data_entry(
        &self,
        process: ProcessId,
        data: u64,
    ) -> Result<Option<(u32, HandleEntry)>, Error> {
        if data == u64::from(Handle::NONE.0) {
            return Ok(None);
        }
        let entry = self.lookup(process, data, Rights::NONE)?;
        let slot = u32::try_from(data).map_err(|_| Error::BadHandle)?;
        match entry.object {
            Object::Cursor(_) | Object::Stream(..) | Object::Void(_) => Ok(Some((slot, entry))),
            _ => Err(Error::WrongKind),
        }
    }

    /// SessionCreate.
    pub(crate) fn session_create(
        &mut self,
        process: ProcessId,
        endpoint: u64,
        badge: u64,
        data: u64,
        status: u64,
    ) -> Step {
        self.check_reserve()?;
        let endpoint = self.endpoint_of(process, endpoint, Rights::CONNECT)?;
        if self.session_of(endpoint, badge).is_ok() {
            return Err(Error::Exists.into());
        }
        let status = u32::try_from(status).map_err(|_| Error::BadArgument)?;
        let data = self.data_entry(process, data)?;
        let id = self.sessions.insert(Session {
            references: 0,
            signals: SignalState::default(),
            endpoint,
            badge,
            data: None,
            status,
        });
        if let Some(found) = self.endpoints.get_mut(endpoint) {
            found.sessions.insert(badge, id);
        }
        // On a full table `place_new` has ended the session again; the data stays the caller's.
        let handle = self.place_new(process, Object::Session(id), SESSION_RIGHTS)?;
        self.attach_moved(process, id, data);
        Ok(handle)
    }

    /// Moves the data object's handle from a process into the session.
    fn attach_moved(
        &mut self,
        process: ProcessId,
        id: SessionId,
        data: Option<(u32, HandleEntry)>,
    ) {
        let Some((slot, entry)) = data else { return };
        if let Some(owner) = self.processes.get_mut(process) {
            owner.handles.take(slot);
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.data = Some(entry);
        }
    }

    /// SessionOpen.
    pub(crate) fn session_open(&mut self, process: ProcessId, endpoint: u64, badge: u64) -> Step {
        let endpoint = self.endpoint_of(process, endpoint, Rights::CONNECT)?;
        let id = self.session_of(endpoint, badge)?;
        Ok(self.place_new(process, Object::Session(id), SESSION_RIGHTS)?)
    }

    /// SessionSignal.
    pub(crate) fn session_signal(
        &mut self,
        process: ProcessId,
        endpoint: u64,
        badge: u64,
        clear: u64,
        set: u64,
    ) -> Step {
        let endpoint = self.endpoint_of(process, endpoint, Rights::RECEIVE)?;
        let id = self.session_of(endpoint, badge)?;
        let clear = Signals(u32::try_from(clear).map_err(|_| Error::BadArgument)?);
        let set = Signals(u32::try_from(set).map_err(|_| Error::BadArgument)?);
        self.change_signals(Object::Session(id), clear, set);
        Ok(0)
    }

    /// SessionAttach. Waiters registered with the old data object are woken to look again.
    pub(crate) fn session_attach(
        &mut self,
        process: ProcessId,
        endpoint: u64,
        badge: u64,
        data: u64,
    ) -> Step {
        let endpoint = self.endpoint_of(process, endpoint, Rights::RECEIVE)?;
        let id = self.session_of(endpoint, badge)?;
        let data = self.data_entry(process, data)?;
        let observers: Vec<_> = match self.sessions.get_mut(id) {
            Some(session) => session.signals.observers.clone(),
            None => Vec::new(),
        };
        for &(observer, _) in &observers {
            self.forget_observer(Object::Session(id), observer);
        }
        let previous = self
            .sessions
            .get_mut(id)
            .and_then(|session| session.data.take());
        self.attach_moved(process, id, data);
        for (observer, wanted) in observers {
            self.observe(Object::Session(id), observer, wanted);
        }
        let raised = self.raised(Object::Session(id));
        self.notify(Object::Session(id), raised);
        if let Some(previous) = previous {
            self.release(previous);
        }
        Ok(0)
    }

    /// SessionList: the badges above one, at most `count`.
    pub(crate) fn session_badges(
        &self,
        process: ProcessId,
        endpoint: u64,
        after: u64,
        count: usize,
    ) -> Result<Vec<u64>, Error> {
        let endpoint = self.endpoint_of(process, endpoint, Rights::RECEIVE)?;
        let endpoint = self.endpoints.get(endpoint).ok_or(Error::BadHandle)?;
        let above = (
            core::ops::Bound::Excluded(after),
            core::ops::Bound::Unbounded,
        );
        Ok(endpoint
            .sessions
            .range(above)
            .take(count)
            .map(|(badge, _)| *badge)
            .collect())
    }

    /// The last handle is closed: the server is told.
    pub(crate) fn session_remove(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(id) else {
            return;
        };
        if let Some(endpoint) = self.endpoints.get_mut(session.endpoint) {
            endpoint.sessions.remove(&session.badge);
        }
        self.endpoint_post(session.endpoint, Delivery::Closed(session.badge));
        if let Some(data) = session.data {
            self.release(data);
        }
    }

    /// StatusFlags.
    pub(crate) fn status_flags(
        &mut self,
        process: ProcessId,
        handle: u64,
        set: u64,
        flags: u64,
    ) -> Step {
        let object = self.lookup(process, handle, Rights::NONE)?.object;
        let flags = u32::try_from(flags).map_err(|_| Error::BadArgument)?;
        let status = self.status_mut(object).ok_or(Error::WrongKind)?;
        let before = *status;
        if set != 0 {
            *status = flags;
        }
        Ok(u64::from(before))
    }

    /// The status flags of an open object.
    pub(crate) fn status_mut(&mut self, object: Object) -> Option<&mut u32> {
        match object {
            Object::Session(id) => Some(&mut self.sessions.get_mut(id)?.status),
            Object::Stream(id, end) => self
                .streams
                .get_mut(id)?
                .ends
                .get_mut(usize::from(end))
                .map(|e| &mut e.status),
            Object::Cursor(id) => Some(&mut self.cursors.get_mut(id)?.status),
            _ => None,
        }
    }
}
