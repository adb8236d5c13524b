//! Streams over memory: `fmemopen`, `open_memstream`, `open_wmemstream`.
//!
//! SAFETY of the C functions here: buffers have the sizes given and outlive the stream (POSIX).

use super::file::{File, Operations, flag};
use super::open::{make, parse};
use crate::sys::heap::{calloc, free, malloc, realloc};
use crate::sys::support::{Error, Result, set_errno, text};
use core::ffi::{c_char, c_int, c_void};

/// What a memory stream is over.
struct Memory {
    bytes: *mut u8,
    /// Bytes of room (`fmemopen`), or allocated (`open_memstream`).
    room: usize,
    /// Bytes of content.
    length: usize,
    position: usize,
    append: bool,
    owned: bool,
    /// Where `open_memstream` tells the caller, and the size of a character there.
    told: (*mut *mut c_void, *mut usize),
    unit: usize,
}

unsafe fn of<'a>(file: *mut File) -> &'a mut Memory {
    // SAFETY: the stream's cookie is one of ours.
    unsafe { &mut *(*file).cookie.cast() }
}

unsafe fn read(file: *mut File, bytes: &mut [u8]) -> Result<usize> {
    // SAFETY: the content is `length` bytes.
    unsafe {
        let memory = of(file);
        let count = bytes
            .len()
            .min(memory.length.saturating_sub(memory.position));
        core::ptr::copy_nonoverlapping(
            memory.bytes.add(memory.position),
            bytes.as_mut_ptr(),
            count,
        );
        memory.position += count;
        Ok(count)
    }
}

unsafe fn write(file: *mut File, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the copied range is within the room.
    unsafe {
        let memory = of(file);
        if memory.append {
            memory.position = memory.length;
        }
        let count = bytes.len().min(memory.room.saturating_sub(memory.position));
        if count == 0 && !bytes.is_empty() {
            return Err(Error::NoSpace);
        }
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), memory.bytes.add(memory.position), count);
        memory.position += count;
        if memory.position > memory.length {
            memory.length = memory.position;
            // POSIX: a NUL follows what was written, where there is room.
            if memory.length < memory.room {
                *memory.bytes.add(memory.length) = 0;
            }
        }
        Ok(count)
    }
}

fn target(memory: &Memory, offset: i64, whence: c_int) -> Result<usize> {
    let base = match whence {
        0 => 0,
        1 => memory.position,
        _ => memory.length,
    };
    let position = (base as i64)
        .checked_add(offset)
        .ok_or(Error::BadArgument)?;
    usize::try_from(position).map_err(|_| Error::BadArgument)
}

unsafe fn seek(file: *mut File, offset: i64, whence: c_int) -> Result<i64> {
    // SAFETY: the stream is one of ours.
    let memory = unsafe { of(file) };
    let position = target(memory, offset, whence)?;
    if position > memory.room {
        return Err(Error::BadArgument);
    }
    memory.position = position;
    Ok(position as i64)
}

unsafe fn close(file: *mut File) -> Result<()> {
    // SAFETY: nobody uses the stream afterwards.
    unsafe {
        let memory = of(file);
        if memory.owned {
            free(memory.bytes.cast());
        }
        free((*file).cookie);
    }
    Ok(())
}

static FIXED: Operations = Operations {
    read,
    write,
    seek,
    close,
};

