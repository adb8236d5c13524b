//! Opening and closing streams, and their buffers.
//!
//! SAFETY of the C functions here: streams are open, strings NUL-ended (C 7.21.5).

use super::file::{BUFFER, DESCRIPTOR, File, Operations, UNGET, flag, locked};
use super::standard::{delist, enlist, flush_all};
use crate::sys::heap::{free, malloc};
use crate::sys::support::{Error, fail, set_errno, text};
use core::ffi::{c_char, c_int, c_void};
use libc_posix::descriptor;
use libc_posix::names::{self, WORKING_DIRECTORY};
use proto::types::open_flags;

/// A mode string's open flags and stream flags.
pub(super) fn parse(mode: &[u8]) -> Option<(u32, u32)> {
    let update = mode.contains(&b'+');
    let (mut flags, mut stream) = match mode.first()? {
        b'r' => (0, flag::NO_WRITE),
        b'w' => (open_flags::CREATE | open_flags::TRUNCATE, flag::NO_READ),
        b'a' => (
            open_flags::CREATE | open_flags::APPEND,
            flag::NO_READ | flag::APPEND,
        ),
        _ => return None,
    };
    if update {
        flags |= open_flags::READ_WRITE;
        stream &= !(flag::NO_READ | flag::NO_WRITE);
    } else if stream & flag::NO_READ != 0 {
        flags |= open_flags::WRITE_ONLY;
    }
    if mode.contains(&b'x') {
        flags |= open_flags::EXCLUSIVE;
    }
    if mode.contains(&b'e') {
        flags |= open_flags::CLOSE_ON_EXEC;
    }
    Some((flags, stream))
}

/// Allocates a stream with its buffer behind it, and enlists it.
pub(super) unsafe fn make(operations: &'static Operations, fd: c_int, flags: u32) -> *mut File {
    let memory: *mut u8 = malloc(size_of::<File>() + UNGET + BUFFER).cast();
    if memory.is_null() {
        return core::ptr::null_mut();
    }
    let file: *mut File = memory.cast();
    let buffer = memory.wrapping_add(size_of::<File>() + UNGET);
    let flags = if flags & flag::NO_WRITE == 0 {
        flags | flag::ASK_TERMINAL
    } else {
        flags
    };
    // SAFETY: just allocated.
    unsafe {
        file.write(File::new(operations, fd, flags, buffer, BUFFER));
        enlist(file);
    }
    file
}

fn none(error: Error) -> *mut File {
    set_errno(error as c_int);
    core::ptr::null_mut()
}

