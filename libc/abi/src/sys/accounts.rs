//! Users and groups: `/etc/passwd`, `/etc/group`.
//!
//! SAFETY of the C functions here: names are NUL-ended, buffers have the sizes given. Functions
//! without a buffer share a static one, as POSIX allows.

use super::room::Room;
use super::stdio::{self, File};
use super::support::{Error, fail, set_errno, text};
use core::ffi::{c_char, c_int};
use libc_posix::accounts::{self, Group, User};

/// `struct passwd`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct PasswordEntry {
    name: *mut c_char,
    password: *mut c_char,
    user: u32,
    group: u32,
    comment: *mut c_char,
    home: *mut c_char,
    shell: *mut c_char,
}

/// `struct group`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct GroupEntry {
    name: *mut c_char,
    password: *mut c_char,
    group: u32,
    members: *mut *mut c_char,
}

/// Longest line that is read; a longer one is no entry.
const LINE: usize = 4096;

unsafe fn fill_user(user: &User<'_>, room: &mut Room) -> Option<PasswordEntry> {
    // SAFETY: the room is the caller's.
    unsafe {
        Some(PasswordEntry {
            name: room.string(user.name)?,
            password: room.string(user.password)?,
            user: user.id,
            group: user.group,
            comment: room.string(user.comment)?,
            home: room.string(user.home)?,
            shell: room.string(user.shell)?,
        })
    }
}

unsafe fn fill_group(group: &Group<'_>, room: &mut Room) -> Option<GroupEntry> {
    // SAFETY: the room is the caller's.
    unsafe {
        let members = room.list(accounts::members(group))?;
        Some(GroupEntry {
            name: room.string(group.name)?,
            password: room.string(group.password)?,
            group: group.id,
            members,
        })
    }
}

/// Calls `visit` with each line of a file until it returns something.
unsafe fn lines<T>(file: *mut File, mut visit: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
    let mut line = [0 as c_char; LINE];
    // SAFETY: the stream is open.
    unsafe {
        while !stdio::fgets(line.as_mut_ptr(), LINE as c_int, file).is_null() {
            let bytes = text(line.as_ptr());
            if let Some(found) = visit(bytes.strip_suffix(b"\n").unwrap_or(bytes)) {
                return Some(found);
            }
        }
    }
    None
}

/// Searches a file; the outcome as the `_r` functions return it.
unsafe fn search<T>(
    path: &core::ffi::CStr,
    visit: impl FnMut(&[u8]) -> Option<Option<T>>,
    out: *mut T,
    result: *mut *mut T,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        *result = core::ptr::null_mut();
        let file = stdio::fopen(path.as_ptr(), c"re".as_ptr());
        if file.is_null() {
            return match super::support::errno() {
                // Without the file there are no entries, which is no error.
                missing if missing == Error::NotFound as c_int => 0,
                error => error,
            };
        }
        let found = lines(file, visit);
        stdio::fclose(file);
        match found {
            None => 0,
            Some(None) => Error::OutOfRange as c_int,
            Some(Some(entry)) => {
                *out = entry;
                *result = out;
                0
            }
        }
    }
}

const USERS: &core::ffi::CStr = c"/etc/passwd";
const GROUPS: &core::ffi::CStr = c"/etc/group";

macro_rules! reentrant {
    ($($name:ident($key:ident: $type:ty) -> $entry:ty = $path:ident, $parse:path, $fill:ident, |$parsed:ident, $wanted:ident| $matches:expr, $convert:expr;)*) => {$(
        /// POSIX: returns the error's number.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            $key: $type,
            out: *mut $entry,
            buffer: *mut c_char,
            size: usize,
            result: *mut *mut $entry,
        ) -> c_int {
            let mut room = Room::new(buffer, size);
            // SAFETY: the caller's.
            unsafe {
                let $wanted = $convert;
                let visit = |line: &[u8]| {
                    let $parsed = $parse(line)?;
                    $matches.then(|| $fill(&$parsed, &mut room))
                };
                search($path, visit, out, result)
            }
        }
    )*};
}

