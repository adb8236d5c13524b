//! Opening and naming files.
//!
//! SAFETY of the C functions here: paths are NUL-ended strings, buffers have the lengths given.

use super::support::{Error, bytes_mut, fail, int, long, set_errno, status, text};
use core::ffi::{c_char, c_int, c_void};
use libc_posix::names::{self, PATH_MAX, REMOVE_DIRECTORY, WORKING_DIRECTORY};

const O_CREAT: c_int = 0o100;
const O_TMPFILE: c_int = 0o20200000;

fn needs_mode(flags: c_int) -> bool {
    flags & O_CREAT != 0 || flags & O_TMPFILE == O_TMPFILE
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mut rest: ...) -> c_int {
    // SAFETY: with these flags a mode follows.
    unsafe {
        let mode = if needs_mode(flags) {
            rest.arg::<u32>()
        } else {
            0
        };
        open_at(WORKING_DIRECTORY, path, flags, mode)
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    mut rest: ...
) -> c_int {
    // SAFETY: as above.
    unsafe {
        let mode = if needs_mode(flags) {
            rest.arg::<u32>()
        } else {
            0
        };
        open_at(directory, path, flags, mode)
    }
}

/// `openat` with its mode as a plain argument.
pub(super) unsafe fn open_at(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    mode: u32,
) -> c_int {
    super::pthread::cancellation_point();
    // SAFETY: the caller's.
    int(names::open(
        directory,
        unsafe { text(path) },
        flags as u32,
        mode,
    ))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn creat(path: *const c_char, mode: u32) -> c_int {
    const O_WRONLY_TRUNC: c_int = 0o1001;
    // SAFETY: the caller's.
    unsafe { open_at(WORKING_DIRECTORY, path, O_CREAT | O_WRONLY_TRUNC, mode) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { mkdirat(WORKING_DIRECTORY, path, mode) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdirat(directory: c_int, path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller's.
    status(names::make_directory(
        directory,
        unsafe { text(path) },
        mode,
    ))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkfifo(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { mkfifoat(WORKING_DIRECTORY, path, mode) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkfifoat(directory: c_int, path: *const c_char, mode: u32) -> c_int {
    const S_IFIFO: u32 = 0o010000;
    // SAFETY: the caller's.
    unsafe { mknodat(directory, path, mode & 0o7777 | S_IFIFO, 0) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mknod(path: *const c_char, mode: u32, device: u64) -> c_int {
    // SAFETY: the caller's.
    unsafe { mknodat(WORKING_DIRECTORY, path, mode, device) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mknodat(
    directory: c_int,
    path: *const c_char,
    mode: u32,
    device: u64,
) -> c_int {
    // SAFETY: the caller's.
    status(names::make_node(
        directory,
        unsafe { text(path) },
        mode,
        device,
    ))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe { unlinkat(WORKING_DIRECTORY, path, 0) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe { unlinkat(WORKING_DIRECTORY, path, REMOVE_DIRECTORY as c_int) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's.
    status(names::unlink(
        directory,
        unsafe { text(path) },
        flags as u32,
    ))
}

/// C 7.21.4.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remove(path: *const c_char) -> c_int {
    // SAFETY: the caller's.
    let path = unsafe { text(path) };
    status(match names::unlink(WORKING_DIRECTORY, path, 0) {
        Err(Error::IsDirectory | Error::NotPermitted) => {
            names::unlink(WORKING_DIRECTORY, path, REMOVE_DIRECTORY)
        }
        result => result,
    })
}

/// C 7.21.4.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(old: *const c_char, new: *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe { renameat2(WORKING_DIRECTORY, old, WORKING_DIRECTORY, new, 0) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat(
    from: c_int,
    old: *const c_char,
    to: c_int,
    new: *const c_char,
) -> c_int {
    // SAFETY: the caller's.
    unsafe { renameat2(from, old, to, new, 0) }
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat2(
    from: c_int,
    old: *const c_char,
    to: c_int,
    new: *const c_char,
    flags: u32,
) -> c_int {
    // SAFETY: the caller's.
    status(unsafe { names::rename(from, text(old), to, text(new), flags) })
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn link(old: *const c_char, new: *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe { linkat(WORKING_DIRECTORY, old, WORKING_DIRECTORY, new, 0) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn linkat(
    from: c_int,
    old: *const c_char,
    to: c_int,
    new: *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's.
    status(unsafe { names::link(from, text(old), to, text(new), flags as u32) })
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symlink(target: *const c_char, path: *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe { symlinkat(target, WORKING_DIRECTORY, path) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symlinkat(
    target: *const c_char,
    directory: c_int,
    path: *const c_char,
) -> c_int {
    // SAFETY: the caller's.
    status(unsafe { names::make_symlink(text(target), directory, text(path)) })
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlink(path: *const c_char, buffer: *mut c_char, size: usize) -> isize {
    // SAFETY: the caller's.
    unsafe { readlinkat(WORKING_DIRECTORY, path, buffer, size) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlinkat(
    directory: c_int,
    path: *const c_char,
    buffer: *mut c_char,
    size: usize,
) -> isize {
    // SAFETY: the caller's.
    unsafe {
        let target = bytes_mut(buffer.cast(), size);
        long(names::read_symlink(directory, text(path), target))
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn access(path: *const c_char, mode: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { faccessat(WORKING_DIRECTORY, path, mode, 0) }
}

/// GNU: with the effective ids.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eaccess(path: *const c_char, mode: c_int) -> c_int {
    const AT_EACCESS: c_int = 0x200;
    // SAFETY: the caller's.
    unsafe { faccessat(WORKING_DIRECTORY, path, mode, AT_EACCESS) }
}

/// GNU: another name of `eaccess`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn euidaccess(path: *const c_char, mode: c_int) -> c_int {
    // SAFETY: the caller's.
    unsafe { eaccess(path, mode) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn faccessat(
    directory: c_int,
    path: *const c_char,
    mode: c_int,
    flags: c_int,
) -> c_int {
    if mode & !7 != 0 {
        return fail(Error::BadArgument as c_int);
    }
    // SAFETY: the caller's.
    status(names::access(
        directory,
        unsafe { text(path) },
        mode as u32,
        flags as u32,
    ))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chdir(path: *const c_char) -> c_int {
    // SAFETY: the caller's.
    status(names::change_directory(unsafe { text(path) }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn fchdir(fd: c_int) -> c_int {
    status(names::change_directory_to(fd))
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chroot(path: *const c_char) -> c_int {
    // SAFETY: the caller's.
    status(names::change_root(unsafe { text(path) }))
}

/// POSIX; with a null buffer the result is allocated, as everybody expects.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getcwd(buffer: *mut c_char, size: usize) -> *mut c_char {
    let mut path = [0u8; PATH_MAX];
    if !buffer.is_null() && size == 0 {
        set_errno(Error::BadArgument as c_int);
        return core::ptr::null_mut();
    }
    let length = match names::working_directory(&mut path[..PATH_MAX - 1]) {
        Ok(length) => length.min(PATH_MAX - 1),
        Err(error) => {
            set_errno(error as c_int);
            return core::ptr::null_mut();
        }
    };
    // SAFETY: the caller's buffer, or a fresh one.
    unsafe {
        if buffer.is_null() {
            return copy_out(&path[..length]);
        }
        if length + 1 > size {
            set_errno(Error::OutOfRange as c_int);
            return core::ptr::null_mut();
        }
        core::ptr::copy_nonoverlapping(path.as_ptr(), buffer.cast(), length);
        *buffer.add(length) = 0;
    }
    buffer
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getwd(buffer: *mut c_char) -> *mut c_char {
    // SAFETY: the caller's, of PATH_MAX bytes.
    unsafe { getcwd(buffer, PATH_MAX) }
}

/// GNU: an allocated working directory; `$PWD` is not trusted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn get_current_dir_name() -> *mut c_char {
    // SAFETY: allocates.
    unsafe { getcwd(core::ptr::null_mut(), 0) }
}

/// An allocated C string.
pub(super) unsafe fn copy_out(text: &[u8]) -> *mut c_char {
    let copy: *mut c_char = super::heap::malloc(text.len() + 1).cast();
    if !copy.is_null() {
        // SAFETY: just allocated with that size.
        unsafe {
            core::ptr::copy_nonoverlapping(text.as_ptr(), copy.cast(), text.len());
            *copy.add(text.len()) = 0;
        }
    }
    copy
}

/// Linux: a descriptor as an opaque file name. Not offered by our file systems.
#[unsafe(no_mangle)]
pub extern "C" fn name_to_handle_at(
    _directory: c_int,
    _path: *const c_char,
    _handle: *mut c_void,
    _mount: *mut c_int,
    _flags: c_int,
) -> c_int {
    fail(Error::NotSupported as c_int)
}
