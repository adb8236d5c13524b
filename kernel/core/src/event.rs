//! Events: a word of signal bits that its holders raise and clear.

use crate::kernel::{Kernel, ProcessId};
use crate::machine::Machine;
use crate::object::Object;
use crate::signal::SignalState;
use crate::thread::Step;
use kernel_abi::{Error, Rights, Signals};

/// An event.
pub(crate) struct Event {
    pub references: u32,
    pub signals: SignalState,
}

impl<M: Machine> Kernel<M> {
    /// EventCreate.
    pub(crate) fn event_create(&mut self, process: ProcessId, signals: u64) -> Step {
        self.check_reserve()?;
        let word = Signals(u32::try_from(signals).map_err(|_| Error::BadArgument)?);
        let event = Event {
            references: 0,
            signals: SignalState::new(word),
        };
        let id = self.events.insert(event);
        Ok(self.place_new(process, Object::Event(id), Rights::ALL)?)
    }

    /// EventSignal.
    pub(crate) fn event_signal(
        &mut self,
        process: ProcessId,
        handle: u64,
        clear: u64,
        set: u64,
    ) -> Step {
        let object = self.lookup(process, handle, Rights::WRITE)?.object;
        let Object::Event(_) = object else {
            return Err(Error::WrongKind.into());
        };
        let clear = Signals(u32::try_from(clear).map_err(|_| Error::BadArgument)?);
        let set = Signals(u32::try_from(set).map_err(|_| Error::BadArgument)?);
        self.change_signals(object, clear, set);
        Ok(0)
    }
}
