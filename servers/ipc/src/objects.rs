//! Making, describing and removing System V objects.

use proto::types::{ObjectStatus, object_kind};
use proto::{Error, Identity};

use crate::kernel::Kernel;
use crate::message::{self, MessageQueue};
use crate::object::{self, Object, Table};
use crate::permission::{Permission, READ};
use crate::segment::Segment;
use crate::semaphore::{self, Semaphore, Set};
use crate::server::Server;
use crate::waiting::{Caller, Subject};

/// `SHM_DEST` in a mode.
const REMOVED_MODE: u32 = 0o1000;

/// An id as it travels.
pub(crate) fn id_of(word: u64) -> Result<u32, Error> {
    u32::try_from(word).map_err(|_| Error::BadArgument)
}

/// The object with a key, if the caller may have it.
pub(crate) fn existing<T: Object>(
    table: &Table<T>,
    caller: &Caller,
    identity: &Identity,
    (key, flags): (u64, u32),
    fits: impl FnOnce(&T) -> bool,
) -> Result<Option<u32>, Error> {
    let Some(id) = table.find(key, Some(caller.number)) else {
        return if key != object::PRIVATE && flags & object::CREATE == 0 {
            Err(Error::NotFound)
        } else {
            table.check_limit(identity).map(|()| None)
        };
    };
    if table.was_made_by(id, caller.number) {
        return Ok(Some(id));
    }
    let wanted = object::CREATE | object::EXCLUSIVE;
    if flags & wanted == wanted {
        return Err(Error::Exists);
    }
    let found = table.get(id)?;
    if !found.permission().allows_mode(identity, flags) {
        return Err(Error::AccessDenied);
    }
    if !fits(found) {
        return Err(Error::BadArgument);
    }
    Ok(Some(id))
}

pub(crate) fn change_permission<T: Object>(
    table: &mut Table<T>,
    id: u32,
    identity: &Identity,
    (owner, mode): (u64, u32),
) -> Result<(), Error> {
    let permission = table.get_mut(id)?.permission_mut();
    if !permission.controls(identity) {
        return Err(Error::NotPermitted);
    }
    permission.user = (owner >> 32) as u32;
    permission.group = owner as u32;
    permission.mode = mode & 0o777;
    Ok(())
}

fn check_control<T: Object>(table: &Table<T>, id: u32, identity: &Identity) -> Result<(), Error> {
    if table.get(id)?.permission().controls(identity) {
        Ok(())
    } else {
        Err(Error::NotPermitted)
    }
}

/// The id that a status is asked of.
fn named<T: Object>(
    table: &mut Table<T>,
    identity: &Identity,
    (id, by_index): (u64, u32),
) -> Result<u32, Error> {
    let id = match by_index {
        0 => id_of(id)?,
        _ => table.at_index(id).ok_or(Error::BadArgument)?,
    };
    // `SHM_STAT_ANY` and its like ask for no permission.
    let wanted = if by_index == 2 { 0 } else { READ };
    table.allowed(id, identity, wanted).map(|_| id)
}

fn base_status<T: Object>(table: &Table<T>, id: u32) -> Result<ObjectStatus, Error> {
    let permission = table.get(id)?.permission();
    Ok(ObjectStatus {
        id,
        key: table.key(id) as u32,
        user: permission.user,
        group: permission.group,
        creator_user: permission.creator_user,
        creator_group: permission.creator_group,
        mode: permission.mode,
        ..Default::default()
    })
}

impl<K: Kernel> Server<K> {
    pub(crate) fn get_segment(
        &mut self,
        caller: Caller,
        identity: &Identity,
        key: u64,
        bytes: u64,
        flags: u32,
    ) -> Result<u32, Error> {
        self.purge_segments();
        let fits = |segment: &Segment| bytes <= segment.bytes;
        let table = &self.state.segments;
        if let Some(id) = existing(table, &caller, identity, (key, flags), fits)? {
            return Ok(id);
        }
        let most = self.kernel.memory_bytes() / 2;
        let all: u64 = table.iter().map(|(_, segment)| segment.bytes).sum();
        if bytes == 0 || bytes > most {
            return Err(Error::BadArgument);
        }
        if all.saturating_add(bytes) > most {
            return Err(Error::NoSpace);
        }
        self.kernel.segment_create(table.next_id(), bytes)?;
        let segment = Segment {
            permission: Permission::new(identity, flags),
            bytes,
            is_removed: false,
            attached_s: 0,
            detached_s: 0,
            changed_s: self.kernel.realtime_s(),
            creator: caller.process,
            last_process: 0,
        };
        Ok(self.state.segments.insert(key, caller.number, segment))
    }

    /// Removed segments go with their last user.
    pub(crate) fn purge_segments(&mut self) {
        let unused = |(id, segment): (u32, &Segment)| {
            (segment.is_removed && self.kernel.segment_uses(id) == 0).then_some(id)
        };
        let gone: alloc::vec::Vec<u32> = self.state.segments.iter().filter_map(unused).collect();
        for id in gone {
            self.state.segments.remove(id);
            self.kernel.segment_forget(id);
        }
    }

