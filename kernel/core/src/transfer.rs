//! What calls and replies carry beside their words: lent buffers and handles.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::object::HandleEntry;
use crate::pending_call::{PendingCall, Purpose};
use crate::thread::{Step, Stop};
use crate::user_memory::Fields;
use alloc::vec::Vec;
use kernel_abi::message::{Buffer, IDENTITY_SIZE, MAX_BUFFERS, MAX_HANDLES, buffer_flags};
use kernel_abi::object::handle_flags;
use kernel_abi::{Error, Rights};

/// Buffers that a call lends, and how its answer's handles are to be placed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lent {
    pub buffers: [Buffer; MAX_BUFFERS],
    pub count: u32,
    /// Address of the caller's `Transfer`; 0: none.
    pub transfer: u64,
    flags: u32,
    receive_slot: u32,
}

impl Lent {
    /// Takes everything back.
    pub fn clear(&mut self) {
        self.count = 0;
        self.transfer = 0;
    }
}

/// Handles placed by an answer, to be written into the caller's `Transfer`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    transfer: u64,
    slots: [u32; MAX_HANDLES],
    count: u32,
}

/// Size and fields of `kernel_abi::message::Transfer`.
const TRANSFER_SIZE: usize = size_of::<kernel_abi::message::Transfer>();
const TRANSFER_BUFFER_COUNT: usize = 96;
const TRANSFER_SEND_COUNT: usize = 100;
const TRANSFER_SEND: usize = 104;
const TRANSFER_RECEIVED: usize = 120;
const TRANSFER_FLAGS: usize = 140;
const TRANSFER_RECEIVE_SLOT: usize = 144;
/// Size and fields of `kernel_abi::message::ReplyTransfer`.
const REPLY_SIZE: usize = size_of::<kernel_abi::message::ReplyTransfer>();
const REPLY_SEND_COUNT: usize = 16;
const REPLY_FLAGS: usize = 20;
/// Size and fields of `kernel_abi::message::Incoming`.
const INCOMING_SIZE: usize = size_of::<kernel_abi::message::Incoming>();
const INCOMING_BUFFER_FLAGS: usize = 32;
const INCOMING_HANDLES: usize = 48;
const INCOMING_BUFFER_COUNT: usize = 64;
const INCOMING_HANDLE_COUNT: usize = 68;
const INCOMING_FAULT: usize = 72;

/// What a receiver is told of a call beside its words, but the slots of the handles.
fn incoming_of(call: &PendingCall) -> Fields<INCOMING_SIZE> {
    let mut fields = Fields::zero();
    let lent = call.lent.buffers.iter().take(call.lent.count as usize);
    for (index, buffer) in lent.enumerate() {
        fields.set_u64(index * 8, buffer.length);
        fields.set_u32(INCOMING_BUFFER_FLAGS + index * 4, buffer.flags);
    }
    fields.set_u32(INCOMING_BUFFER_COUNT, call.lent.count);
    fields.set_u32(INCOMING_HANDLE_COUNT, call.handles.len() as u32);
    if call.course.purpose == Purpose::Exception {
        let fault = call.fault;
        fields.set_u32(INCOMING_FAULT, fault.kind);
        fields.set_u32(INCOMING_FAULT + 4, fault.upcall);
        let words = [
            fault.address,
            fault.instruction,
            fault.stack,
            fault.frame,
            fault.thread,
        ];
        for (index, word) in words.iter().enumerate() {
            fields.set_u64(INCOMING_FAULT + 8 + index * 8, *word);
        }
    }
    fields
}