/// C 7.21.5.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fopen(path: *const c_char, mode: *const c_char) -> *mut File {
    // SAFETY: the caller's.
    unsafe {
        let Some((flags, stream)) = parse(text(mode)) else {
            return none(Error::BadArgument);
        };
        match names::open(WORKING_DIRECTORY, text(path), flags, 0o666) {
            Ok(fd) => {
                let file = make(&DESCRIPTOR, fd, stream);
                if file.is_null() {
                    let _ = descriptor::close(fd);
                }
                file
            }
            Err(error) => none(error),
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdopen(fd: c_int, mode: *const c_char) -> *mut File {
    // SAFETY: the caller's.
    unsafe {
        let Some((flags, stream)) = parse(text(mode)) else {
            return none(Error::BadArgument);
        };
        let prepare = || -> libc_posix::Result<()> {
            if flags & open_flags::CLOSE_ON_EXEC != 0 {
                descriptor::set_close_on_exec(fd, true)?;
            }
            let status = descriptor::status_flags(fd)?;
            if flags & open_flags::APPEND != 0 && status & open_flags::APPEND == 0 {
                descriptor::set_status_flags(fd, status | open_flags::APPEND)?;
            }
            Ok(())
        };
        match prepare() {
            Ok(()) => make(&DESCRIPTOR, fd, stream),
            Err(error) => none(error),
        }
    }
}

/// C 7.21.5.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freopen(
    path: *const c_char,
    mode: *const c_char,
    file: *mut File,
) -> *mut File {
    // SAFETY: the caller's.
    unsafe {
        let Some((flags, stream)) = parse(text(mode)) else {
            fclose(file);
            return none(Error::BadArgument);
        };
        let stream_file = &mut *file;
        stream_file.flush();
        if path.is_null() {
            // POSIX leaves open which changes of mode work: those of flags do.
            let _ = descriptor::set_status_flags(stream_file.fd, flags);
        } else {
            let opened = names::open(WORKING_DIRECTORY, text(path), flags, 0o666);
            let moved = opened.and_then(|fd| {
                if fd == stream_file.fd {
                    return Ok(());
                }
                // The old number stays, so that `freopen(stdout)` redirects descriptor 1.
                let result =
                    descriptor::duplicate_to(fd, stream_file.fd, descriptor::kept_flags(flags));
                descriptor::close(fd)?;
                result.map(|_| ())
            });
            if let Err(error) = moved {
                fclose(file);
                return none(error);
            }
        }
        let kept = stream_file.flags & (flag::STATIC | flag::UNBUFFERED);
        stream_file.flags = kept | stream | flag::ASK_TERMINAL;
        stream_file.line_end = -1;
        stream_file.orientation = 0;
        stream_file.discard_read();
        stream_file.write_end = core::ptr::null_mut();
        (stream_file.write_base, stream_file.write_position) =
            (core::ptr::null_mut(), core::ptr::null_mut());
    }
    file
}

/// C 7.21.5.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fclose(file: *mut File) -> c_int {
    // SAFETY: the caller's; nobody uses the stream afterwards.
    unsafe {
        let is_static = (*file).flags & flag::STATIC != 0;
        if !is_static {
            delist(file);
        }
        let (flushed, closed) = locked(file, |file| {
            let flushed = file.flush();
            // POSIX: the file's position is left where the program stopped reading.
            if file.unread() > 0 {
                let _ = (file.operations.seek)(file, -(file.unread() as i64), 1);
                file.discard_read();
            }
            (flushed, (file.operations.close)(file))
        });
        free((*file).line);
        (*file).line = core::ptr::null_mut();
        if is_static {
            (*file).flags |= flag::NO_READ | flag::NO_WRITE;
            (*file).write_end = core::ptr::null_mut();
        } else {
            free(file.cast());
        }
        match closed {
            Ok(()) if flushed => 0,
            Ok(()) => -1,
            Err(error) => fail(error as c_int),
        }
    }
}

/// C 7.21.5.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fflush(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    let flushed = unsafe {
        if file.is_null() {
            flush_all()
        } else {
            locked(file, flush_one)
        }
    };
    if flushed { 0 } else { -1 }
}

fn flush_one(file: &mut File) -> bool {
    // SAFETY: the stream is the caller's.
    unsafe {
        if !file.flush() {
            return false;
        }
        // POSIX: flushing an input stream puts the file's position where the program reads.
        let unread = file.unread();
        if unread > 0 && (file.operations.seek)(file, -(unread as i64), 1).is_ok() {
            file.discard_read();
        }
    }
    true
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fflush_unlocked(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { fflush(file) }
}

/// C 7.21.5.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setvbuf(
    file: *mut File,
    buffer: *mut c_char,
    mode: c_int,
    size: usize,
) -> c_int {
    const LINE: c_int = 1;
    const NONE: c_int = 2;
    // SAFETY: the caller's.
    unsafe {
        locked(file, |file| {
            file.flush();
            file.flags &= !(flag::ASK_TERMINAL | flag::UNBUFFERED);
            file.line_end = -1;
            file.write_end = core::ptr::null_mut();
            (file.write_base, file.write_position) = (file.write_end, file.write_end);
            match mode {
                NONE => {
                    file.flags |= flag::UNBUFFERED;
                    file.size = 0;
                    return 0;
                }
                0 | LINE => {}
                _ => return -1,
            }
            // What was read stays in the old buffer.
            if !buffer.is_null() && size > UNGET && file.unread() == 0 {
                file.buffer = buffer.cast::<u8>().add(UNGET);
                file.size = size - UNGET;
                file.discard_read();
            } else if file.size == 0 {
                let fresh: *mut u8 = malloc(UNGET + BUFFER).cast();
                if fresh.is_null() {
                    return -1;
                }
                file.buffer = fresh.add(UNGET);
                file.size = BUFFER;
                file.discard_read();
            }
            if mode == LINE {
                file.line_end = b'\n' as c_int;
            }
            0
        })
    }
}