unsafe fn open(memory: Memory, operations: &'static Operations, flags: u32) -> *mut File {
    let kept: *mut Memory = malloc(size_of::<Memory>()).cast();
    if kept.is_null() {
        return core::ptr::null_mut();
    }
    // SAFETY: just allocated.
    unsafe {
        kept.write(memory);
        let file = make(operations, -1, flags);
        if file.is_null() {
            free(kept.cast());
        } else {
            (*file).cookie = kept.cast();
        }
        file
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fmemopen(
    buffer: *mut c_void,
    size: usize,
    mode: *const c_char,
) -> *mut File {
    // SAFETY: the caller's.
    unsafe {
        let mode = text(mode);
        let Some((_, flags)) = parse(mode) else {
            set_errno(Error::BadArgument as c_int);
            return core::ptr::null_mut();
        };
        let owned = buffer.is_null();
        let bytes: *mut u8 = if owned {
            calloc(1, size.max(1)).cast()
        } else {
            buffer.cast()
        };
        if bytes.is_null() {
            return core::ptr::null_mut();
        }
        let whole = core::slice::from_raw_parts(bytes, size);
        let used = whole.iter().position(|byte| *byte == 0).unwrap_or(size);
        let (length, position) = match mode[0] {
            b'r' => (size, 0),
            b'a' => (used, used),
            _ => (0, 0),
        };
        if mode[0] == b'w' && size > 0 && !owned {
            *bytes = 0;
        }
        let memory = Memory {
            bytes,
            room: size,
            length,
            position,
            append: flags & flag::APPEND != 0,
            owned,
            told: (core::ptr::null_mut(), core::ptr::null_mut()),
            unit: 1,
        };
        let file = open(memory, &FIXED, flags);
        if file.is_null() && owned {
            free(bytes.cast());
        }
        file
    }
}

/// Tells the caller of `open_memstream` where the content is.
unsafe fn tell(memory: &Memory) {
    // SAFETY: the caller's variables outlive the stream.
    unsafe {
        *memory.told.0 = memory.bytes.cast();
        *memory.told.1 = memory.length.min(memory.position) / memory.unit;
    }
}

/// Room for `needed` bytes and a NUL character, the new bytes zeroed.
unsafe fn reserve(memory: &mut Memory, needed: usize) -> Result<()> {
    let wanted = needed + memory.unit;
    if wanted <= memory.room {
        return Ok(());
    }
    let room = wanted.max(memory.room * 2).max(64);
    // SAFETY: the bytes are the stream's own.
    unsafe {
        let bytes: *mut u8 = realloc(memory.bytes.cast(), room).cast();
        if bytes.is_null() {
            return Err(Error::NoMemory);
        }
        core::ptr::write_bytes(bytes.add(memory.room), 0, room - memory.room);
        (memory.bytes, memory.room) = (bytes, room);
    }
    Ok(())
}

unsafe fn write_growing(file: *mut File, bytes: &[u8]) -> Result<usize> {
    // SAFETY: as in `write`.
    unsafe {
        let memory = of(file);
        reserve(memory, memory.position + bytes.len())?;
        let target = memory.bytes.add(memory.position);
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
        memory.position += bytes.len();
        if memory.position > memory.length {
            memory.length = memory.position;
            core::ptr::write_bytes(memory.bytes.add(memory.length), 0, memory.unit);
        }
        tell(memory);
    }
    Ok(bytes.len())
}

/// A wide stream's bytes are UTF-8; its memory holds the characters.
unsafe fn write_wide(file: *mut File, bytes: &[u8]) -> Result<usize> {
    let Ok(characters) = core::str::from_utf8(bytes) else {
        return Err(Error::BadArgument);
    };
    for character in characters.chars() {
        // SAFETY: as above.
        unsafe { write_growing(file, &(character as u32).to_le_bytes())? };
    }
    Ok(bytes.len())
}

unsafe fn seek_growing(file: *mut File, offset: i64, whence: c_int) -> Result<i64> {
    // SAFETY: the stream is one of ours.
    unsafe {
        let memory = of(file);
        let unit = memory.unit as i64;
        let position = target(memory, offset * unit, whence)?;
        memory.position = position;
        tell(memory);
        Ok(position as i64 / unit)
    }
}

unsafe fn close_growing(file: *mut File) -> Result<()> {
    // SAFETY: the bytes are the caller's from now on.
    unsafe { free((*file).cookie) };
    Ok(())
}

static GROWING: Operations = Operations {
    read,
    write: write_growing,
    seek: seek_growing,
    close: close_growing,
};
static GROWING_WIDE: Operations = Operations {
    read,
    write: write_wide,
    seek: seek_growing,
    close: close_growing,
};

unsafe fn growing(
    told: (*mut *mut c_void, *mut usize),
    unit: usize,
    operations: &'static Operations,
) -> *mut File {
    let mut memory = Memory {
        bytes: core::ptr::null_mut(),
        room: 0,
        length: 0,
        position: 0,
        append: false,
        owned: false,
        told,
        unit,
    };
    // SAFETY: the caller's variables.
    unsafe {
        if reserve(&mut memory, 0).is_err() {
            return core::ptr::null_mut();
        }
        tell(&memory);
        open(memory, operations, flag::NO_READ)
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open_memstream(result: *mut *mut c_char, size: *mut usize) -> *mut File {
    // SAFETY: the caller's.
    unsafe { growing((result.cast(), size), 1, &GROWING) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open_wmemstream(result: *mut *mut i32, size: *mut usize) -> *mut File {
    // SAFETY: the caller's.
    unsafe { growing((result.cast(), size), 4, &GROWING_WIDE) }
}
