//! `popen`.
//!
//! SAFETY of the C functions here: strings are NUL-ended, the stream comes from `popen`.

use super::file::{DESCRIPTOR, File, flag};
use super::open::make;
use crate::sys::support::{Error, fail, set_errno, text};
use crate::sys::{execute, io, process, start};
use core::ffi::{c_char, c_int};
use libc_posix::descriptor;

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn popen(command: *const c_char, mode: *const c_char) -> *mut File {
    // SAFETY: the caller's.
    unsafe {
        let mode = text(mode);
        let reading = match mode.first() {
            Some(b'r') => true,
            Some(b'w') => false,
            _ => {
                set_errno(Error::BadArgument as c_int);
                return core::ptr::null_mut();
            }
        };
        let mut ends = [0; 2];
        if io::pipe2(&mut ends, 0o2000000) != 0 {
            return core::ptr::null_mut();
        }
        let (own, other) = if reading {
            (ends[0], ends[1])
        } else {
            (ends[1], ends[0])
        };
        let flags = if reading {
            flag::NO_WRITE
        } else {
            flag::NO_READ
        };
        let file = make(&DESCRIPTOR, own, flags);
        let child = if file.is_null() { -1 } else { process::fork() };
        if child == 0 {
            let target = if reading { 1 } else { 0 };
            if other == target {
                let _ = descriptor::set_close_on_exec(other, false);
            } else {
                io::dup2(other, target);
            }
            execute::execl(
                c"/bin/sh".as_ptr(),
                c"sh".as_ptr(),
                c"-c".as_ptr(),
                command,
                core::ptr::null::<c_char>(),
            );
            start::_exit(127);
        }
        io::close(other);
        if child < 0 {
            if file.is_null() {
                io::close(own);
            } else {
                process::keep_errno(|| super::fclose(file));
            }
            return core::ptr::null_mut();
        }
        if !mode.contains(&b'e') {
            let _ = descriptor::set_close_on_exec(own, false);
        }
        (*file).process = child;
        file
    }
}

/// POSIX: the command's status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pclose(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let child = (*file).process;
        super::fclose(file);
        let mut status = -1;
        while process::waitpid(child, &mut status, 0) < 0 {
            let error = crate::sys::support::errno();
            if error != Error::Interrupted as c_int {
                return fail(error);
            }
        }
        status
    }
}
