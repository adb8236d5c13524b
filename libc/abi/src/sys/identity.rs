//! Ids: process, user, group, session; limits and priorities.
//!
//! SAFETY of the C functions here: arrays and structures are valid.

use super::support::{Error, Result, fail, int, status};
use core::ffi::c_int;
use libc_posix::process;
use libc_rt::identity;

macro_rules! ids {
    ($($name:ident -> $type:ty = $value:expr;)*) => {$(
        /// POSIX.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> $type {
            $value as $type
        }
    )*};
}

ids! {
    getpid -> c_int = identity::process();
    getppid -> c_int = identity::parent();
    getpgrp -> c_int = identity::group();
    getuid -> u32 = identity::real_user();
    geteuid -> u32 = identity::effective_user();
    getgid -> u32 = identity::real_group();
    getegid -> u32 = identity::effective_group();
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn getpgid(id: c_int) -> c_int {
    if id == 0 {
        return getpgrp();
    }
    int(process::group_of(id as u64).map(|(group, _)| group as i32))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn getsid(id: c_int) -> c_int {
    if id == 0 {
        return identity::session() as c_int;
    }
    int(process::group_of(id as u64).map(|(_, session)| session as i32))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn setpgid(id: c_int, group: c_int) -> c_int {
    if id < 0 || group < 0 {
        return fail(Error::BadArgument as c_int);
    }
    status(process::set_group(id as u64, group as u64))
}

/// System V.
#[unsafe(no_mangle)]
pub extern "C" fn setpgrp() -> c_int {
    setpgid(0, 0);
    getpgrp()
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn setsid() -> c_int {
    int(process::new_session().map(|session| session as i32))
}

const SAME: u32 = u32::MAX;

macro_rules! set_ids {
    ($($name:ident($($argument:ident),*) = $kind:literal, $list:expr;)*) => {$(
        /// POSIX, BSD.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: u32),*) -> c_int {
            status(process::set_ids($kind, $list))
        }
    )*};
}

set_ids! {
    setuid(id) = 0, [id, SAME, SAME];
    setgid(id) = 1, [id, SAME, SAME];
    setreuid(real, effective) = 2, [real, effective, SAME];
    setregid(real, effective) = 3, [real, effective, SAME];
    setresuid(real, effective, saved) = 4, [real, effective, saved];
    setresgid(real, effective, saved) = 5, [real, effective, saved];
    seteuid(id) = 6, [id, SAME, SAME];
    setegid(id) = 7, [id, SAME, SAME];
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getresuid(real: *mut u32, effective: *mut u32, saved: *mut u32) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        *real = identity::real_user();
        *effective = identity::effective_user();
        *saved = identity::saved_user();
    }
    0
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getresgid(real: *mut u32, effective: *mut u32, saved: *mut u32) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        *real = identity::real_group();
        *effective = identity::effective_group();
        *saved = identity::saved_group();
    }
    0
}

/// Linux: the id for file access is the effective one here; nothing else can be set.
#[unsafe(no_mangle)]
pub extern "C" fn setfsuid(_id: u32) -> c_int {
    geteuid() as c_int
}

/// Linux.
#[unsafe(no_mangle)]
pub extern "C" fn setfsgid(_id: u32) -> c_int {
    getegid() as c_int
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getgroups(room: c_int, list: *mut u32) -> c_int {
    let credentials = identity::identity().credentials;
    let count = (credentials.group_count as usize).min(credentials.groups.len());
    if room == 0 {
        return count as c_int;
    }
    if (room as usize) < count || room < 0 {
        return fail(Error::BadArgument as c_int);
    }
    // SAFETY: the caller's array has `room` entries.
    unsafe { core::ptr::copy_nonoverlapping(credentials.groups.as_ptr(), list, count) };
    count as c_int
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setgroups(count: usize, list: *const u32) -> c_int {
    if count > proto::types::MAX_GROUPS {
        return fail(Error::BadArgument as c_int);
    }
    // SAFETY: the caller's array has `count` entries.
    status(process::set_groups(unsafe {
        super::support::bytes(list.cast(), count * 4)
    }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn umask(mask: u32) -> u32 {
    // POSIX gives it no way to fail.
    process::set_umask(mask).unwrap_or_else(|_| identity::umask())
}

fn limit(id: c_int, resource: c_int, new: Option<[u64; 2]>) -> Result<[u64; 2]> {
    if !(0..16).contains(&resource) || id < 0 {
        return Err(Error::BadArgument);
    }
    process::limit(id as u64, resource as u32, new)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrlimit(resource: c_int, out: *mut [u64; 2]) -> c_int {
    // SAFETY: the caller's.
    unsafe { prlimit(0, resource, core::ptr::null(), out) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setrlimit(resource: c_int, new: *const [u64; 2]) -> c_int {
    // SAFETY: the caller's.
    unsafe { prlimit(0, resource, new, core::ptr::null_mut()) }
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prlimit(
    id: c_int,
    resource: c_int,
    new: *const [u64; 2],
    out: *mut [u64; 2],
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        status(limit(id, resource, new.as_ref().copied()).map(|old| {
            if let Some(out) = out.as_mut() {
                *out = old;
            }
        }))
    }
}

/// POSIX: may return -1 without an error.
#[unsafe(no_mangle)]
pub extern "C" fn getpriority(which: c_int, who: u32) -> c_int {
    match process::priority(which as u32, who as u64, None) {
        Ok(nice) => nice as c_int - 20,
        Err(error) => fail(error as c_int),
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn setpriority(which: c_int, who: u32, nice: c_int) -> c_int {
    let nice = (nice.clamp(-20, 19) + 20) as u32;
    status(process::priority(which as u32, who as u64, Some(nice)).map(|_| ()))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn nice(step: c_int) -> c_int {
    let now = match process::priority(0, 0, None) {
        Ok(nice) => nice as c_int - 20,
        Err(error) => return fail(error as c_int),
    };
    let wanted = now.saturating_add(step).clamp(-20, 19);
    match process::priority(0, 0, Some((wanted + 20) as u32)) {
        Ok(_) => wanted,
        Err(Error::AccessDenied) => fail(Error::NotPermitted as c_int),
        Err(error) => fail(error as c_int),
    }
}
