//! `posix_spawn`, as a fork and an exec.
//!
//! SAFETY of the C functions here: objects were initialised, strings are NUL-ended.

use super::heap::{free, malloc};
use super::signal::SignalSet;
use super::support::{Error, copy_text, text};
use super::{execute, files, identity, io, process, signal, start};
use core::ffi::{c_char, c_int, c_void};

/// `posix_spawnattr_t`, 336 bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Attributes {
    flags: c_int,
    group: c_int,
    default: SignalSet,
    mask: SignalSet,
    priority: c_int,
    policy: c_int,
    reserved: [usize; 8],
}

const _: () = assert!(size_of::<Attributes>() == 336);

/// `posix_spawn_file_actions_t`, 80 bytes.
#[repr(C)]
pub struct Actions {
    reserved: [c_int; 2],
    first: *mut Action,
    last: *mut Action,
    more: [usize; 7],
}

const _: () = assert!(size_of::<Actions>() == 80);

#[derive(Clone, Copy)]
enum Kind {
    Close(c_int),
    Duplicate(c_int, c_int),
    Open(c_int, c_int, u32),
    Directory,
    DirectoryOf(c_int),
}

/// An action, with its path behind it.
struct Action {
    next: *mut Action,
    kind: Kind,
}

impl Action {
    fn path(this: *mut Action) -> *mut c_char {
        // The path was allocated in one piece with the action.
        this.wrapping_add(1).cast()
    }
}

mod flag {
    pub const RESET_IDS: i32 = 1;
    pub const SET_GROUP: i32 = 2;
    pub const SET_DEFAULT: i32 = 4;
    pub const SET_MASK: i32 = 8;
    pub const SET_SESSION: i32 = 0x80;
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_init(attributes: *mut Attributes) -> c_int {
    // SAFETY: the caller's; zero is each field's default.
    unsafe { attributes.write_bytes(0, 1) };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub extern "C" fn posix_spawnattr_destroy(_attributes: *mut Attributes) -> c_int {
    0
}

macro_rules! fields {
    ($($get:ident, $set:ident: $type:ty, $field:ident;)*) => {$(
        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $get(attributes: *const Attributes, out: *mut $type) -> c_int {
            // SAFETY: the caller's.
            unsafe { *out = (*attributes).$field as $type };
            0
        }
    )*};
}

fields! {
    posix_spawnattr_getflags, posix_spawnattr_setflags: i16, flags;
    posix_spawnattr_getpgroup, posix_spawnattr_setpgroup: c_int, group;
    posix_spawnattr_getsigmask, posix_spawnattr_setsigmask: SignalSet, mask;
    posix_spawnattr_getsigdefault, posix_spawnattr_setsigdefault: SignalSet, default;
    posix_spawnattr_getschedparam, posix_spawnattr_setschedparam: c_int, priority;
    posix_spawnattr_getschedpolicy, posix_spawnattr_setschedpolicy: c_int, policy;
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setflags(
    attributes: *mut Attributes,
    flags: i16,
) -> c_int {
    if flags as c_int & !0xff != 0 {
        return Error::BadArgument as c_int;
    }
    // SAFETY: the caller's.
    unsafe { (*attributes).flags = flags as c_int };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setpgroup(
    attributes: *mut Attributes,
    group: c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*attributes).group = group };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setsigmask(
    attributes: *mut Attributes,
    set: *const SignalSet,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*attributes).mask = *set };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setsigdefault(
    attributes: *mut Attributes,
    set: *const SignalSet,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*attributes).default = *set };
    0
}

/// POSIX: returns the error's number. Not offered.
#[unsafe(no_mangle)]
pub extern "C" fn posix_spawnattr_setschedparam(_: *mut Attributes, _: *const c_int) -> c_int {
    Error::Unsupported as c_int
}

