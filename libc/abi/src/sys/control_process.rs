//! `prctl`, `reboot` and other controls of the process and the system.
//!
//! SAFETY of the C functions here: the variable arguments have the types the option wants.

use super::support::{Error, fail, status, text};
use core::ffi::{c_char, c_int, c_long};
use libc_rt::thread;

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prctl(option: c_int, mut rest: ...) -> c_int {
    const SET_DUMPABLE: c_int = 4;
    const GET_DUMPABLE: c_int = 3;
    const SET_NAME: c_int = 15;
    const GET_NAME: c_int = 16;
    const SET_CHILD_SUBREAPER: c_int = 36;
    const SET_NO_NEW_PRIVS: c_int = 38;
    // SAFETY: the caller's.
    unsafe {
        match option {
            SET_NAME => {
                let name = text(rest.arg::<*const c_char>());
                let block = &mut *thread::current();
                super::support::copy_text(&name[..name.len().min(15)], &mut block.name);
                0
            }
            GET_NAME => {
                let out = rest.arg::<*mut u8>();
                core::ptr::copy_nonoverlapping((*thread::current()).name.as_ptr(), out, 16);
                0
            }
            SET_CHILD_SUBREAPER => status(libc_posix::process::set_reaper(rest.arg::<u64>() != 0)),
            GET_DUMPABLE => 1,
            SET_DUMPABLE => 0,
            SET_NO_NEW_PRIVS => fail(Error::Unsupported as c_int),
            _ => fail(Error::BadArgument as c_int),
        }
    }
}

/// System V.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ulimit(command: c_int, mut rest: ...) -> c_long {
    const FSIZE: c_int = 1;
    const UNIT: u64 = 512;
    let mut limit = [0u64; 2];
    // SAFETY: the caller's.
    unsafe {
        if super::identity::getrlimit(FSIZE, &mut limit) != 0 {
            return -1;
        }
        match command {
            1 => (limit[0] / UNIT).min(c_long::MAX as u64) as c_long,
            2 => {
                let blocks = rest.arg::<c_long>().max(0) as u64;
                limit[0] = blocks.saturating_mul(UNIT);
                match super::identity::setrlimit(FSIZE, &limit) {
                    0 => blocks as c_long,
                    _ => -1,
                }
            }
            _ => fail(Error::BadArgument as c_int) as c_long,
        }
    }
}

/// POSIX: `flags` say what of a line's interrupted descriptor is kept; closing never waits here.
#[unsafe(no_mangle)]
pub extern "C" fn posix_close(fd: c_int, _flags: c_int) -> c_int {
    super::io::close(fd)
}

/// System V IPC's key of a file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftok(path: *const c_char, project: c_int) -> c_int {
    let directory = libc_posix::names::WORKING_DIRECTORY;
    // SAFETY: the caller's.
    match libc_posix::names::status(directory, unsafe { text(path) }, 0) {
        Ok(found) => {
            let node = found.node as u32 & 0xffff;
            (node | (found.device as u32 & 0xff) << 16 | (project as u32 & 0xff) << 24) as c_int
        }
        Err(error) => fail(error as c_int),
    }
}

/// BSD: asks for a password on the terminal, without echo.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getpass(prompt: *const c_char) -> *mut c_char {
    use super::terminal::{Termios, tcgetattr, tcsetattr};
    static mut LINE: [c_char; 128] = [0; 128];
    const O_RDWR_NOCTTY_CLOEXEC: c_int = 0o2000402;
    const ECHO: u32 = 0o10;
    const TCSAFLUSH: c_int = 2;
    // SAFETY: the caller's prompt; no promise is made to threads here.
    unsafe {
        let fd = super::files::open(c"/dev/tty".as_ptr(), O_RDWR_NOCTTY_CLOEXEC);
        if fd < 0 {
            return core::ptr::null_mut();
        }
        let mut before = Termios::default();
        tcgetattr(fd, &mut before);
        let mut silent = before;
        silent.c_lflag &= !ECHO;
        tcsetattr(fd, TCSAFLUSH, &silent);
        super::stdio::dprintf(fd, c"%s".as_ptr(), prompt);
        let line = (&raw mut LINE).cast::<c_char>();
        let length = super::io::read(fd, line.cast(), 127);
        tcsetattr(fd, TCSAFLUSH, &before);
        super::stdio::dprintf(fd, c"\n".as_ptr());
        super::io::close(fd);
        if length < 0 {
            return core::ptr::null_mut();
        }
        let end = length as usize;
        let end = if end > 0 && *line.add(end - 1) == b'\n' as c_char {
            end - 1
        } else {
            end
        };
        *line.add(end) = 0;
        line
    }
}