/// C 7.21.5.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setbuf(file: *mut File, buffer: *mut c_char) {
    // SAFETY: the caller's buffer has BUFSIZ bytes.
    unsafe { setbuffer(file, buffer, 1024) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setbuffer(file: *mut File, buffer: *mut c_char, size: usize) {
    // SAFETY: the caller's.
    unsafe { setvbuf(file, buffer, if buffer.is_null() { 2 } else { 0 }, size) };
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setlinebuf(file: *mut File) {
    // SAFETY: the caller's.
    unsafe { setvbuf(file, core::ptr::null_mut(), 1, 0) };
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fileno(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    match unsafe { (*file).fd } {
        fd if fd >= 0 => fd,
        _ => fail(Error::BadHandle as c_int),
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fileno_unlocked(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { fileno(file) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flockfile(file: *mut File) {
    // SAFETY: the caller's.
    unsafe { (*file).acquire() }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftrylockfile(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    if unsafe { (*file).try_acquire() } {
        0
    } else {
        -1
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn funlockfile(file: *mut File) {
    // SAFETY: the caller's.
    unsafe { (*file).release() }
}

/// Functions of `fopencookie`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct CookieFunctions {
    read: Option<unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> isize>,
    write: Option<unsafe extern "C" fn(*mut c_void, *const u8, usize) -> isize>,
    seek: Option<unsafe extern "C" fn(*mut c_void, *mut i64, c_int) -> c_int>,
    close: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
}

struct Cookie {
    functions: CookieFunctions,
    cookie: *mut c_void,
}

fn called(result: isize) -> libc_posix::Result<usize> {
    usize::try_from(result).map_err(|_| Error::from_number(crate::sys::support::errno()))
}

unsafe fn read_cookie(file: *mut File, bytes: &mut [u8]) -> libc_posix::Result<usize> {
    // SAFETY: the stream's cookie is one of ours.
    unsafe {
        let cookie = &*(*file).cookie.cast::<Cookie>();
        match cookie.functions.read {
            Some(read) => called(read(cookie.cookie, bytes.as_mut_ptr(), bytes.len())),
            None => Ok(0),
        }
    }
}

unsafe fn write_cookie(file: *mut File, bytes: &[u8]) -> libc_posix::Result<usize> {
    // SAFETY: as above.
    unsafe {
        let cookie = &*(*file).cookie.cast::<Cookie>();
        match cookie.functions.write {
            Some(write) => match write(cookie.cookie, bytes.as_ptr(), bytes.len()) {
                0 if !bytes.is_empty() => Err(Error::Io),
                count => called(count),
            },
            None => Ok(bytes.len()),
        }
    }
}

unsafe fn seek_cookie(file: *mut File, offset: i64, whence: c_int) -> libc_posix::Result<i64> {
    // SAFETY: as above.
    unsafe {
        let cookie = &*(*file).cookie.cast::<Cookie>();
        let mut position = offset;
        match cookie.functions.seek {
            Some(seek) if seek(cookie.cookie, &mut position, whence) >= 0 => Ok(position),
            Some(_) => Err(Error::from_number(crate::sys::support::errno())),
            None => Err(Error::NotSupported),
        }
    }
}

unsafe fn close_cookie(file: *mut File) -> libc_posix::Result<()> {
    // SAFETY: as above; nobody uses it afterwards.
    unsafe {
        let cookie = (*file).cookie.cast::<Cookie>();
        let result = match (*cookie).functions.close {
            Some(close) => close((*cookie).cookie),
            None => 0,
        };
        free(cookie.cast());
        called(result as isize).map(|_| ())
    }
}

static COOKIE: Operations = Operations {
    read: read_cookie,
    write: write_cookie,
    seek: seek_cookie,
    close: close_cookie,
};

/// GNU: a stream made of the program's functions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fopencookie(
    cookie: *mut c_void,
    mode: *const c_char,
    functions: CookieFunctions,
) -> *mut File {
    // SAFETY: the caller's.
    unsafe {
        let Some((_, flags)) = parse(text(mode)) else {
            return none(Error::BadArgument);
        };
        let kept: *mut Cookie = malloc(size_of::<Cookie>()).cast();
        if kept.is_null() {
            return core::ptr::null_mut();
        }
        kept.write(Cookie { functions, cookie });
        let file = make(&COOKIE, -1, flags);
        if file.is_null() {
            free(kept.cast());
        } else {
            (*file).cookie = kept.cast();
        }
        file
    }
}