    pub(crate) fn get_set(
        &mut self,
        caller: Caller,
        identity: &Identity,
        key: u64,
        count: u64,
        flags: u32,
    ) -> Result<u32, Error> {
        let fits = |set: &Set| count <= set.semaphores.len() as u64;
        let table = &self.state.sets;
        if let Some(id) = existing(table, &caller, identity, (key, flags), fits)? {
            return Ok(id);
        }
        if count == 0 || count > semaphore::MOST_IN_SET {
            return Err(Error::BadArgument);
        }
        let set = Set {
            permission: Permission::new(identity, flags),
            semaphores: alloc::vec![Semaphore::default(); count as usize],
            operated_s: 0,
            changed_s: self.kernel.realtime_s(),
            undo: Default::default(),
        };
        Ok(self.state.sets.insert(key, caller.number, set))
    }

    pub(crate) fn get_messages(
        &mut self,
        caller: Caller,
        identity: &Identity,
        key: u64,
        flags: u32,
    ) -> Result<u32, Error> {
        let table = &self.state.messages;
        if let Some(id) = existing(table, &caller, identity, (key, flags), |_| true)? {
            return Ok(id);
        }
        let queue = MessageQueue {
            permission: Permission::new(identity, flags),
            messages: Default::default(),
            bytes: 0,
            limit: message::QUEUE_BYTES,
            sent_s: 0,
            received_s: 0,
            changed_s: self.kernel.realtime_s(),
            last_sender: 0,
            last_receiver: 0,
        };
        Ok(self.state.messages.insert(key, caller.number, queue))
    }

    pub(crate) fn status_of(
        &mut self,
        kind: u32,
        identity: &Identity,
        name: (u64, u32),
    ) -> Result<ObjectStatus, Error> {
        let state = &mut self.state;
        match kind {
            object_kind::SEGMENT => {
                let id = named(&mut state.segments, identity, name)?;
                let mut status = base_status(&state.segments, id)?;
                let segment = state.segments.get(id)?;
                if segment.is_removed {
                    status.mode |= REMOVED_MODE;
                }
                (status.first_s, status.second_s) = (segment.attached_s, segment.detached_s);
                status.changed_s = segment.changed_s;
                status.bytes = segment.bytes;
                status.limit = self.kernel.segment_uses(id);
                status.first_process = segment.creator;
                status.second_process = segment.last_process;
                Ok(status)
            }
            object_kind::SEMAPHORES => {
                let id = named(&mut state.sets, identity, name)?;
                let mut status = base_status(&state.sets, id)?;
                let set = state.sets.get(id)?;
                (status.first_s, status.changed_s) = (set.operated_s, set.changed_s);
                status.count = set.semaphores.len() as u32;
                Ok(status)
            }
            object_kind::MESSAGES => {
                let id = named(&mut state.messages, identity, name)?;
                let mut status = base_status(&state.messages, id)?;
                let queue = state.messages.get(id)?;
                (status.first_s, status.second_s) = (queue.sent_s, queue.received_s);
                status.changed_s = queue.changed_s;
                status.count = queue.messages.len() as u32;
                (status.bytes, status.limit) = (queue.bytes, queue.limit);
                status.first_process = queue.last_sender;
                status.second_process = queue.last_receiver;
                Ok(status)
            }
            _ => Err(Error::BadArgument),
        }
    }

    pub(crate) fn change_messages(
        &mut self,
        id: u32,
        identity: &Identity,
        owner: (u64, u32),
        limit: u64,
    ) -> Result<(), Error> {
        check_control(&self.state.messages, id, identity)?;
        let queue = self.state.messages.get_mut(id)?;
        if limit > queue.limit && limit > message::QUEUE_BYTES && identity.credentials.user != 0 {
            return Err(Error::NotPermitted);
        }
        if limit != 0 {
            queue.limit = limit.min(crate::arena::ARENA_BYTES / 4);
        }
        queue.changed_s = self.kernel.realtime_s();
        change_permission(&mut self.state.messages, id, identity, owner)
    }

    pub(crate) fn remove_object(
        &mut self,
        kind: u32,
        id: u32,
        identity: &Identity,
    ) -> Result<Option<Subject>, Error> {
        match kind {
            object_kind::SEGMENT => {
                check_control(&self.state.segments, id, identity)?;
                let segment = self.state.segments.get_mut(id)?;
                segment.is_removed = true;
                self.state.segments.hide(id);
                self.purge_segments();
                Ok(None)
            }
            object_kind::SEMAPHORES => {
                check_control(&self.state.sets, id, identity)?;
                self.state.sets.remove(id);
                Ok(Some(Subject::Set(id)))
            }
            object_kind::MESSAGES => {
                check_control(&self.state.messages, id, identity)?;
                let queue = self.state.messages.remove(id);
                for message in queue.into_iter().flat_map(|queue| queue.messages) {
                    self.arena.give(message.offset, message.length);
                }
                Ok(Some(Subject::Messages(id)))
            }
            _ => Err(Error::BadArgument),
        }
    }
}
