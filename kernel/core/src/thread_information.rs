//! What can be read of another process's threads.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::Machine;
use crate::thread::{State, Step, Thread, Wait};
use crate::upcall_frame::register_words;
use crate::user_memory::Fields;
use kernel_abi::process::{FLOATING_POINT_SIZE, ThreadInfo, thread_state};
use kernel_abi::{Error, Rights};

/// Where the registers are in a `ThreadInfo`, and how many bytes go before its last field.
const REGISTERS: usize = core::mem::offset_of!(ThreadInfo, registers);
const FLOATING_POINT: usize = core::mem::offset_of!(ThreadInfo, floating_point);
const _: () = assert!(size_of::<ThreadInfo>() == FLOATING_POINT + FLOATING_POINT_SIZE);

impl Thread {
    /// What it is doing (`kernel_abi::process::thread_state`).
    fn activity(&self) -> u32 {
        match (self.state, self.wait) {
            (State::Parked, _) => thread_state::PARKED,
            (State::Ready(_) | State::Running(_), _) | (_, Wait::None) => thread_state::RUNNING,
            (_, Wait::Signals) => thread_state::WAIT_SIGNALS,
            (_, Wait::Futex(_)) => thread_state::WAIT_FUTEX,
            (_, Wait::Sleep | Wait::RealtimeSleep) => thread_state::WAIT_TIME,
            (_, Wait::Reply) => thread_state::WAIT_REPLY,
            (_, Wait::Receive(_)) => thread_state::WAIT_MESSAGE,
            (_, Wait::Page(..)) => thread_state::WAIT_PAGE,
            (_, Wait::Upcall | Wait::PendingUpcall(_)) => thread_state::WAIT_UPCALL,
        }
    }
}

impl<M: Machine> Kernel<M> {
    /// ThreadInfo.
    pub(crate) fn thread_info(
        &mut self,
        caller_thread: ThreadId,
        caller: ProcessId,
        arguments: [u64; 6],
    ) -> Step {
        let [process, number, address, ..] = arguments;
        let process = self.process_alive(caller, process, Rights::MANAGE)?;
        let owner = self.processes.get(process).ok_or(Error::NoProcess)?;
        let threads = owner.threads.iter().copied();
        let numbered = threads.filter_map(|id| Some((self.threads.get(id)?.number, id)));
        let following = numbered.filter(|(found, _)| *found >= number);
        let (_, id) = following.min().ok_or(Error::NotFound)?;
        let kernel_ns = self.thread_kernel_ns(id);
        let user_ns = self.thread_cpu_now_ns(id).saturating_sub(kernel_ns);
        let found = self.threads.get(id).ok_or(Error::NotFound)?;
        let mut fields = Fields::<FLOATING_POINT>::zero();
        let processors = (1 << self.scheduler.cpu_count) - 1;
        let words = [
            found.number,
            u64::from(found.activity()),
            found.own.raw(),
            user_ns,
            kernel_ns,
            found.mask,
            found.pending.set(),
            u64::from(found.affinity) & processors,
            u64::from(found.home.0),
        ];
        let registers = register_words(&found.context.registers);
        let places = (0..).step_by(8);
        for (word, at) in words.iter().zip(places.clone()) {
            fields.set_u64(at, *word);
        }
        for (word, at) in registers.iter().zip(places) {
            fields.set_u64(REGISTERS + at, *word);
        }
        let image = found.context.floating_point;
        self.write_user(caller_thread, address, &fields.0)?;
        self.write_user(
            caller_thread,
            address.wrapping_add(FLOATING_POINT as u64),
            &image,
        )?;
        Ok(0)
    }
}
