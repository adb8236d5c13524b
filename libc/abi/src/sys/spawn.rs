//! `posix_spawn`: its objects here, the child in `child`.
//!
//! SAFETY of the C functions here: objects were initialised, strings are NUL-ended.

use super::execute;
use super::heap::{free, malloc};
use super::signal::SignalSet;
use super::support::{Error, copy_text, number, text};
use core::ffi::{c_char, c_int};

mod child;

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
    CloseFrom(c_int),
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
    pub const SET_PRIORITY: i32 = 0x10;
    pub const SET_SCHEDULER: i32 = 0x20;
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

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setschedparam(
    attributes: *mut Attributes,
    level: *const c_int,
) -> c_int {
    // SAFETY: the caller's; `struct sched_param` begins with the priority.
    unsafe { (*attributes).priority = *level };
    0
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setschedpolicy(
    attributes: *mut Attributes,
    policy: c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*attributes).policy = policy };
    0
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

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_addclosefrom_np(
    actions: *mut Actions,
    first: c_int,
) -> c_int {
    if first < 0 {
        return Error::BadHandle as c_int;
    }
    // SAFETY: the caller's.
    unsafe { add(actions, Kind::CloseFrom(first), &[]) }
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

unsafe fn spawn(
    out: *mut c_int,
    file: *const c_char,
    actions: *const Actions,
    attributes: *const Attributes,
    vectors: execute::Vectors,
    in_path: bool,
) -> c_int {
    super::pthread::cancellation_point();
    // SAFETY: the caller's objects.
    let result = unsafe {
        child::spawn(
            text(file),
            actions.as_ref(),
            attributes.as_ref(),
            vectors,
            in_path,
        )
    };
    number(result.map(|id| {
        // SAFETY: the caller's.
        if let Some(out) = unsafe { out.as_mut() } {
            *out = id as c_int;
        }
    }))
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
    unsafe { spawn(out, path, actions, attributes, vectors, false) }
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
    unsafe { spawn(out, file, actions, attributes, vectors, true) }
}
