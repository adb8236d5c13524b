//! Directories: `opendir` and its kin.
//!
//! SAFETY of the C functions here: `DIR` pointers come from `opendir` and are not used after
//! `closedir`.

use super::heap::{free, malloc, realloc};
use super::support::{Error, fail, long, set_errno};
use core::ffi::{c_char, c_int, c_void};
use libc_posix::descriptor;
use libc_rt::lock::RawLock;

const BUFFER: usize = 4096;

/// `struct dirent`: what servers write, entry by entry.
#[repr(C)]
#[allow(missing_docs, reason = "named as POSIX names them")]
pub struct Dirent {
    pub d_ino: u64,
    pub d_off: i64,
    pub d_reclen: u16,
    pub d_type: u8,
    pub d_name: [c_char; 256],
}

const NAME: usize = 19;

/// `DIR`.
#[repr(C, align(8))]
pub struct Directory {
    fd: c_int,
    /// Cursor of the next entries.
    cursor: u64,
    position: usize,
    end: usize,
    lock: RawLock,
    buffer: [u8; BUFFER],
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn opendir(path: *const c_char) -> *mut Directory {
    const O_DIRECTORY_CLOEXEC: c_int = 0o2200000;
    // SAFETY: the caller's.
    unsafe {
        let fd = super::files::open(path, O_DIRECTORY_CLOEXEC);
        if fd < 0 {
            return core::ptr::null_mut();
        }
        let directory = make(fd);
        if directory.is_null() {
            super::io::close(fd);
        }
        directory
    }
}

unsafe fn make(fd: c_int) -> *mut Directory {
    let directory: *mut Directory = malloc(size_of::<Directory>()).cast();
    if !directory.is_null() {
        // SAFETY: just allocated; the buffer needs no value before `end` says so.
        unsafe {
            (*directory).fd = fd;
            (*directory).cursor = 0;
            (*directory).position = 0;
            (*directory).end = 0;
            (*directory).lock = RawLock::new();
        }
    }
    directory
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdopendir(fd: c_int) -> *mut Directory {
    match descriptor::status(fd) {
        Ok(status) if status.mode & 0o170000 == 0o040000 => {}
        Ok(_) => {
            set_errno(Error::NotDirectory as c_int);
            return core::ptr::null_mut();
        }
        Err(error) => {
            set_errno(error as c_int);
            return core::ptr::null_mut();
        }
    }
    let _ = descriptor::set_close_on_exec(fd, true);
    // SAFETY: the descriptor is the caller's to give.
    unsafe { make(fd) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn closedir(directory: *mut Directory) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let fd = (*directory).fd;
        free(directory.cast());
        super::io::close(fd)
    }
}

/// The next entry, or null at the end or with `errno`.
unsafe fn next(directory: &mut Directory) -> *mut Dirent {
    if directory.position >= directory.end {
        let got = descriptor::read_directory(directory.fd, directory.cursor, &mut directory.buffer);
        match got {
            Ok(0) => return core::ptr::null_mut(),
            Ok(length) => (directory.position, directory.end) = (0, length.min(BUFFER)),
            Err(error) => {
                set_errno(error as c_int);
                return core::ptr::null_mut();
            }
        }
    }
    let rest = &directory.buffer[directory.position..directory.end];
    let length = match rest.get(16..18) {
        Some(bytes) => u16::from_le_bytes([bytes[0], bytes[1]]) as usize,
        None => 0,
    };
    // A record that does not fit would be a server's fault; it must not become a wild pointer.
    if length <= NAME || length > rest.len() || !rest[NAME..length].contains(&0) {
        set_errno(Error::Io as c_int);
        return core::ptr::null_mut();
    }
    let mut offset = [0; 8];
    offset.copy_from_slice(&rest[8..16]);
    directory.cursor = u64::from_le_bytes(offset);
    let entry = directory.buffer[directory.position..].as_mut_ptr();
    directory.position += length;
    entry.cast()
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdir(directory: *mut Directory) -> *mut Dirent {
    // SAFETY: the caller's.
    unsafe {
        (*directory).lock.acquire();
        let entry = next(&mut *directory);
        (*directory).lock.release();
        entry
    }
}

/// POSIX, obsolescent: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readdir_r(
    directory: *mut Directory,
    entry: *mut Dirent,
    result: *mut *mut Dirent,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let before = super::support::errno();
        set_errno(0);
        (*directory).lock.acquire();
        let found = next(&mut *directory);
        let error = super::support::errno();
        set_errno(before);
        *result = core::ptr::null_mut();
        if !found.is_null() {
            let length = ((*found).d_reclen as usize).min(size_of::<Dirent>());
            core::ptr::copy_nonoverlapping(found.cast::<u8>(), entry.cast(), length);
            *result = entry;
        }
        (*directory).lock.release();
        if found.is_null() { error } else { 0 }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rewinddir(directory: *mut Directory) {
    // SAFETY: the caller's.
    unsafe { seekdir(directory, 0) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seekdir(directory: *mut Directory, cursor: i64) {
    // SAFETY: the caller's.
    unsafe {
        (*directory).lock.acquire();
        (*directory).cursor = cursor as u64;
        ((*directory).position, (*directory).end) = (0, 0);
        (*directory).lock.release();
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn telldir(directory: *mut Directory) -> i64 {
    // SAFETY: the caller's.
    unsafe { (*directory).cursor as i64 }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dirfd(directory: *mut Directory) -> c_int {
    // SAFETY: the caller's.
    unsafe { (*directory).fd }
}

/// POSIX 2024; the position is the descriptor's cursor, kept by `lseek` where a server offers it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_getdents(
    fd: c_int,
    buffer: *mut c_void,
    size: usize,
    _flags: c_int,
) -> isize {
    let cursor = descriptor::seek(fd, 0, 1).unwrap_or(0);
    // SAFETY: the caller's.
    let entries = unsafe { super::support::bytes_mut(buffer, size) };
    let length = match descriptor::read_directory(fd, cursor, entries) {
        Ok(length) => length.min(entries.len()),
        Err(error) => return fail(error as c_int) as isize,
    };
    // The last record's `d_off` is where the next call goes on.
    let (mut at, mut next) = (0, cursor);
    while at + NAME < length {
        let mut offset = [0; 8];
        offset.copy_from_slice(&entries[at + 8..at + 16]);
        next = u64::from_le_bytes(offset);
        at += u16::from_le_bytes([entries[at + 16], entries[at + 17]]).max(NAME as u16) as usize;
    }
    long(descriptor::seek(fd, next as i64, 0).map(|_| length))
}

type Select = unsafe extern "C" fn(*const Dirent) -> c_int;
type Compare = unsafe extern "C" fn(*mut *const Dirent, *mut *const Dirent) -> c_int;

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scandir(
    path: *const c_char,
    list: *mut *mut *mut Dirent,
    select: Option<Select>,
    compare: Option<Compare>,
) -> c_int {
    // SAFETY: the caller's; each entry is copied before the next is read.
    unsafe {
        let directory = opendir(path);
        if directory.is_null() {
            return -1;
        }
        let mut names: *mut *mut Dirent = core::ptr::null_mut();
        let (mut count, mut room) = (0, 0);
        let mut failed = false;
        set_errno(0);
        loop {
            let entry = readdir(directory);
            if entry.is_null() {
                failed |= super::support::errno() != 0;
                break;
            }
            if select.is_some_and(|select| select(entry) == 0) {
                continue;
            }
            if count == room {
                room = (room * 2).max(16);
                let longer: *mut *mut Dirent = realloc(names.cast(), room * 8).cast();
                if longer.is_null() {
                    failed = true;
                    break;
                }
                names = longer;
            }
            let length = (*entry).d_reclen as usize;
            let copy: *mut Dirent = malloc(length).cast();
            if copy.is_null() {
                failed = true;
                break;
            }
            core::ptr::copy_nonoverlapping(entry.cast::<u8>(), copy.cast(), length);
            *names.add(count) = copy;
            count += 1;
        }
        let error = super::support::errno();
        closedir(directory);
        if failed {
            for index in 0..count {
                free((*names.add(index)).cast());
            }
            free(names.cast());
            return fail(error);
        }
        if let Some(compare) = compare {
            sort(names, count, compare);
        }
        *list = names;
        count as c_int
    }
}

unsafe fn sort(names: *mut *mut Dirent, count: usize, compare: Compare) {
    if count == 0 {
        return;
    }
    // SAFETY: `names` holds `count` entries.
    let names = unsafe { core::slice::from_raw_parts_mut(names, count) };
    names.sort_unstable_by(|first, second| {
        let (mut first, mut second) = (first.cast_const(), second.cast_const());
        // SAFETY: the program's function, with what POSIX says it gets.
        unsafe { compare(&mut first, &mut second) }.cmp(&0)
    });
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alphasort(first: *mut *const Dirent, second: *mut *const Dirent) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let name = |entry: *mut *const Dirent| {
            core::ffi::CStr::from_ptr((&raw const (**entry).d_name).cast())
        };
        name(first).cmp(name(second)) as c_int
    }
}