/// POSIX: returns the error's number. Not offered.
#[unsafe(no_mangle)]
pub extern "C" fn posix_spawnattr_setschedpolicy(_: *mut Attributes, _: c_int) -> c_int {
    Error::Unsupported as c_int
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_init(actions: *mut Actions) -> c_int {
    // SAFETY: the caller's.
    unsafe { actions.write_bytes(0, 1) };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_destroy(actions: *mut Actions) -> c_int {
    // SAFETY: the actions were allocated by `add`.
    unsafe {
        let mut action = (*actions).first;
        while !action.is_null() {
            let next = (*action).next;
            free(action.cast());
            action = next;
        }
        ((*actions).first, (*actions).last) = (core::ptr::null_mut(), core::ptr::null_mut());
    }
    0
}

unsafe fn add(actions: *mut Actions, kind: Kind, path: &[u8]) -> c_int {
    let size = size_of::<Action>() + path.len() + 1;
    // SAFETY: the new action has room for its path; the list is the caller's.
    unsafe {
        let action: *mut Action = malloc(size).cast();
        if action.is_null() {
            return Error::NoMemory as c_int;
        }
        action.write(Action {
            next: core::ptr::null_mut(),
            kind,
        });
        let place = Action::path(action).cast::<u8>();
        copy_text(path, core::slice::from_raw_parts_mut(place, path.len() + 1));
        if (*actions).last.is_null() {
            (*actions).first = action;
        } else {
            (*(*actions).last).next = action;
        }
        (*actions).last = action;
    }
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_addopen(
    actions: *mut Actions,
    fd: c_int,
    path: *const c_char,
    flags: c_int,
    mode: u32,
) -> c_int {
    if fd < 0 {
        return Error::BadHandle as c_int;
    }
    // SAFETY: the caller's.
    unsafe { add(actions, Kind::Open(fd, flags, mode), text(path)) }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_addclose(
    actions: *mut Actions,
    fd: c_int,
) -> c_int {
    if fd < 0 {
        return Error::BadHandle as c_int;
    }
    // SAFETY: the caller's.
    unsafe { add(actions, Kind::Close(fd), &[]) }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_adddup2(
    actions: *mut Actions,
    fd: c_int,
    target: c_int,
) -> c_int {
    if fd < 0 || target < 0 {
        return Error::BadHandle as c_int;
    }
    // SAFETY: the caller's.
    unsafe { add(actions, Kind::Duplicate(fd, target), &[]) }
}

macro_rules! directories {
    ($($by_path:ident, $by_descriptor:ident;)*) => {$(
        /// POSIX 2024: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $by_path(actions: *mut Actions, path: *const c_char) -> c_int {
            // SAFETY: the caller's.
            unsafe { add(actions, Kind::Directory, text(path)) }
        }

        /// POSIX 2024: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $by_descriptor(actions: *mut Actions, fd: c_int) -> c_int {
            if fd < 0 {
                return Error::BadHandle as c_int;
            }
            // SAFETY: the caller's.
            unsafe { add(actions, Kind::DirectoryOf(fd), &[]) }
        }
    )*};
}

directories! {
    posix_spawn_file_actions_addchdir, posix_spawn_file_actions_addfchdir;
    posix_spawn_file_actions_addchdir_np, posix_spawn_file_actions_addfchdir_np;
}

/// Carries out one action in the child, whose report goes through `report`: 0, or -1.
unsafe fn act(action: *mut Action, report: &mut c_int) -> c_int {
    // SAFETY: the action is live.
    unsafe {
        match (*action).kind {
            Kind::Close(fd) => {
                // POSIX: closing what is not open is no error here.
                io::close(fd);
                0
            }
            Kind::Duplicate(from, to) => {
                if to == *report {
                    *report = io::dup(*report);
                }
                if from == to {
                    return super::support::status(libc_posix::descriptor::set_close_on_exec(
                        from, false,
                    ));
                }
                io::dup2(from, to)
            }
            Kind::Open(fd, flags, mode) => {
                if fd == *report {
                    *report = io::dup(*report);
                }
                let path = Action::path(action);
                let opened =
                    files::open_at(libc_posix::names::WORKING_DIRECTORY, path, flags, mode);
                if opened < 0 || opened == fd {
                    return opened;
                }
                let moved = io::dup2(opened, fd);
                io::close(opened);
                moved
            }
            Kind::Directory => files::chdir(Action::path(action)),
            Kind::DirectoryOf(fd) => files::fchdir(fd),
        }
    }
}

/// The child's part, up to the exec: 0 or the error's number.
unsafe fn prepare(
    attributes: Option<&Attributes>,
    actions: *const Actions,
    report: &mut c_int,
) -> c_int {
    use libc_rt::signal::{Action as SignalAction, SIGNALS, action};
    let flags = attributes.map_or(0, |attributes| attributes.flags);
    // SAFETY: the caller's objects.
    unsafe {
        if let Some(attributes) = attributes {
            if flags & flag::SET_DEFAULT != 0 {
                for number in
                    (1..=SIGNALS as u32).filter(|n| attributes.default[0] >> (n - 1) & 1 != 0)
                {
                    let _ = action(number, Some(SignalAction::default()));
                }
            }
            let failed = (flags & flag::SET_SESSION != 0 && identity::setsid() < 0)
                || (flags & flag::SET_GROUP != 0 && identity::setpgid(0, attributes.group) != 0)
                || (flags & flag::RESET_IDS != 0
                    && (identity::setgid(identity::getgid()) != 0
                        || identity::setuid(identity::getuid()) != 0));
            if failed {
                return super::support::errno();
            }
        }
        let mut entry = actions
            .as_ref()
            .map_or(core::ptr::null_mut(), |actions| actions.first);
        while !entry.is_null() {
            if act(entry, report) < 0 {
                return super::support::errno();
            }
            entry = (*entry).next;
        }
        let _ = libc_posix::descriptor::set_close_on_exec(*report, true);
        if let (true, Some(attributes)) = (flags & flag::SET_MASK != 0, attributes) {
            signal::pthread_sigmask(2, &attributes.mask, core::ptr::null_mut());
        }
    }
    0
}

type Execute =
    unsafe extern "C" fn(*const c_char, *const *const c_char, *const *const c_char) -> c_int;

unsafe fn spawn(
    out: *mut c_int,
    path: *const c_char,
    actions: *const Actions,
    attributes: *const Attributes,
    vectors: [*const *const c_char; 2],
    execute: Execute,
) -> c_int {
    const CLOEXEC: c_int = 0o2000000;
    let mut ends = [0; 2];
    // SAFETY: the caller's objects; the pipe carries the child's error, or ends at its exec.
    unsafe {
        if io::pipe2(&mut ends, CLOEXEC) != 0 {
            return super::support::errno();
        }
        let child = process::fork();
        if child == 0 {
            io::close(ends[0]);
            let mut report = ends[1];
            let mut error = prepare(attributes.as_ref(), actions, &mut report);
            if error == 0 {
                execute(path, vectors[0], vectors[1]);
                error = super::support::errno();
            }
            io::write(
                report,
                (&raw const error).cast::<c_void>(),
                size_of::<c_int>(),
            );
            start::_exit(127);
        }
        let mut error = super::support::errno();
        io::close(ends[1]);
        if child > 0 {
            let mut told: c_int = 0;
            error = 0;
            let length = size_of::<c_int>();
            while io::read(ends[0], (&raw mut told).cast(), length) < 0
                && super::support::errno() == Error::Interrupted as c_int
            {}
            if told != 0 {
                error = told;
                process::waitpid(child, core::ptr::null_mut(), 0);
            }
        }
        io::close(ends[0]);
        if error == 0
            && let Some(out) = out.as_mut()
        {
            *out = child;
        }
        error
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn(
    out: *mut c_int,
    path: *const c_char,
    actions: *const Actions,
    attributes: *const Attributes,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> c_int {
    let vectors = [arguments, environment];
    // SAFETY: the caller's.
    unsafe { spawn(out, path, actions, attributes, vectors, execute::execve) }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnp(
    out: *mut c_int,
    file: *const c_char,
    actions: *const Actions,
    attributes: *const Attributes,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> c_int {
    let vectors = [arguments, environment];
    // SAFETY: the caller's.
    unsafe { spawn(out, file, actions, attributes, vectors, execute::execvpe) }
}
