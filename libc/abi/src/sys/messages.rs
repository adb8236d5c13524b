//! Messages to people: `<err.h>`, `<error.h>`, `<syslog.h>`.
//!
//! SAFETY of the C functions here: arguments match the format.

use super::start::{exit, program_invocation_short_name};
use super::stdio::{self, stderr};
use super::support::errno;
use crate::pure::message::strerror;
use core::ffi::{VaList, c_char, c_int};
use core::sync::atomic::{AtomicI32, Ordering};

/// `NAME: text[: error]`.
unsafe fn complain(error: Option<c_int>, format: *const c_char, list: VaList<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let file = stderr.0;
        stdio::flockfile(file);
        stdio::fprintf(file, c"%s: ".as_ptr(), program_invocation_short_name);
        if !format.is_null() {
            stdio::vfprintf(file, format, list);
            if error.is_some() {
                stdio::fputs(c": ".as_ptr(), file);
            }
        }
        match error {
            Some(error) => stdio::fprintf(file, c"%s\n".as_ptr(), strerror(error)),
            None => stdio::fputc(b'\n' as c_int, file),
        };
        stdio::funlockfile(file);
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vwarn(format: *const c_char, list: VaList<'_>) {
    // SAFETY: the caller's.
    unsafe { complain(Some(errno()), format, list) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vwarnx(format: *const c_char, list: VaList<'_>) {
    // SAFETY: the caller's.
    unsafe { complain(None, format, list) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn warn(format: *const c_char, list: ...) {
    // SAFETY: the caller's.
    unsafe { complain(Some(errno()), format, list) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn warnx(format: *const c_char, list: ...) {
    // SAFETY: the caller's.
    unsafe { complain(None, format, list) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verr(status: c_int, format: *const c_char, list: VaList<'_>) -> ! {
    // SAFETY: the caller's.
    unsafe {
        complain(Some(errno()), format, list);
        exit(status)
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verrx(status: c_int, format: *const c_char, list: VaList<'_>) -> ! {
    // SAFETY: the caller's.
    unsafe {
        complain(None, format, list);
        exit(status)
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn err(status: c_int, format: *const c_char, list: ...) -> ! {
    // SAFETY: the caller's.
    unsafe { verr(status, format, list) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn errx(status: c_int, format: *const c_char, list: ...) -> ! {
    // SAFETY: the caller's.
    unsafe { verrx(status, format, list) }
}

/// GNU: how many messages there were.
#[unsafe(no_mangle)]
pub static mut error_message_count: u32 = 0;
/// GNU: whether a second message about the same line is kept back.
#[unsafe(no_mangle)]
pub static mut error_one_per_line: c_int = 0;
/// GNU: prints the program's name.
#[unsafe(no_mangle)]
pub static mut error_print_progname: Option<unsafe extern "C" fn()> = None;

unsafe fn report(
    status: c_int,
    number: c_int,
    place: Option<(*const c_char, u32)>,
    format: *const c_char,
    list: VaList<'_>,
) {
    // SAFETY: the caller's.
    unsafe {
        stdio::fflush(super::stdio::stdout.0);
        let file = stderr.0;
        match error_print_progname {
            Some(print) => print(),
            None => {
                stdio::fprintf(
                    file,
                    c"%s: ".as_ptr(),
                    super::start::program_invocation_name,
                );
            }
        }
        if let Some((name, line)) = place {
            stdio::fprintf(file, c"%s:%u: ".as_ptr(), name, line);
        }
        stdio::vfprintf(file, format, list);
        if number != 0 {
            stdio::fprintf(file, c": %s".as_ptr(), strerror(number));
        }
        stdio::fputc(b'\n' as c_int, file);
        error_message_count = error_message_count.wrapping_add(1);
        if status != 0 {
            exit(status);
        }
    }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn error(status: c_int, number: c_int, format: *const c_char, list: ...) {
    // SAFETY: the caller's.
    unsafe { report(status, number, None, format, list) }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn error_at_line(
    status: c_int,
    number: c_int,
    name: *const c_char,
    line: u32,
    format: *const c_char,
    list: ...
) {
    static mut LAST: (*const c_char, u32) = (core::ptr::null(), 0);
    // SAFETY: the caller's; GNU makes no promise to threads here.
    unsafe {
        let is_same = LAST == (name, line);
        LAST = (name, line);
        if error_one_per_line == 0 || !is_same {
            report(status, number, Some((name, line)), format, list);
        }
    }
}

static LOG_MASK: AtomicI32 = AtomicI32::new(0xff);
static LOG_OPTIONS: AtomicI32 = AtomicI32::new(0);
static mut LOG_NAME: *const c_char = core::ptr::null();

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openlog(name: *const c_char, options: c_int, _facility: c_int) {
    LOG_OPTIONS.store(options, Ordering::Relaxed);
    // SAFETY: POSIX has the caller keep the string.
    unsafe { LOG_NAME = name };
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn closelog() {}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn setlogmask(mask: c_int) -> c_int {
    match mask {
        0 => LOG_MASK.load(Ordering::Relaxed),
        mask => LOG_MASK.swap(mask, Ordering::Relaxed),
    }
}

/// POSIX. There is no log server yet: messages go to `/dev/log` if that is a file, and to
/// standard error with `LOG_PERROR` or when there is nothing else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsyslog(priority: c_int, format: *const c_char, list: VaList<'_>) {
    const PERROR: c_int = 0x20;
    const O_WRONLY_APPEND_CLOEXEC: c_int = 0o2002001;
    if LOG_MASK.load(Ordering::Relaxed) & (1 << (priority & 7)) == 0 {
        return;
    }
    let mut text = [0 as c_char; 1024];
    let mut line = [0 as c_char; 1200];
    // SAFETY: the caller's; buffers have the sizes given.
    unsafe {
        crate::pure::format::vsnprintf(text.as_mut_ptr(), text.len(), format, list);
        let name = if LOG_NAME.is_null() {
            program_invocation_short_name
        } else {
            LOG_NAME.cast_mut()
        };
        let length = crate::pure::format::snprintf(
            line.as_mut_ptr(),
            line.len(),
            c"%s: %s\n".as_ptr(),
            name,
            text.as_ptr(),
        );
        let length = (length.max(0) as usize).min(line.len() - 1);
        super::process::keep_errno(|| {
            let log = super::files::open(c"/dev/log".as_ptr(), O_WRONLY_APPEND_CLOEXEC);
            if log >= 0 {
                super::io::write(log, line.as_ptr().cast(), length);
                super::io::close(log);
            }
            if log < 0 || LOG_OPTIONS.load(Ordering::Relaxed) & PERROR != 0 {
                super::io::write(2, line.as_ptr().cast(), length);
            }
        });
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syslog(priority: c_int, format: *const c_char, list: ...) {
    // SAFETY: the caller's.
    unsafe { vsyslog(priority, format, list) }
}
