//! Device interrupts as objects: READABLE from the interrupt to its acknowledgement.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::object::Object;
use crate::signal::SignalState;
use crate::slab::Id;
use crate::thread::Step;
use crate::user_memory::Fields;
use kernel_abi::{Error, Rights, Signals};

/// An interrupt.
pub(crate) struct Interrupt {
    pub references: u32,
    pub signals: SignalState,
    token: u32,
}

/// Size and fields of `kernel_abi::system::InterruptArguments`.
const ARGUMENTS_SIZE: usize = 24;
const MESSAGE_ADDRESS: u64 = 8;
/// `line` of a message interrupt.
const NO_LINE: u32 = u32::MAX;

impl<M: Machine> Kernel<M> {
    /// A device interrupted. Lines stay masked until they are acknowledged, so that a level that
    /// stays high does not interrupt again and again.
    pub fn interrupt(&mut self, cpu: Cpu, token: u32) {
        self.scheduler.here = cpu;
        self.counters.interrupts += 1;
        let Some(id) = self.interrupts.id_at(token) else {
            return;
        };
        self.machine.mask_interrupt(token);
        self.change_signals(Object::Interrupt(id), Signals::NONE, Signals::READABLE);
    }

    /// InterruptCreate.
    pub(crate) fn interrupt_create(
        &mut self,
        thread: ThreadId,
        process: ProcessId,
        resource: u64,
        address: u64,
    ) -> Step {
        self.check_resource(process, resource)?;
        self.check_reserve()?;
        let fields: Fields<ARGUMENTS_SIZE> = self.read_fields(thread, address)?;
        // Written back unchanged, to learn before anything exists whether it can be.
        self.write_user(thread, address, &fields.0)?;
        let line = fields.u32(0);
        let state = SignalState::default();
        let id = self.interrupts.insert(Interrupt {
            references: 0,
            signals: state,
            token: 0,
        });
        let token = id.index();
        let line = (line != NO_LINE).then_some(line);
        let Some((target, data)) = self.machine.create_interrupt(line, fields.u32(4), token) else {
            self.interrupts.remove(id);
            return Err(Error::Busy.into());
        };
        if let Some(interrupt) = self.interrupts.get_mut(id) {
            interrupt.token = token;
        }
        let handle = self.place_new(process, Object::Interrupt(id), Rights::ALL)?;
        if let Some(place) = address.checked_add(MESSAGE_ADDRESS) {
            self.write_words(thread, place, &[target, data])?;
        }
        Ok(handle)
    }

    /// InterruptAcknowledge.
    pub(crate) fn interrupt_acknowledge(&mut self, process: ProcessId, handle: u64) -> Step {
        let object = self.lookup(process, handle, Rights::READ)?.object;
        let Object::Interrupt(id) = object else {
            return Err(Error::WrongKind.into());
        };
        let token = self.interrupts.get(id).ok_or(Error::BadHandle)?.token;
        self.change_signals(object, Signals::READABLE, Signals::NONE);
        self.machine.unmask_interrupt(token);
        Ok(0)
    }

    /// The last handle is closed.
    pub(crate) fn interrupt_remove(&mut self, id: Id<Interrupt>) {
        if let Some(interrupt) = self.interrupts.remove(id) {
            self.machine.destroy_interrupt(interrupt.token);
        }
    }
}
