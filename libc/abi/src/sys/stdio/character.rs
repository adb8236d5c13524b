//! Characters and lines.
//!
//! SAFETY of the C functions here: streams are open, buffers have the sizes given.

use super::file::{File, flag, locked};
use super::standard::{INPUT, OUTPUT};
use crate::sys::support::text;
use core::ffi::{c_char, c_int};

const EOF: c_int = -1;

fn give(byte: Option<u8>) -> c_int {
    byte.map_or(EOF, c_int::from)
}

/// C 7.21.7.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgetc(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { locked(file, |file| give(file.get())) }
}

/// C 7.21.7.5.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getc(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { fgetc(file) }
}

/// C 7.21.7.6.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getchar() -> c_int {
    // SAFETY: the standard stream.
    unsafe { fgetc(&raw mut INPUT) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getc_unlocked(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { give((*file).get()) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgetc_unlocked(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { give((*file).get()) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getchar_unlocked() -> c_int {
    // SAFETY: the standard stream.
    unsafe { getc_unlocked(&raw mut INPUT) }
}

#[inline]
unsafe fn put(file: &mut File, byte: u8) -> c_int {
    // SAFETY: there is room where the position is below the end.
    unsafe {
        if file.write_position < file.write_end && byte as c_int != file.line_end {
            *file.write_position = byte;
            file.write_position = file.write_position.add(1);
            return byte as c_int;
        }
        if file.write(&[byte]) == 1 {
            byte as c_int
        } else {
            EOF
        }
    }
}

/// C 7.21.7.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fputc(byte: c_int, file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { locked(file, |file| put(file, byte as u8)) }
}

/// C 7.21.7.7.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putc(byte: c_int, file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { fputc(byte, file) }
}

/// C 7.21.7.8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putchar(byte: c_int) -> c_int {
    // SAFETY: the standard stream.
    unsafe { fputc(byte, &raw mut OUTPUT) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putc_unlocked(byte: c_int, file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { put(&mut *file, byte as u8) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fputc_unlocked(byte: c_int, file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { put(&mut *file, byte as u8) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putchar_unlocked(byte: c_int) -> c_int {
    // SAFETY: the standard stream.
    unsafe { putc_unlocked(byte, &raw mut OUTPUT) }
}

/// C 7.21.7.10.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ungetc(byte: c_int, file: *mut File) -> c_int {
    if byte == EOF {
        return EOF;
    }
    // SAFETY: the caller's.
    let pushed = unsafe { locked(file, |file| file.unget(byte as u8)) };
    if pushed { byte as u8 as c_int } else { EOF }
}

unsafe fn line(buffer: *mut c_char, size: c_int, file: &mut File) -> *mut c_char {
    if size <= 0 {
        return core::ptr::null_mut();
    }
    let (mut length, room) = (0, size as usize - 1);
    // SAFETY: the buffer has `size` bytes.
    unsafe {
        while length < room {
            let Some(byte) = file.get() else {
                if length == 0 || file.flags & flag::ERROR != 0 {
                    return core::ptr::null_mut();
                }
                break;
            };
            *buffer.add(length) = byte as c_char;
            length += 1;
            if byte == b'\n' {
                break;
            }
        }
        *buffer.add(length) = 0;
    }
    buffer
}

/// C 7.21.7.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgets(buffer: *mut c_char, size: c_int, file: *mut File) -> *mut c_char {
    // SAFETY: the caller's.
    unsafe { locked(file, |file| line(buffer, size, file)) }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgets_unlocked(
    buffer: *mut c_char,
    size: c_int,
    file: *mut File,
) -> *mut c_char {
    // SAFETY: the caller's.
    unsafe { line(buffer, size, &mut *file) }
}

/// C99, removed for its lack of a bound.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gets(buffer: *mut c_char) -> *mut c_char {
    // SAFETY: the caller hopes that the buffer is large enough.
    unsafe {
        let result = fgets(buffer, c_int::MAX, &raw mut INPUT);
        if !result.is_null() {
            let length = text(buffer).len();
            if length > 0 && *buffer.add(length - 1) == b'\n' as c_char {
                *buffer.add(length - 1) = 0;
            }
        }
        result
    }
}

/// C 7.21.7.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fputs(string: *const c_char, file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let string = text(string);
        let done = locked(file, |file| file.write(string));
        if done == string.len() { 0 } else { EOF }
    }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fputs_unlocked(string: *const c_char, file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { fputs(string, file) }
}

/// C 7.21.7.9.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn puts(string: *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let string = text(string);
        locked(&raw mut OUTPUT, |file| {
            let done = file.write(string) == string.len() && put(file, b'\n') != EOF;
            if done { 0 } else { EOF }
        })
    }
}

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getw(file: *mut File) -> c_int {
    let mut word = [0u8; 4];
    // SAFETY: the caller's.
    match unsafe { super::fread(word.as_mut_ptr().cast(), 4, 1, file) } {
        1 => c_int::from_le_bytes(word),
        _ => EOF,
    }
}

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putw(word: c_int, file: *mut File) -> c_int {
    // SAFETY: the caller's.
    match unsafe { super::fwrite(word.to_le_bytes().as_ptr().cast(), 4, 1, file) } {
        1 => 0,
        _ => EOF,
    }
}

/// C 7.21.10.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn feof(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { ((*file).flags & flag::END != 0) as c_int }
}

/// C 7.21.10.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferror(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { ((*file).flags & flag::ERROR != 0) as c_int }
}

/// C 7.21.10.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clearerr(file: *mut File) {
    // SAFETY: the caller's.
    unsafe { locked(file, |file| file.flags &= !(flag::END | flag::ERROR)) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn feof_unlocked(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { feof(file) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferror_unlocked(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe { ferror(file) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clearerr_unlocked(file: *mut File) {
    // SAFETY: the caller's.
    unsafe { clearerr(file) }
}
