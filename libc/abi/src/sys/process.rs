//! Processes: `fork`, `wait`, `system`.
//!
//! SAFETY of the C functions here: vectors of strings end with a null pointer (POSIX).

use super::support::{Error, Timeval, fail, int, set_errno};
use alloc::vec::Vec;
use core::ffi::{c_char, c_int};
use libc_posix::process;
use libc_rt::Lock;

type Hook = Option<unsafe extern "C" fn()>;

/// Functions of `pthread_atfork`.
static HOOKS: Lock<Vec<[Hook; 3]>> = Lock::new(Vec::new());

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_atfork(prepare: Hook, parent: Hook, child: Hook) -> c_int {
    let mut hooks = HOOKS.lock();
    if hooks.try_reserve(1).is_err() {
        return Error::NoMemory as c_int;
    }
    hooks.push([prepare, parent, child]);
    0
}

fn run_hooks(which: usize) {
    let count = HOOKS.lock().len();
    for step in 0..count {
        // Preparations run last in, first out (POSIX); the lock is not held meanwhile.
        let index = if which == 0 { count - 1 - step } else { step };
        let hook = HOOKS.lock().get(index).and_then(|hooks| hooks[which]);
        if let Some(hook) = hook {
            // SAFETY: registered by the program.
            unsafe { hook() };
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn fork() -> c_int {
    run_hooks(0);
    let result = _Fork();
    run_hooks(if result == 0 { 2 } else { 1 });
    result
}

/// POSIX 2024: `fork` without the functions of `pthread_atfork`.
#[unsafe(no_mangle)]
pub extern "C" fn _Fork() -> c_int {
    // A thread that is inside `malloc` does not exist in the child: so nobody may be inside it.
    // (Other locks of the library belong to objects, `FILE`s and directories, that POSIX lets a
    // child of a threaded program not touch.)
    let heap = libc_rt::heap::HEAP.raw();
    heap.acquire();
    let result = process::fork();
    if result == Ok(0) {
        heap.reset();
        HOOKS.raw().reset();
        super::memory_locks::after_fork();
    } else {
        heap.release();
    }
    int(result.map(|child| child as i32))
}

/// BSD: as `fork`. A child in its parent's address space could have no identity page of its own
/// (`servers/proc/README.md`).
#[unsafe(no_mangle)]
pub extern "C" fn vfork() -> c_int {
    fork()
}

const WEXITED: u32 = 4;

/// `waitpid`'s selector as `waitid` has it.
fn selector(id: c_int) -> (u32, u64) {
    match id {
        -1 => (0, 0),
        0 => (2, libc_rt::identity::group()),
        id if id > 0 => (1, id as u64),
        id => (2, id.unsigned_abs() as u64),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn waitpid(id: c_int, status: *mut c_int, options: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { wait4(id, status, options, core::ptr::null_mut()) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wait(status: *mut c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { waitpid(-1, status, 0) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wait3(status: *mut c_int, options: c_int, usage: *mut Usage) -> c_int {
    // SAFETY: the caller's.
    unsafe { wait4(-1, status, options, usage) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wait4(
    id: c_int,
    status: *mut c_int,
    options: c_int,
    usage: *mut Usage,
) -> c_int {
    super::pthread::cancellation_point();
    let (which, value) = selector(id);
    let told = match process::wait(which, value, options as u32 | WEXITED) {
        Ok(Some(told)) => told,
        Ok(None) => return 0,
        Err(error) => return int(Err(error)),
    };
    // SAFETY: the caller's.
    unsafe {
        if let Some(status) = status.as_mut() {
            *status = process::status_word(&told);
        }
        if let Some(usage) = usage.as_mut() {
            *usage = Usage::of(told.user_ns, told.kernel_ns);
        }
    }
    told.process as c_int
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn waitid(
    which: c_int,
    id: u32,
    information: *mut libc_rt::signal::SignalInfo,
    options: c_int,
) -> c_int {
    const SIGCHLD: u32 = 17;
    const P_PID: c_int = 1;
    const P_PIDFD: c_int = 3;
    let (which, id) = match (which, id) {
        (2, 0) => (which, libc_rt::identity::group()),
        (0..=2, id) => (which, id as u64),
        (P_PIDFD, fd) => match super::process_descriptor::process_of(fd as c_int) {
            Ok(process) => (P_PID, process),
            Err(error) => return fail(error as c_int),
        },
        _ => return fail(Error::BadArgument as c_int),
    };
    match process::wait(which as u32, id, options as u32) {
        Ok(told) => {
            let told = told.unwrap_or_default();
            let travelling = proto::types::SignalInformation {
                signal: SIGCHLD,
                code: told.code as i32,
                process: told.process,
                user: told.user,
                status: told.status,
                value: 0,
            };
            let signal = if told.process == 0 { 0 } else { SIGCHLD };
            let mut filled = libc_rt::signal::signal_info(SIGCHLD, &travelling);
            filled.si_signo = signal as i32;
            // SAFETY: the caller's.
            if let Some(information) = unsafe { information.as_mut() } {
                *information = filled;
            }
            0
        }
        Err(error) => fail(error as c_int),
    }
}

/// `struct rusage`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Usage {
    user: Timeval,
    system: Timeval,
    /// ru_maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, then what nobody counts.
    counts: [i64; 14],
    reserved: [i64; 16],
}

const _: () = assert!(size_of::<Usage>() == 272);

impl Usage {
    fn of(user_ns: u64, kernel_ns: u64) -> Usage {
        Usage {
            user: Timeval::from_ns(user_ns),
            system: Timeval::from_ns(kernel_ns),
            ..Usage::default()
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrusage(who: c_int, out: *mut Usage) -> c_int {
    const THREAD: c_int = 1;
    let usage = match who {
        0 | -1 => process::usage(who == -1),
        THREAD => libc_posix::clock::time_ns(3).map(|user_ns| process::Usage {
            user_ns,
            ..process::Usage::default()
        }),
        _ => Err(Error::BadArgument),
    };
    super::support::status(usage.map(|usage| {
        let mut filled = Usage::of(usage.user_ns, usage.kernel_ns);
        (filled.counts[4], filled.counts[5]) =
            (usage.minor_faults as i64, usage.major_faults as i64);
        // SAFETY: the caller's.
        unsafe { *out = filled };
    }))
}

/// C 7.22.4.8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn system(command: *const c_char) -> c_int {
    use libc_rt::signal::{Action, IGNORE, action};
    const SIGINT: u32 = 2;
    const SIGQUIT: u32 = 3;
    if command.is_null() {
        return 1;
    }
    let ignore = Action {
        handler: IGNORE,
        ..Action::default()
    };
    // POSIX: the caller ignores these two and blocks SIGCHLD while the command runs.
    let before = (action(SIGINT, Some(ignore)), action(SIGQUIT, Some(ignore)));
    let mask = libc_rt::kernel::upcall_mask(kernel_abi::process::mask_how::BLOCK, 1 << 16);
    let restore = || {
        for (signal, old) in [(SIGINT, before.0), (SIGQUIT, before.1)] {
            if let Ok(old) = old {
                let _ = action(signal, Some(old));
            }
        }
        if let Ok(mask) = mask {
            let _ = libc_rt::kernel::upcall_mask(kernel_abi::process::mask_how::SET, mask);
        }
    };
    let child = fork();
    if child == 0 {
        restore();
        // SAFETY: the caller's command.
        unsafe {
            super::execute::execl(
                c"/bin/sh".as_ptr(),
                c"sh".as_ptr(),
                c"-c".as_ptr(),
                command,
                core::ptr::null::<c_char>(),
            );
        }
        super::start::_exit(127);
    }
    let mut status = -1;
    if child > 0 {
        // SAFETY: the status is this function's.
        while unsafe { waitpid(child, &mut status, 0) } < 0 {
            if super::support::errno() != Error::Interrupted as c_int {
                status = -1;
                break;
            }
        }
    }
    restore();
    status
}

/// BSD: goes into the background.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn daemon(no_change: c_int, no_close: c_int) -> c_int {
    const O_RDWR: c_int = 2;
    match fork() {
        -1 => return -1,
        0 => {}
        _ => super::start::_exit(0),
    }
    if super::identity::setsid() < 0 {
        return -1;
    }
    // SAFETY: constant strings.
    unsafe {
        if no_change == 0 && super::files::chdir(c"/".as_ptr()) != 0 {
            return -1;
        }
        if no_close == 0 {
            let null = super::files::open(c"/dev/null".as_ptr(), O_RDWR);
            if null < 0 {
                return -1;
            }
            for target in 0..3 {
                super::io::dup2(null, target);
            }
            if null > 2 {
                super::io::close(null);
            }
        }
    }
    0
}

/// Runs something whose failure must not change `errno`.
pub(super) fn keep_errno<T>(body: impl FnOnce() -> T) -> T {
    let before = super::support::errno();
    let result = body();
    set_errno(before);
    result
}
