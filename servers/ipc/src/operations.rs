//! System V objects: the operations of `proto::ipc`.

use proto::types::object_kind;
use proto::{Answer, Call, Error, Input, Outcome, Output, Reply, ipc};
use server_rt::{read_input, write_plain};

use crate::kernel::Kernel;
use crate::message;
use crate::objects::{change_permission, id_of};
use crate::permission::{READ, WRITE};
use crate::semaphore::{self, Operation, Refused};
use crate::server::{Done, Server};
use crate::waiting::{Caller, Subject, Wait};

/// Commands of `semctl`.
mod command {
    pub const PROCESS: u32 = 11;
    pub const VALUE: u32 = 12;
    pub const WAITING_TO_GROW: u32 = 14;
    pub const WAITING_FOR_ZERO: u32 = 15;
    pub const SET_VALUE: u32 = 16;
}

impl<K: Kernel> Server<K> {
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
        let most = 6 * semaphore::MOST_OPERATIONS;
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
        let length = 2 * set.semaphores.len();
        let bytes = read_input(call, values, length, Error::BadArgument)?;
        if bytes.len() != length {
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