reentrant! {
    getpwnam_r(name: *const c_char) -> PasswordEntry = USERS, accounts::user, fill_user, |entry, wanted| entry.name == wanted, text(name);
    getpwuid_r(id: u32) -> PasswordEntry = USERS, accounts::user, fill_user, |entry, wanted| entry.id == wanted, id;
    getgrnam_r(name: *const c_char) -> GroupEntry = GROUPS, accounts::group, fill_group, |entry, wanted| entry.name == wanted, text(name);
    getgrgid_r(id: u32) -> GroupEntry = GROUPS, accounts::group, fill_group, |entry, wanted| entry.id == wanted, id;
}

/// What the functions without a buffer share.
struct Shared<T> {
    entry: core::mem::MaybeUninit<T>,
    strings: [c_char; LINE * 2],
    file: *mut File,
}
static mut USER: Shared<PasswordEntry> = Shared {
    entry: core::mem::MaybeUninit::uninit(),
    strings: [0; LINE * 2],
    file: core::ptr::null_mut(),
};
static mut GROUP: Shared<GroupEntry> = Shared {
    entry: core::mem::MaybeUninit::uninit(),
    strings: [0; LINE * 2],
    file: core::ptr::null_mut(),
};

macro_rules! shared {
    ($($name:ident($key:ident: $type:ty) -> $entry:ty = $function:ident, $store:ident;)*) => {$(
        /// POSIX.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($key: $type) -> *mut $entry {
            let mut result = core::ptr::null_mut();
            // SAFETY: POSIX makes no promise to threads here.
            unsafe {
                let store = &raw mut $store;
                let strings = (&raw mut (*store).strings).cast();
                let entry = (&raw mut (*store).entry).cast();
                let error = $function($key, entry, strings, LINE * 2, &mut result);
                if error != 0 {
                    set_errno(error);
                }
            }
            result
        }
    )*};
}

shared! {
    getpwnam(name: *const c_char) -> PasswordEntry = getpwnam_r, USER;
    getpwuid(id: u32) -> PasswordEntry = getpwuid_r, USER;
    getgrnam(name: *const c_char) -> GroupEntry = getgrnam_r, GROUP;
    getgrgid(id: u32) -> GroupEntry = getgrgid_r, GROUP;
}

macro_rules! walking {
    ($($set:ident, $get:ident, $end:ident, $from_file:ident -> $entry:ty = $path:ident, $parse:path, $fill:ident, $store:ident;)*) => {$(
        /// POSIX.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $set() {
            // SAFETY: POSIX makes no promise to threads here.
            unsafe {
                if !$store.file.is_null() {
                    stdio::rewind($store.file);
                }
            }
        }

        /// POSIX.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $end() {
            // SAFETY: as above.
            unsafe {
                if !$store.file.is_null() {
                    stdio::fclose($store.file);
                    $store.file = core::ptr::null_mut();
                }
            }
        }

        /// POSIX.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $get() -> *mut $entry {
            // SAFETY: as above.
            unsafe {
                if $store.file.is_null() {
                    $store.file = stdio::fopen($path.as_ptr(), c"re".as_ptr());
                    if $store.file.is_null() {
                        return core::ptr::null_mut();
                    }
                }
                $from_file($store.file)
            }
        }

        /// SVID.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $from_file(file: *mut File) -> *mut $entry {
            // SAFETY: as above.
            unsafe {
                let store = &raw mut $store;
                let found = lines(file, |line| {
                    let strings = (&raw mut (*store).strings).cast();
                    let mut room = Room::new(strings, LINE * 2);
                    $fill(&$parse(line)?, &mut room)
                });
                match found {
                    Some(entry) => (*store).entry.write(entry),
                    None => core::ptr::null_mut(),
                }
            }
        }
    )*};
}

