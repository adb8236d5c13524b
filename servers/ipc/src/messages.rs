//! Sending and receiving, as far as it can be done at once.

use proto::{Answer, Error};

use crate::kernel::Kernel;
use crate::message::{self, Message};
use crate::server::{Done, Server};
use crate::waiting::{Caller, Subject};

impl<K: Kernel> Server<K> {
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
}
