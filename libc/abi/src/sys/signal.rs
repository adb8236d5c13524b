//! Signals.
//!
//! SAFETY of the C functions here: structures are valid; handlers have the type that their flags
//! say (POSIX).

use super::signal_sets::member;
use super::support::{Error, Result, Timespec, fail, int, nanoseconds, status};
use core::ffi::{c_char, c_int, c_void};
use kernel_abi::Call;
use kernel_abi::process::mask_how;
use libc_posix::{clock, process};
use libc_rt::signal::{self, Action, SIGNALS, SignalInfo};
use libc_rt::{identity, kernel, thread};

/// `sigset_t`: only the first word is used.
pub type SignalSet = [u64; 16];

/// Signals that the library keeps for itself (32 to 34, as musl does).
pub(super) const INTERNAL: u64 = 0b111 << 31;

/// `struct sigaction`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SignalAction {
    handler: usize,
    mask: SignalSet,
    flags: c_int,
    restorer: usize,
}

fn valid(signal: c_int) -> Result<u32> {
    const SIGKILL: c_int = 9;
    const SIGSTOP: c_int = 19;
    match signal {
        SIGKILL | SIGSTOP | 32..=34 => Err(Error::BadArgument),
        1..=64 => Ok(signal as u32),
        _ => Err(Error::BadArgument),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaction(
    number: c_int,
    new: *const SignalAction,
    old: *mut SignalAction,
) -> c_int {
    // SAFETY: the caller's.
    let new = unsafe { new.as_ref() }.map(|new| Action {
        handler: new.handler,
        flags: new.flags as u32 as u64,
        mask: new.mask[0] & !INTERNAL,
    });
    // The default action of SIGKILL and SIGSTOP may be asked for, but not changed.
    let number = match (number, new) {
        (9 | 19, None) => Ok(number as u32),
        _ => valid(number),
    };
    status(
        number
            .and_then(|number| Ok(signal::action(number, new)?))
            .map(|before| {
                let mut mask = [0; 16];
                mask[0] = before.mask;
                // SAFETY: the caller's.
                if let Some(old) = unsafe { old.as_mut() } {
                    *old = SignalAction {
                        handler: before.handler,
                        mask,
                        flags: before.flags as c_int,
                        restorer: 0,
                    };
                }
            }),
    )
}

/// C 7.14.1.1, with BSD's meaning: the handler stays, and calls are restarted.
#[unsafe(no_mangle)]
pub extern "C" fn signal(number: c_int, handler: usize) -> usize {
    let action = Action {
        handler,
        flags: signal::flags::RESTART,
        mask: 0,
    };
    match valid(number).and_then(|number| Ok(signal::action(number, Some(action))?)) {
        Ok(before) => before.handler,
        Err(error) => {
            fail(error as c_int);
            usize::MAX
        }
    }
}

/// BSD's name.
#[unsafe(no_mangle)]
pub extern "C" fn bsd_signal(number: c_int, handler: usize) -> usize {
    signal(number, handler)
}

/// System V's meaning, as the GNU library names it: one shot.
#[unsafe(no_mangle)]
pub extern "C" fn __sysv_signal(number: c_int, handler: usize) -> usize {
    let action = Action {
        handler,
        flags: signal::flags::RESET | signal::flags::NO_DEFER,
        mask: 0,
    };
    match valid(number).and_then(|number| Ok(signal::action(number, Some(action))?)) {
        Ok(before) => before.handler,
        Err(_) => usize::MAX,
    }
}

/// Makes a signal interrupt calls, or restart them.
#[unsafe(no_mangle)]
pub extern "C" fn siginterrupt(number: c_int, interrupt: c_int) -> c_int {
    status(valid(number).and_then(|number| {
        let mut action = signal::action(number, None)?;
        if interrupt != 0 {
            action.flags &= !signal::flags::RESTART;
        } else {
            action.flags |= signal::flags::RESTART;
        }
        signal::action(number, Some(action))?;
        Ok(())
    }))
}

/// C 7.14.2.1: to the calling thread.
#[unsafe(no_mangle)]
pub extern "C" fn raise(number: c_int) -> c_int {
    // SAFETY: the current block lives.
    let own = unsafe { thread::number(thread::current()) };
    status(raise_in(own, number))
}

/// Raises a signal in a thread of this process.
pub(super) fn raise_in(number_of_thread: u64, number: c_int) -> Result<()> {
    const SIGKILL: c_int = 9;
    const SIGSTOP: c_int = 19;
    match number {
        0 => Ok(()),
        // These never are upcalls: the process server carries them out.
        SIGKILL | SIGSTOP => process::kill(identity::process() as i64, number as u32, 0, 0),
        1..=64 => process::raise(number_of_thread, number as u32, signal::code::THREAD, 0),
        _ => Err(Error::BadArgument),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn kill(target: c_int, number: c_int) -> c_int {
    if !(0..=64).contains(&number) {
        return fail(Error::BadArgument as c_int);
    }
    status(process::kill(target as i64, number as u32, 0, 0))
}

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn killpg(group: c_int, number: c_int) -> c_int {
    if group < 0 {
        return fail(Error::BadArgument as c_int);
    }
    kill(-group, number)
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn sigqueue(target: c_int, number: c_int, value: usize) -> c_int {
    const SI_QUEUE: i64 = -1;
    if !(0..=64).contains(&number) {
        return fail(Error::BadArgument as c_int);
    }
    status(process::kill(
        target as i64,
        number as u32,
        SI_QUEUE,
        value as u64,
    ))
}

/// Changes the calling thread's mask; the old one.
pub(super) fn change_mask(how: u64, mask: u64) -> Result<u64> {
    Ok(kernel::upcall_mask(how, mask & !INTERNAL)?)
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_sigmask(
    how: c_int,
    new: *const SignalSet,
    old: *mut SignalSet,
) -> c_int {
    // SAFETY: the caller's.
    let result = match unsafe { new.as_ref() } {
        None => change_mask(mask_how::READ, 0),
        Some(set) => match how {
            0 => change_mask(mask_how::BLOCK, set[0]),
            1 => change_mask(mask_how::UNBLOCK, set[0]),
            2 => change_mask(mask_how::SET, set[0]),
            _ => Err(Error::BadArgument),
        },
    };
    super::support::number(result.map(|before| {
        // SAFETY: the caller's.
        if let Some(old) = unsafe { old.as_mut() } {
            *old = [0; 16];
            old[0] = before;
        }
    }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigprocmask(
    how: c_int,
    new: *const SignalSet,
    old: *mut SignalSet,
) -> c_int {
    // SAFETY: the caller's.
    match unsafe { pthread_sigmask(how, new, old) } {
        0 => 0,
        error => fail(error),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigpending(set: *mut SignalSet) -> c_int {
    status(
        kernel::upcall_pending()
            .map_err(Error::from)
            .map(|pending| {
                // SAFETY: the caller's.
                unsafe {
                    *set = [0; 16];
                    (*set)[0] = pending;
                }
            }),
    )
}

/// Waits with another mask.
fn suspend(mask: u64) -> c_int {
    super::pthread::cancellation_point();
    let error = match kernel::upcall_suspend(mask & !INTERNAL) {
        Ok(()) => Error::Interrupted,
        Err(error) => Error::from(error),
    };
    super::pthread::cancellation_point();
    fail(error as c_int)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigsuspend(set: *const SignalSet) -> c_int {
    // SAFETY: the caller's.
    suspend(unsafe { (*set)[0] })
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn pause() -> c_int {
    match change_mask(mask_how::READ, 0) {
        Ok(mask) => suspend(mask),
        Err(error) => fail(error as c_int),
    }
}

/// Takes a pending signal of a set, waiting until the deadline: it and what came with it.
pub(super) fn take(set: u64, deadline_ns: u64) -> Result<(u32, [u64; 3])> {
    let mut words = [0u64; 3];
    // SAFETY: the kernel writes three words.
    let number = unsafe {
        kernel_stubs::raw::call3(
            Call::UpcallTake,
            set,
            words.as_mut_ptr() as u64,
            deadline_ns,
        )
    }?;
    Ok((number as u32 + 1, words))
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigwait(set: *const SignalSet, number: *mut c_int) -> c_int {
    super::pthread::cancellation_point();
    loop {
        // SAFETY: the caller's.
        match unsafe { take((*set)[0] & !INTERNAL, kernel_abi::wait::FOREVER) } {
            Ok((taken, _)) => {
                // SAFETY: the caller's.
                unsafe { *number = taken as c_int };
                return 0;
            }
            // By a handler, after which it goes on (POSIX), or by a cancellation.
            Err(Error::Interrupted) => super::pthread::cancellation_point(),
            Err(error) => return error as c_int,
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigtimedwait(
    set: *const SignalSet,
    information: *mut SignalInfo,
    timeout: *const Timespec,
) -> c_int {
    super::pthread::cancellation_point();
    // SAFETY: the caller's.
    unsafe {
        let deadline = match timeout.as_ref().map(nanoseconds).transpose() {
            Ok(timeout) => timeout.map_or(kernel_abi::wait::FOREVER, clock::deadline_after),
            Err(error) => return fail(error as c_int),
        };
        match take((*set)[0] & !INTERNAL, deadline) {
            Ok((number, words)) => {
                if let Some(information) = information.as_mut() {
                    *information = signal::told(number, words);
                }
                number as c_int
            }
            Err(Error::TimedOut) => fail(Error::WouldBlock as c_int),
            Err(error) => int(Err(error)),
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigwaitinfo(set: *const SignalSet, information: *mut SignalInfo) -> c_int {
    // SAFETY: the caller's.
    unsafe { sigtimedwait(set, information, core::ptr::null()) }
}

/// `stack_t`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Stack {
    base: *mut c_void,
    flags: c_int,
    size: usize,
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaltstack(new: *const Stack, old: *mut Stack) -> c_int {
    const SS_ONSTACK: c_int = 1;
    const SS_DISABLE: c_int = 2;
    const SS_AUTODISARM: c_int = 1 << 31;
    const MINSIGSTKSZ: usize = 2048;
    // SAFETY: the caller's structures; the current block lives.
    unsafe {
        let block = &mut *thread::current();
        let (base, size) = block.alternate_stack;
        let here = core::ptr::from_ref(&base) as usize;
        let disarms = block.alternate_disarms;
        let on_it = size != 0 && !disarms && here >= base && here - base < size;
        if let Some(old) = old.as_mut() {
            let flags = match (size, on_it) {
                (0, _) => SS_DISABLE,
                (_, true) => SS_ONSTACK,
                _ if disarms => SS_AUTODISARM,
                _ => 0,
            };
            *old = Stack {
                base: base as *mut c_void,
                flags,
                size,
            };
        }
        let Some(new) = new.as_ref() else { return 0 };
        if on_it {
            return fail(Error::NotPermitted as c_int);
        }
        let (base, size) = match new.flags & !SS_AUTODISARM {
            SS_DISABLE => (0, 0),
            0 | SS_ONSTACK if new.size < MINSIGSTKSZ => return fail(Error::NoMemory as c_int),
            0 | SS_ONSTACK => (new.base as usize, new.size),
            _ => return fail(Error::BadArgument as c_int),
        };
        block.alternate_disarms = size != 0 && new.flags & SS_AUTODISARM != 0;
        status(signal::set_alternate_stack(base, size).map_err(Error::from))
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn __libc_current_sigrtmin() -> c_int {
    35
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn __libc_current_sigrtmax() -> c_int {
    SIGNALS as c_int
}

fn one(how: u64, number: c_int) -> c_int {
    status(
        member(number)
            .and_then(|bit| change_mask(how, bit))
            .map(|_| ()),
    )
}

/// System V.
#[unsafe(no_mangle)]
pub extern "C" fn sighold(number: c_int) -> c_int {
    one(mask_how::BLOCK, number)
}

/// System V.
#[unsafe(no_mangle)]
pub extern "C" fn sigrelse(number: c_int) -> c_int {
    one(mask_how::UNBLOCK, number)
}

/// System V: sets a handler, or with `SIG_HOLD` blocks the signal; the handler before, or `SIG_HOLD`
/// if the signal was blocked.
#[unsafe(no_mangle)]
pub extern "C" fn sigset(number: c_int, handler: usize) -> usize {
    const SIG_HOLD: usize = 2;
    let set = || -> Result<usize> {
        let number = valid(number)?;
        let bit = 1u64 << (number - 1);
        let (how, new) = match handler {
            SIG_HOLD => (mask_how::BLOCK, None),
            handler => {
                let action = Action {
                    handler,
                    ..Action::default()
                };
                (mask_how::UNBLOCK, Some(action))
            }
        };
        let before = signal::action(number, new)?;
        let mask = change_mask(how, bit)?;
        Ok(match mask & bit {
            0 => before.handler,
            _ => SIG_HOLD,
        })
    };
    set().unwrap_or_else(|error| {
        fail(error as c_int);
        usize::MAX
    })
}

/// System V.
#[unsafe(no_mangle)]
pub extern "C" fn sigignore(number: c_int) -> c_int {
    if signal(number, signal::IGNORE) == usize::MAX {
        -1
    } else {
        0
    }
}

/// System V.
#[unsafe(no_mangle)]
pub extern "C" fn sigpause(number: c_int) -> c_int {
    match (member(number), change_mask(mask_how::READ, 0)) {
        (Ok(bit), Ok(mask)) => suspend(mask & !bit),
        _ => fail(Error::BadArgument as c_int),
    }
}

/// Prints a signal's meaning, after a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn psignal(number: c_int, message: *const c_char) {
    unsafe extern "C" {
        fn strsignal(number: c_int) -> *mut c_char;
    }
    // SAFETY: the caller's.
    unsafe {
        let text = strsignal(number);
        if message.is_null() || *message == 0 {
            super::stdio::dprintf(2, c"%s\n".as_ptr(), text);
        } else {
            super::stdio::dprintf(2, c"%s: %s\n".as_ptr(), message, text);
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn psiginfo(information: *const SignalInfo, message: *const c_char) {
    // SAFETY: the caller's.
    unsafe { psignal((*information).si_signo, message) }
}
