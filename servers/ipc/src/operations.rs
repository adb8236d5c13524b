//! System V objects: the operations of `proto::ipc`.

use proto::types::{ObjectStatus, object_kind};
use proto::{Answer, Call, Error, Identity, Input, Outcome, Output, Reply, ipc};

use crate::kernel::Kernel;
use crate::message::{self, Message, MessageQueue};
use crate::object::{self, Object, Table};
use crate::permission::{Permission, READ, WRITE};
use crate::segment::Segment;
use crate::semaphore::{self, Operation, Refused, Semaphore, Set};
use crate::server::{Done, Server, read_input, write_plain};
use crate::waiting::{Caller, Subject, Wait};

/// `SHM_DEST` in a mode.
const REMOVED_MODE: u32 = 0o1000;
/// Commands of `semctl`.
mod command {
    pub const PROCESS: u32 = 11;
    pub const VALUE: u32 = 12;
    pub const WAITING_TO_GROW: u32 = 14;
    pub const WAITING_FOR_ZERO: u32 = 15;
    pub const SET_VALUE: u32 = 16;
}

fn id_of(word: u64) -> Result<u32, Error> {
    u32::try_from(word).map_err(|_| Error::BadArgument)
}

/// The object with a key, if the caller may have it.
fn existing<T: Object>(
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

fn change_permission<T: Object>(
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
    fn get_segment(
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
    fn purge_segments(&mut self) {
        let unused = |(id, segment): (u32, &Segment)| {
            (segment.is_removed && self.kernel.segment_uses(id) == 0).then_some(id)
        };
        let gone: alloc::vec::Vec<u32> = self.state.segments.iter().filter_map(unused).collect();
        for id in gone {
            self.state.segments.remove(id);
            self.kernel.segment_forget(id);
        }
    }

    fn get_set(
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

    fn get_messages(
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

    fn status_of(
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

    fn change_messages(
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

    fn remove_object(
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

    /// Puts a caller's text into the arena.
    pub(crate) fn store_text(
        &mut self,
        caller: Caller,
        kind: i64,
        length: u64,
    ) -> Result<Message, Error> {
        let mut bytes = alloc::vec![0; length as usize];
        if length > 0 && self.kernel.read_kept(caller.token, 0, &mut bytes)? as u64 != length {
            return Err(Error::BadAddress);
        }
        let offset = self.arena.take(length).ok_or(Error::NoMemory)?;
        if !self.kernel.arena_write(offset, &bytes) {
            self.arena.give(offset, length);
            return Err(Error::NoMemory);
        }
        Ok(Message {
            kind,
            offset,
            length,
        })
    }

    /// `msgsnd`, if there is room.
    pub(crate) fn send_now(
        &mut self,
        caller: Caller,
        id: u32,
        kind: i64,
        length: u64,
    ) -> Result<Done, Error> {
        if !self.state.messages.get(id)?.has_room(length) {
            return Err(Error::WouldBlock);
        }
        let message = self.store_text(caller, kind, length)?;
        let now_s = self.kernel.realtime_s();
        let queue = self.state.messages.get_mut(id)?;
        queue.messages.push_back(message);
        queue.bytes += length;
        (queue.sent_s, queue.last_sender) = (now_s, caller.process);
        Ok(Done {
            subject: Some(Subject::Messages(id)),
            ..Done::default()
        })
    }

    /// `msgrcv`, if there is such a message.
    pub(crate) fn receive_now(
        &mut self,
        caller: Caller,
        id: u32,
        wanted: i64,
        flags: u32,
        room: u64,
    ) -> Result<Done, Error> {
        let now_s = self.kernel.realtime_s();
        let queue = self.state.messages.get_mut(id)?;
        let place = queue.find(wanted, flags).ok_or(Error::WouldBlock)?;
        let message = *queue.messages.get(place).ok_or(Error::WouldBlock)?;
        if message.length > room && flags & message::CUT == 0 {
            return Err(Error::ArgumentsTooLong);
        }
        queue.messages.remove(place);
        queue.bytes -= message.length;
        (queue.received_s, queue.last_receiver) = (now_s, caller.process);
        let length = message.length.min(room);
        Ok(Done {
            answer: Answer::value(length).with(1, message.kind as u64),
            text: Some(message),
            subject: Some(Subject::Messages(id)),
            arrived: None,
        })
    }

    fn set_values(&mut self, id: u32, caller: Caller, values: &[u16]) -> Result<Done, Error> {
        let now_s = self.kernel.realtime_s();
        let set = self.state.sets.get_mut(id)?;
        for (number, value) in values.iter().enumerate() {
            set.set(number, *value, caller.process)?;
        }
        set.changed_s = now_s;
        Ok(Done {
            subject: Some(Subject::Set(id)),
            ..Done::default()
        })
    }
}

impl<K: Kernel, C: Call + ?Sized> ipc::Ipc<C> for Server<K> {
    fn get(&mut self, call: &mut C, kind: u32, key: u64, size: u64, flags: u32) -> Reply {
        let (caller, identity) = Self::caller(call)?;
        let key = u64::from(key as u32);
        let id = match kind {
            object_kind::SEGMENT => self.get_segment(caller, &identity, key, size, flags),
            object_kind::SEMAPHORES => self.get_set(caller, &identity, key, size, flags),
            object_kind::MESSAGES => self.get_messages(caller, &identity, key, flags),
            _ => Err(Error::BadArgument),
        }?;
        let done = Done {
            answer: Answer::value(u64::from(id)),
            ..Done::default()
        };
        self.finish(caller, done)
    }

    fn status(&mut self, call: &mut C, kind: u32, id: u64, by_index: u32, status: Output) -> Reply {
        let (_, identity) = Self::caller(call)?;
        self.purge_segments();
        let found = self.status_of(kind, &identity, (id, by_index))?;
        write_plain(call, status, &found)?;
        Ok(Answer::value(u64::from(found.id)).into())
    }

    fn change(
        &mut self,
        call: &mut C,
        kind: u32,
        id: u64,
        owner: u64,
        mode: u32,
        limit: u64,
    ) -> Reply {
        let (caller, identity) = Self::caller(call)?;
        let (id, now_s) = (id_of(id)?, self.kernel.realtime_s());
        let state = &mut self.state;
        match kind {
            object_kind::SEGMENT => {
                change_permission(&mut state.segments, id, &identity, (owner, mode))?;
                state.segments.get_mut(id)?.changed_s = now_s;
            }
            object_kind::SEMAPHORES => {
                change_permission(&mut state.sets, id, &identity, (owner, mode))?;
                state.sets.get_mut(id)?.changed_s = now_s;
            }
            object_kind::MESSAGES => {
                self.change_messages(id, &identity, (owner, mode), limit)?;
                let subject = Some(Subject::Messages(id));
                return self.finish(
                    caller,
                    Done {
                        subject,
                        ..Done::default()
                    },
                );
            }
            _ => return Err(Error::BadArgument),
        }
        self.finish(caller, Done::default())
    }

    fn remove(&mut self, call: &mut C, kind: u32, id: u64) -> Reply {
        let (caller, identity) = Self::caller(call)?;
        let subject = self.remove_object(kind, id_of(id)?, &identity)?;
        let reply = self.finish(caller, Done::default());
        if let Some(subject) = subject {
            self.refuse_waiting(subject, Error::Removed);
        }
        reply
    }

    fn figures(&mut self, _call: &mut C, kind: u32) -> Reply {
        self.purge_segments();
        let state = &self.state;
        let (highest, objects, sum, bytes) = match kind {
            object_kind::SEGMENT => {
                let sum = state
                    .segments
                    .iter()
                    .map(|(_, segment)| segment.bytes)
                    .sum();
                let count = state.segments.iter().count();
                (state.segments.highest_index(), count, sum, sum)
            }
            object_kind::SEMAPHORES => {
                let all = state
                    .sets
                    .iter()
                    .map(|(_, set)| set.semaphores.len() as u64);
                let count = state.sets.iter().count();
                (state.sets.highest_index(), count, all.sum(), 0)
            }
            object_kind::MESSAGES => {
                let all = state.messages.iter();
                let sum = all.map(|(_, queue)| queue.messages.len() as u64).sum();
                let bytes = state.messages.iter().map(|(_, queue)| queue.bytes).sum();
                let count = state.messages.iter().count();
                (state.messages.highest_index(), count, sum, bytes)
            }
            _ => return Err(Error::BadArgument),
        };
        let answer = Answer::value(highest).with(1, objects as u64);
        Ok(answer.with(2, sum).with(3, bytes).into())
    }

    fn attach(&mut self, call: &mut C, id: u64, read_only: u32) -> Reply {
        let (caller, identity) = Self::caller(call)?;
        let (id, now_s) = (id_of(id)?, self.kernel.realtime_s());
        let wanted = if read_only != 0 { READ } else { READ | WRITE };
        let segment = self.state.segments.allowed(id, &identity, wanted)?;
        let bytes = segment.bytes;
        let memory = self.kernel.segment_handle(id, read_only == 0)?;
        (segment.attached_s, segment.last_process) = (now_s, caller.process);
        self.save();
        Ok(Answer::value(bytes).with_handle(memory).into())
    }

    fn detach(&mut self, call: &mut C, id: u64) -> Reply {
        let (caller, _) = Self::caller(call)?;
        let now_s = self.kernel.realtime_s();
        if let Ok(segment) = self.state.segments.get_mut(id_of(id)?) {
            (segment.detached_s, segment.last_process) = (now_s, caller.process);
        }
        self.purge_segments();
        self.finish(caller, Done::default())
    }

    fn operate(&mut self, call: &mut C, id: u64, deadline_ns: u64, operations: Input) -> Reply {
        let (caller, identity) = Self::caller(call)?;
        let (id, now_s) = (id_of(id)?, self.kernel.realtime_s());
        let most = 6 * semaphore::MOST_OPERATIONS as u64;
        let bytes = read_input(call, operations, most, Error::ArgumentsTooLong)?;
        let operations = Operation::decode_all(&bytes).ok_or(Error::BadArgument)?;
        if operations.is_empty() {
            return Err(Error::BadArgument);
        }
        let alters = operations.iter().any(|operation| operation.change != 0);
        let undoes = operations
            .iter()
            .any(|operation| operation.flags & semaphore::UNDO != 0);
        if undoes && !self.is_registered(caller.process) {
            return Err(Error::BadState);
        }
        let wanted = if alters { WRITE } else { READ };
        let set = self.state.sets.allowed(id, &identity, wanted)?;
        match set.operate(&operations, caller.process) {
            Ok(()) => {
                set.operated_s = now_s;
                let subject = Some(Subject::Set(id));
                self.finish(
                    caller,
                    Done {
                        subject,
                        ..Done::default()
                    },
                )
            }
            Err(Refused::Error(error)) => Err(error),
            Err(Refused::Waits(at)) if at.flags & semaphore::NO_WAIT != 0 => Err(Error::WouldBlock),
            Err(Refused::Waits(_)) => {
                self.wait(caller, deadline_ns, Wait::Operate(id, operations))?;
                Ok(Outcome::Later)
            }
        }
    }

    fn semaphore(&mut self, call: &mut C, id: u64, number: u32, command: u32, value: u64) -> Reply {
        let (caller, identity) = Self::caller(call)?;
        let id = id_of(id)?;
        let wanted = if command == command::SET_VALUE {
            WRITE
        } else {
            READ
        };
        let set = self.state.sets.allowed(id, &identity, wanted)?;
        let found = *set
            .semaphores
            .get(number as usize)
            .ok_or(Error::BadArgument)?;
        let answer = match command {
            command::PROCESS => found.last_process,
            command::VALUE => u64::from(found.value),
            command::WAITING_TO_GROW => self.waiting_at(id, number as u16, false),
            command::WAITING_FOR_ZERO => self.waiting_at(id, number as u16, true),
            command::SET_VALUE => {
                if value > semaphore::LARGEST as u64 {
                    return Err(Error::OutOfRange);
                }
                set.set(number as usize, value as u16, caller.process)?;
                set.changed_s = self.kernel.realtime_s();
                let subject = Some(Subject::Set(id));
                return self.finish(
                    caller,
                    Done {
                        subject,
                        ..Done::default()
                    },
                );
            }
            _ => return Err(Error::BadArgument),
        };
        Ok(Answer::value(answer).into())
    }

    fn values(&mut self, call: &mut C, id: u64, values: Output) -> Reply {
        let (_, identity) = Self::caller(call)?;
        let set = self.state.sets.allowed(id_of(id)?, &identity, READ)?;
        let words = set
            .semaphores
            .iter()
            .flat_map(|one| one.value.to_le_bytes());
        let bytes: alloc::vec::Vec<u8> = words.collect();
        call.write(values, 0, &bytes)?;
        Ok(Answer::default().into())
    }

    fn set_values(&mut self, call: &mut C, id: u64, values: Input) -> Reply {
        let (caller, identity) = Self::caller(call)?;
        let id = id_of(id)?;
        let set = self.state.sets.allowed(id, &identity, WRITE)?;
        let length = 2 * set.semaphores.len() as u64;
        let bytes = read_input(call, values, length, Error::BadArgument)?;
        if bytes.len() as u64 != length {
            return Err(Error::BadArgument);
        }
        let (words, _) = bytes.as_chunks::<2>();
        let values: alloc::vec::Vec<u16> =
            words.iter().map(|word| u16::from_le_bytes(*word)).collect();
        if values
            .iter()
            .any(|value| i32::from(*value) > semaphore::LARGEST)
        {
            return Err(Error::OutOfRange);
        }
        let done = Server::set_values(self, id, caller, &values)?;
        self.finish(caller, done)
    }

    fn register(&mut self, call: &mut C) -> Reply {
        self.register_process(call.label())
    }

    fn send(&mut self, call: &mut C, id: u64, kind: i64, flags: u32, text: Input) -> Reply {
        let (caller, identity) = Self::caller(call)?;
        let id = id_of(id)?;
        if kind < 1 || text.length > message::LONGEST {
            return Err(Error::BadArgument);
        }
        self.state.messages.allowed(id, &identity, WRITE)?;
        match self.send_now(caller, id, kind, text.length) {
            Err(Error::WouldBlock) if flags & message::NO_WAIT == 0 => {
                self.wait(caller, u64::MAX, Wait::Send(id, kind, text.length))?;
                Ok(Outcome::Later)
            }
            done => self.finish(caller, done?),
        }
    }

    fn receive(&mut self, call: &mut C, id: u64, wanted: i64, flags: u32, text: Output) -> Reply {
        let (caller, identity) = Self::caller(call)?;
        let id = id_of(id)?;
        self.state.messages.allowed(id, &identity, READ)?;
        match self.receive_now(caller, id, wanted, flags, text.length) {
            Err(Error::WouldBlock) if flags & message::NO_WAIT != 0 => Err(Error::NoMessage),
            Err(Error::WouldBlock) => {
                self.wait(
                    caller,
                    u64::MAX,
                    Wait::Receive(id, wanted, flags, text.length),
                )?;
                Ok(Outcome::Later)
            }
            done => self.finish(caller, done?),
        }
    }

    fn open_queue(
        &mut self,
        call: &mut C,
        flags: u32,
        mode: u32,
        maximum: u64,
        size: u64,
        name: Input,
    ) -> Reply {
        self.open_posix_queue(call, flags, mode, (maximum, size), name)
    }

    fn unlink_queue(&mut self, call: &mut C, name: Input) -> Reply {
        self.unlink_posix_queue(call, name)
    }
}
