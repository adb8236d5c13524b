//! Calls that never wait, take no address and change no register but `rax`: the rim enters for
//! them without saving the whole context, and leaves again at once if nothing else is to be done.

use crate::kernel::Kernel;
use crate::machine::{Cpu, Machine};
use crate::system_call::Request;
use crate::thread::{State, Stop, encode};
use kernel_abi::{Call, Error};

/// The calls. None of them may return a [`Stop`] other than an error.
const QUICK: &[Call] = &[
    Call::Null,
    Call::SessionSignal,
    Call::EventSignal,
    Call::StatusFlags,
    Call::HandleFlags,
    Call::ThreadNumber,
    Call::ProcessorNumber,
    Call::ClockRead,
    Call::UpcallPending,
    Call::InterruptAcknowledge,
    Call::TimerSet,
];

/// A bit for each quick call, by its number from `kernel_abi::calls::FIRST` on; the entry code
/// tests it.
pub const QUICK_CALLS: [u64; 3] = {
    let mut bits = [0; 3];
    let mut index = 0;
    while index < QUICK.len() {
        let number = (QUICK[index] as u64 - kernel_abi::calls::FIRST) as usize;
        bits[number / 64] |= 1 << (number % 64);
        index += 1;
    }
    bits
};

impl<M: Machine> Kernel<M> {
    /// Carries out a quick call of the current thread, whose saved context is not up to date.
    /// Returns `rax`, and whether the thread may go on without [`Kernel::schedule`]. `request` says
    /// on which processor it runs, and the arguments, where they matter.
    #[inline(always)]
    pub fn quick_call(
        &mut self,
        number: u64,
        request: impl FnOnce() -> (Cpu, [u64; 4]),
    ) -> (u64, bool) {
        self.counters.system_calls += 1;
        if number == Call::Null as u64 {
            return (0, true);
        }
        let (cpu, arguments) = request();
        self.quick_operation(cpu, number, arguments)
    }

    /// Apart, so that the rest needs no frame.
    #[inline(never)]
    fn quick_operation(&mut self, cpu: Cpu, number: u64, arguments: [u64; 4]) -> (u64, bool) {
        self.scheduler.here = cpu;
        let value = self.quick_value(cpu, number, arguments);
        (value, self.is_settled(cpu))
    }

    /// Whether nothing speaks against the current thread's going on at once.
    fn is_settled(&self, cpu: Cpu) -> bool {
        let current = self
            .scheduler
            .current(cpu)
            .and_then(|thread| self.threads.get(thread));
        current.is_some_and(|thread| thread.state == State::Running(cpu) && !thread.has_attention())
            && self.scheduler.direct(cpu).is_some()
            && !self.timer_queue.is_changed(cpu)
    }

    fn quick_value(&mut self, cpu: Cpu, number: u64, [a, b, c, d]: [u64; 4]) -> u64 {
        let call = Call::from_number(number).filter(|call| QUICK.contains(call));
        let current = self.scheduler.current(cpu);
        let process = current.and_then(|thread| self.process_of(thread).ok());
        let (Some(call), Some(thread), Some(process)) = (call, current, process) else {
            return encode(Err(Error::Unsupported));
        };
        let request = Request {
            cpu,
            thread,
            process,
            arguments: [a, b, c, d, 0, 0],
        };
        encode(self.dispatch(call, &request).map_err(|stop| match stop {
            Stop::Error(error) => error,
            _ => Error::BadState,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_codes_table_names_the_quick_calls_and_no_other() {
        for &(call, name, _) in Call::TABLE {
            let number = (call as u64 - kernel_abi::calls::FIRST) as usize;
            let marked = QUICK_CALLS[number / 64] & 1 << (number % 64) != 0;
            assert_eq!(marked, QUICK.contains(&call), "{name}");
        }
    }
}