impl<M: Machine> Kernel<M> {
    /// Reads the `Transfer` of a call and takes what it carries into the thread's pending call.
    pub(crate) fn lend(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        address: u64,
    ) -> Result<(), Stop> {
        let fields: Fields<TRANSFER_SIZE> = self.read_fields(thread, address)?;
        let count = fields.u32(TRANSFER_BUFFER_COUNT);
        if count as usize > MAX_BUFFERS {
            return Err(Error::TooBig.into());
        }
        let mut lent = Lent {
            count,
            transfer: address,
            flags: fields.u32(TRANSFER_FLAGS),
            receive_slot: fields.u32(TRANSFER_RECEIVE_SLOT),
            ..Lent::default()
        };
        for (index, buffer) in lent.buffers.iter_mut().take(count as usize).enumerate() {
            let base = index * size_of::<Buffer>();
            buffer.address = fields.u64(base);
            buffer.length = fields.u64(base + 8);
            buffer.flags = fields.u32(base + 16);
        }
        let slots = slots_of(&fields, TRANSFER_SEND, fields.u32(TRANSFER_SEND_COUNT))?;
        let moved = u64::from(lent.flags) & handle_flags::MOVE != 0;
        let handles = self.collect_handles(process, &slots, moved)?;
        let call = &mut self.threads.get_mut(thread).ok_or(Error::NoProcess)?.call;
        call.lent = lent;
        if !handles.is_empty() {
            call.divert(|_| ());
        }
        call.handles = handles;
        Ok(())
    }

    /// Takes references to handles that are about to travel; with `moved` their slots are emptied.
    pub(crate) fn collect_handles(
        &mut self,
        process: ProcessId,
        slots: &[u32],
        moved: bool,
    ) -> Result<Vec<HandleEntry>, Error> {
        let mut entries = Vec::with_capacity(slots.len());
        for &slot in slots {
            entries.push(self.lookup(process, u64::from(slot), Rights::TRANSFER)?);
        }
        for entry in &entries {
            self.retain(entry);
        }
        if moved {
            for &slot in slots {
                // A slot named twice is empty the second time.
                let _ = self.close(process, slot);
            }
        }
        Ok(entries)
    }

    /// Releases the handles that a call carried.
    pub(crate) fn drop_call_handles(&mut self, caller: ThreadId) {
        let Some(found) = self.threads.get_mut(caller) else {
            return;
        };
        for entry in core::mem::take(&mut found.call.handles) {
            self.release(entry);
        }
    }

