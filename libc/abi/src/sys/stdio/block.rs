//! Blocks, and lines of any length.
//!
//! SAFETY of the C functions here: streams are open, buffers have the sizes given.

use super::file::{File, flag, locked};
use crate::sys::heap::realloc;
use crate::sys::support::{Error, bytes, fail};
use core::ffi::{c_char, c_int, c_void};

unsafe fn read(file: &mut File, target: *mut u8, total: usize) -> usize {
    let mut done = 0;
    // SAFETY: `total` bytes of the target are the caller's.
    unsafe {
        while done < total {
            let buffered = file.unread().min(total - done);
            if buffered > 0 {
                core::ptr::copy_nonoverlapping(file.read_position, target.add(done), buffered);
                file.read_position = file.read_position.add(buffered);
                done += buffered;
                continue;
            }
            let rest = total - done;
            // A large rest goes straight to the caller; a small one through the buffer.
            if rest >= file.size.max(1) {
                if (file.read_position.is_null() || !file.write_end.is_null()) && !file.begin_read()
                {
                    break;
                }
                match file.read_some(core::slice::from_raw_parts_mut(target.add(done), rest)) {
                    0 => break,
                    count => done += count,
                }
            } else if !file.fill() {
                break;
            }
        }
    }
    done
}

/// C 7.21.8.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fread(
    target: *mut c_void,
    size: usize,
    count: usize,
    file: *mut File,
) -> usize {
    let Some(total) = size.checked_mul(count).filter(|total| *total > 0) else {
        return 0;
    };
    // SAFETY: the caller's.
    let done = unsafe { locked(file, |file| read(file, target.cast(), total)) };
    if done == total { count } else { done / size }
}

/// C 7.21.8.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fwrite(
    source: *const c_void,
    size: usize,
    count: usize,
    file: *mut File,
) -> usize {
    let Some(total) = size.checked_mul(count).filter(|total| *total > 0) else {
        return 0;
    };
    // SAFETY: the caller's.
    let done = unsafe { locked(file, |file| file.write(bytes(source, total))) };
    if done == total { count } else { done / size }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fread_unlocked(
    target: *mut c_void,
    size: usize,
    count: usize,
    file: *mut File,
) -> usize {
    // SAFETY: the caller's.
    unsafe { fread(target, size, count, file) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fwrite_unlocked(
    source: *const c_void,
    size: usize,
    count: usize,
    file: *mut File,
) -> usize {
    // SAFETY: the caller's.
    unsafe { fwrite(source, size, count, file) }
}

/// Appends up to and with a delimiter to an allocated buffer: the length, 0 at the end.
unsafe fn delimited(
    line: &mut *mut c_char,
    room: &mut usize,
    delimiter: u8,
    file: &mut File,
) -> Result<usize, Error> {
    let mut length = 0;
    // SAFETY: the line has `room` bytes; the window is the stream's.
    unsafe {
        if line.is_null() {
            *room = 0;
        }
        loop {
            if file.unread() == 0 && !file.fill() {
                break;
            }
            let window = core::slice::from_raw_parts(file.read_position, file.unread());
            let found = window.iter().position(|byte| *byte == delimiter);
            let take = found.map_or(window.len(), |at| at + 1);
            if length + take + 1 > *room {
                let wanted = (length + take + 1).max(*room * 2).max(120);
                let longer: *mut c_char = realloc((*line).cast(), wanted).cast();
                if longer.is_null() {
                    return Err(Error::NoMemory);
                }
                (*line, *room) = (longer, wanted);
            }
            core::ptr::copy_nonoverlapping(window.as_ptr(), line.add(length).cast(), take);
            file.read_position = file.read_position.add(take);
            length += take;
            if found.is_some() {
                break;
            }
        }
        if length > 0 {
            *line.add(length) = 0;
        }
    }
    Ok(length)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getdelim(
    line: *mut *mut c_char,
    room: *mut usize,
    delimiter: c_int,
    file: *mut File,
) -> isize {
    if line.is_null() || room.is_null() {
        return fail(Error::BadArgument as c_int) as isize;
    }
    // SAFETY: the caller's.
    unsafe {
        let result = locked(file, |file| {
            delimited(&mut *line, &mut *room, delimiter as u8, file)
                .inspect_err(|_| file.flags |= flag::ERROR)
        });
        match result {
            Ok(0) => -1,
            Ok(length) => length as isize,
            Err(error) => fail(error as c_int) as isize,
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getline(
    line: *mut *mut c_char,
    room: *mut usize,
    file: *mut File,
) -> isize {
    // SAFETY: the caller's.
    unsafe { getdelim(line, room, b'\n' as c_int, file) }
}

/// GNU and musl's own name for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __getdelim(
    line: *mut *mut c_char,
    room: *mut usize,
    delimiter: c_int,
    file: *mut File,
) -> isize {
    // SAFETY: the caller's.
    unsafe { getdelim(line, room, delimiter, file) }
}

/// BSD: a line without NUL, good until the next operation on the stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgetln(file: *mut File, length: *mut usize) -> *mut c_char {
    let mut room = 0;
    // SAFETY: the caller's. The old line is freed and a new one made.
    unsafe {
        crate::sys::heap::free((*file).line);
        let mut line = core::ptr::null_mut();
        let got = getdelim(&mut line, &mut room, b'\n' as c_int, file);
        (*file).line = line.cast();
        *length = got.max(0) as usize;
        if got <= 0 {
            core::ptr::null_mut()
        } else {
            line
        }
    }
}