walking! {
    setpwent, getpwent, endpwent, fgetpwent -> PasswordEntry = USERS, accounts::user, fill_user, USER;
    setgrent, getgrent, endgrent, fgetgrent -> GroupEntry = GROUPS, accounts::group, fill_group, GROUP;
}

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putpwent(entry: *const PasswordEntry, file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let entry = &*entry;
        let format = c"%s:%s:%u:%u:%s:%s:%s\n".as_ptr();
        let done = stdio::fprintf(
            file,
            format,
            entry.name,
            entry.password,
            entry.user,
            entry.group,
            entry.comment,
            entry.home,
            entry.shell,
        );
        if done < 0 { -1 } else { 0 }
    }
}

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putgrent(entry: *const GroupEntry, file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let entry = &*entry;
        let format = c"%s:%s:%u:".as_ptr();
        if stdio::fprintf(file, format, entry.name, entry.password, entry.group) < 0 {
            return -1;
        }
        let mut member = entry.members;
        while !member.is_null() && !(*member).is_null() {
            let separator = if member == entry.members { c"" } else { c"," };
            if stdio::fprintf(file, c"%s%s".as_ptr(), separator.as_ptr(), *member) < 0 {
                return -1;
            }
            member = member.add(1);
        }
        if stdio::fputc(b'\n' as c_int, file) < 0 {
            -1
        } else {
            0
        }
    }
}

/// BSD: the groups that a user is in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getgrouplist(
    name: *const c_char,
    first: u32,
    list: *mut u32,
    count: *mut c_int,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let room = (*count).max(0) as usize;
        let name = text(name);
        let mut total = 0;
        let mut add = |id: u32| {
            if total < room {
                *list.add(total) = id;
            }
            total += 1;
        };
        add(first);
        let file = stdio::fopen(GROUPS.as_ptr(), c"re".as_ptr());
        if !file.is_null() {
            lines(file, |line| {
                if let Some(group) = accounts::group(line)
                    && group.id != first
                    && accounts::members(&group).any(|member| member == name)
                {
                    add(group.id);
                }
                None::<()>
            });
            stdio::fclose(file);
        }
        *count = total as c_int;
        if total > room { -1 } else { total as c_int }
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn initgroups(name: *const c_char, first: u32) -> c_int {
    let mut list = [0u32; proto::types::MAX_GROUPS];
    let mut count = list.len() as c_int;
    // SAFETY: the caller's.
    unsafe {
        if getgrouplist(name, first, list.as_mut_ptr(), &mut count) < 0 {
            return fail(Error::BadArgument as c_int);
        }
        super::identity::setgroups(count as usize, list.as_ptr())
    }
}

/// POSIX: who logged in, as the environment says it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getlogin() -> *mut c_char {
    // SAFETY: constant names.
    unsafe {
        let name = super::environment::getenv(c"LOGNAME".as_ptr());
        if !name.is_null() {
            return name;
        }
        let entry = getpwuid(super::identity::getuid());
        if entry.is_null() {
            core::ptr::null_mut()
        } else {
            (*entry).name
        }
    }
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getlogin_r(buffer: *mut c_char, size: usize) -> c_int {
    const ENXIO: c_int = 6;
    // SAFETY: the caller's.
    unsafe {
        let name = getlogin();
        if name.is_null() {
            return ENXIO;
        }
        let name = text(name);
        if name.len() >= size {
            return Error::OutOfRange as c_int;
        }
        super::support::copy_text(name, super::support::bytes_mut(buffer.cast(), size));
    }
    0
}

/// POSIX, withdrawn.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuserid(buffer: *mut c_char) -> *mut c_char {
    static mut NAME: [c_char; 20] = [0; 20];
    // SAFETY: without a buffer a shared one is used; with one it has L_cuserid bytes.
    unsafe {
        let place = if buffer.is_null() {
            (&raw mut NAME).cast()
        } else {
            buffer
        };
        *place = 0;
        let entry = getpwuid(super::identity::geteuid());
        if !entry.is_null() {
            let target = super::support::bytes_mut(place.cast(), 20);
            super::support::copy_text(text((*entry).name), target);
        }
        place
    }
}