    /// Writes the `Incoming` of a call into its receiver's memory and places the handles.
    /// `Ok(false)`: the call has failed.
    pub(crate) fn deliver_incoming(
        &mut self,
        cpu: Cpu,
        caller: ThreadId,
        receiver: ThreadId,
        server: ProcessId,
    ) -> Result<bool, Stop> {
        let call = &self.threads.get(caller).ok_or(Error::NotFound)?.call;
        let mut fields = incoming_of(call);
        let entries: Vec<HandleEntry> = call.handles.clone();
        let address = self
            .registers(receiver)
            .map_or(0, |registers| registers.r15);
        // Written first to learn whether it can be; then again with the handles' slots.
        self.write_user(receiver, address, &fields.0)?;
        let mut placed = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match self.place_copy(server, *entry, 0, handle_flags::HIGH) {
                Ok(slot) => {
                    placed.push(slot);
                    fields.set_u32(INCOMING_HANDLES + index * 4, slot);
                }
                Err(error) => {
                    for slot in placed {
                        // Just placed.
                        let _ = self.close(server, slot);
                    }
                    self.fail_call(cpu, caller, error);
                    return Ok(false);
                }
            }
        }
        if !placed.is_empty() {
            self.write_user(receiver, address, &fields.0)?;
        }
        Ok(true)
    }

    /// Places the handles of a reply in the caller's table.
    pub(crate) fn send_with_reply(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        caller: ThreadId,
        address: u64,
    ) -> Result<(), Stop> {
        let fields: Fields<REPLY_SIZE> = self.read_fields(thread, address)?;
        let slots = slots_of(&fields, 0, fields.u32(REPLY_SEND_COUNT))?;
        if slots.is_empty() {
            return Ok(());
        }
        let moved = u64::from(fields.u32(REPLY_FLAGS)) & handle_flags::MOVE != 0;
        let entries = self.collect_handles(process, &slots, moved)?;
        let found = self.threads.get(caller).ok_or(Error::NotFound)?;
        let (lent, target) = (found.call.lent, found.process);
        let mut received = Received {
            transfer: lent.transfer,
            slots: [0; MAX_HANDLES],
            count: 0,
        };
        for entry in entries {
            let index = received.count as usize;
            if lent.transfer == 0 {
                self.release(entry);
                continue;
            }
            let mut flags = u64::from(lent.flags) & !handle_flags::MOVE;
            if index > 0 {
                flags &= !handle_flags::EXACT;
            }
            // A caller whose table is full gets the handles that fit; `received_count` says so.
            let Ok(slot) = self.place(target, entry, lent.receive_slot, flags) else {
                continue;
            };
            if let Some(place) = received.slots.get_mut(index) {
                *place = slot;
                received.count += 1;
            }
        }
        if let Some(found) = self.threads.get_mut(caller)
            && lent.transfer != 0
        {
            found.call.received = Some(received);
            found.call_attention();
        }
        Ok(())
    }

    /// Reports the handles that came with an answer, when the caller is about to return.
    pub(crate) fn report_received(&mut self, caller: ThreadId) -> Result<(), Stop> {
        let Some(found) = self.threads.get_mut(caller) else {
            return Ok(());
        };
        let Some(received) = found.call.received else {
            return Ok(());
        };
        let mut fields = Fields::<20>::zero();
        for (index, slot) in received.slots.iter().enumerate() {
            fields.set_u32(index * 4, *slot);
        }
        fields.set_u32(16, received.count);
        let address = received.transfer.wrapping_add(TRANSFER_RECEIVED as u64);
        let result = self.write_user(caller, address, &fields.0);
        if !matches!(result, Err(Stop::Page(..)))
            && let Some(found) = self.threads.get_mut(caller)
        {
            found.call.received = None;
        }
        result
    }

    /// MessageRead and MessageWrite.
    pub(crate) fn message_copy(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        arguments: [u64; 6],
        direction: u32,
    ) -> Step {
        let [token, index, offset, address, length, _] = arguments;
        let caller = self.caller_of(process, token)?;
        let found = self.threads.get(caller).ok_or(Error::NotFound)?;
        let index = usize::try_from(index).map_err(|_| Error::BadArgument)?;
        let lent = &found.call.lent;
        let buffers = lent.buffers.get(..lent.count as usize).unwrap_or(&[]);
        let buffer = *buffers.get(index).ok_or(Error::BadArgument)?;
        if buffer.flags & direction == 0 {
            return Err(Error::AccessDenied.into());
        }
        let length = length.min(buffer.length.saturating_sub(offset));
        let remote = buffer
            .address
            .checked_add(offset)
            .ok_or(Error::BadAddress)?;
        let remote = (self.space_of(found.process)?, remote);
        let own = (self.space_of(process)?, address);
        if direction == buffer_flags::IN {
            self.copy_stepwise(thread, remote, own, length)
        } else {
            self.copy_stepwise(thread, own, remote, length)
        }
    }

    /// MessageMask.
    pub(crate) fn message_mask(&mut self, process: ProcessId, token: u64) -> Step {
        let caller = self.caller_of(process, token)?;
        let found = self.threads.get(caller).ok_or(Error::NoProcess)?;
        Ok(found.mask & (u64::MAX >> 1))
    }

    /// MessageIdentity.
    pub(crate) fn message_identity(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        token: u64,
        address: u64,
        length: u64,
    ) -> Step {
        let caller = self.caller_of(process, token)?;
        let owner = self.process_of(caller)?;
        let frame = self
            .processes
            .get(owner)
            .ok_or(Error::NoProcess)?
            .identity_frame;
        let mut bytes = [0; IDENTITY_SIZE];
        self.machine.read(frame, 0, &mut bytes);
        let length = length.min(IDENTITY_SIZE as u64) as usize;
        self.write_user(thread, address, bytes.get(..length).unwrap_or(&[]))?;
        Ok(length as u64)
    }
}

/// Handle numbers in a structure.
fn slots_of<const SIZE: usize>(
    fields: &Fields<SIZE>,
    offset: usize,
    count: u32,
) -> Result<Vec<u32>, Error> {
    if count as usize > MAX_HANDLES {
        return Err(Error::TooBig);
    }
    Ok((0..count as usize)
        .map(|index| fields.u32(offset + index * 4))
        .collect())
}
