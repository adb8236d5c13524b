//! Timers of the process: the kernel's, which raise signals by themselves.

use crate::{Error, Result, clock};
use kernel_abi::object::handle_flags;
use kernel_abi::system::clock as kernel_clock;
pub use kernel_abi::system::timer_flags::MONOTONIC_DEADLINE;
use kernel_abi::{Handle, Rights};
use libc_rt::kernel;
use libc_rt::signal::{code, own_words};

/// Deadline of a timer that is not armed.
const DISARMED: u64 = u64::MAX;
/// Signals of the interval timers.
const INTERVAL_SIGNALS: [u32; 3] = [14, 26, 27];

/// The kernel's clock of a `clockid_t` that a timer can be made of.
fn timer_clock(clock_id: i32) -> Result<u64> {
    match clock_id {
        2 => Ok(kernel_clock::PROCESS_CPU),
        3 => Ok(kernel_clock::THREAD_CPU),
        id if clock::own_process(id) => Ok(kernel_clock::PROCESS_CPU),
        id => clock::sleep_clock(id),
    }
}

/// Makes a timer that neither a child nor the next program has. `BadArgument` for a clock that
/// has none, `WouldBlock` when there are too many.
pub fn create(clock_id: i32) -> Result<Handle> {
    let timer = kernel::timer_create(timer_clock(clock_id)?).map_err(|error| match error {
        kernel_abi::Error::BadArgument => Error::BadArgument,
        _ => Error::WouldBlock,
    })?;
    let flags = handle_flags::CLOSE_ON_EXEC | handle_flags::CLOSE_ON_FORK;
    kernel::handle_flags(timer, 1, flags)?;
    Ok(timer)
}

/// Has a timer raise a signal (`SI_TIMER`), in a thread (0: any), with a value. `id` is told as
/// `si_timerid`.
pub fn notify(timer: Handle, thread: u64, signal: u32, value: u64, id: u32) -> Result<()> {
    let [_, first, _] = own_words(code::TIMER, 0);
    let first = first & 0xffff_ffff;
    let upcall = u64::from(signal - 1);
    Ok(kernel::timer_notify(
        timer,
        thread,
        upcall,
        value,
        first,
        id.into(),
    )?)
}

/// Closes it.
pub fn delete(timer: Handle) -> Result<()> {
    state(timer)?;
    Ok(kernel::handle_close(timer)?)
}

/// How a timer stands, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Until the next expiry; 0 = not armed.
    pub left_ns: u64,
    /// Between expiries; 0 = once.
    pub interval_ns: u64,
    /// Expiries that the last signal stood for beside its own.
    pub overrun: u64,
}

/// Reads a timer; `BadArgument` if it is none.
pub fn state(timer: Handle) -> Result<State> {
    let told = kernel::timer_state(timer).map_err(|_| Error::BadArgument)?;
    let left_ns = match told.deadline_ns {
        DISARMED => 0,
        deadline_ns => deadline_ns.saturating_sub(told.now_ns).max(1),
    };
    Ok(State {
        left_ns,
        interval_ns: told.interval_ns,
        overrun: told.overrun,
    })
}

/// Arms a timer of a clock (`value_ns` 0: disarms) for a time, or for so long from now.
pub fn set(
    timer: Handle,
    clock_id: i32,
    value_ns: u64,
    interval_ns: u64,
    absolute: bool,
) -> Result<()> {
    let (deadline_ns, flags) = match (value_ns, clock_id) {
        (0, _) => (DISARMED, 0),
        (value_ns, _) if absolute => (value_ns, 0),
        (value_ns, 2 | 3) => (clock::time_ns(clock_id)?.saturating_add(value_ns), 0),
        (value_ns, id) if id < 0 => (clock::time_ns(id)?.saturating_add(value_ns), 0),
        (value_ns, _) => (clock::deadline_after(value_ns), MONOTONIC_DEADLINE),
    };
    let deadline_ns = match value_ns {
        0 => DISARMED,
        _ => deadline_ns.min(DISARMED - 1),
    };
    Ok(kernel::timer_set_with(
        timer,
        deadline_ns,
        interval_ns,
        flags,
    )?)
}

/// `setitimer` and `getitimer` (POSIX 2008): value and interval before, in nanoseconds.
pub fn interval_timer(which: u32, new: Option<(u64, u64)>) -> Result<(u64, u64)> {
    let index = which as usize;
    let (Some(&slot), Some(&signal)) = (
        Handle::INTERVAL_TIMERS.get(index),
        INTERVAL_SIGNALS.get(index),
    ) else {
        return Err(Error::BadArgument);
    };
    // There is none before its first use.
    let before = state(slot);
    if let Some((value_ns, interval_ns)) = new {
        if before.is_err() {
            if value_ns == 0 {
                return Ok((0, 0));
            }
            make_interval_timer(index, slot, signal)?;
        }
        let clock_id = if index == 0 { 1 } else { 2 };
        let interval_ns = if value_ns == 0 { 0 } else { interval_ns };
        set(slot, clock_id, value_ns, interval_ns, false)?;
    }
    let before = before.unwrap_or_default();
    let interval_ns = if before.left_ns == 0 {
        0
    } else {
        before.interval_ns
    };
    Ok((before.left_ns, interval_ns))
}

/// An interval timer survives an exec, but no child has it.
fn make_interval_timer(index: usize, slot: Handle, signal: u32) -> Result<()> {
    let clock = match index {
        0 => kernel_clock::MONOTONIC,
        _ => kernel_clock::PROCESS_CPU,
    };
    let timer = kernel::timer_create(clock)?;
    let kernel_code = u64::from(code::KERNEL as u32);
    let flags = handle_flags::EXACT | handle_flags::CLOSE_ON_FORK;
    let made = kernel::timer_notify(timer, 0, u64::from(signal - 1), 0, kernel_code, 0)
        .and_then(|()| kernel::handle_duplicate(timer, slot.0, Rights::ALL, flags));
    kernel::handle_close(timer)?;
    made?;
    Ok(())
}
