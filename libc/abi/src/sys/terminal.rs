//! Terminals: `<termios.h>`, `isatty`, `ttyname`, pseudo terminals.
//!
//! SAFETY of the C functions here: structures and buffers are valid.

use super::control::transfer;
use super::support::{Error, Result, copy_text, fail, int, status};
use core::ffi::{c_char, c_int, c_void};
use libc_posix::descriptor;

/// `struct termios`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
#[allow(missing_docs, reason = "named as POSIX names them")]
pub struct Termios {
    pub c_iflag: u32,
    pub c_oflag: u32,
    pub c_cflag: u32,
    pub c_lflag: u32,
    pub c_line: u8,
    pub c_cc: [u8; 32],
    pub input_speed: u32,
    pub output_speed: u32,
}

const _: () = assert!(size_of::<Termios>() == super::control::TERMIOS_SIZE);

mod request {
    pub const TCGETS: u32 = 0x5401;
    pub const TCSETS: u32 = 0x5402;
    pub const TCSBRK: u32 = 0x5409;
    pub const TCXONC: u32 = 0x540a;
    pub const TCFLSH: u32 = 0x540b;
    pub const TIOCGPGRP: u32 = 0x540f;
    pub const TIOCSPGRP: u32 = 0x5410;
    pub const TIOCGWINSZ: u32 = 0x5413;
    pub const TIOCSWINSZ: u32 = 0x5414;
    pub const TIOCGSID: u32 = 0x5429;
    pub const TIOCGPTN: u32 = 0x8004_5430;
    pub const TIOCSPTLCK: u32 = 0x4004_5431;
}

fn get<T>(fd: c_int, request: u32, out: *mut T) -> Result<()> {
    // SAFETY: the caller's structure is of the type that the request fills.
    unsafe { transfer(fd, request, out.cast()) }.map(|_| ())
}

fn value(fd: c_int, request: u32, value: c_int) -> Result<()> {
    // SAFETY: these requests take an integer.
    unsafe { transfer(fd, request, value as isize as *mut c_void) }.map(|_| ())
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn isatty(fd: c_int) -> c_int {
    let mut size = [0u16; 4];
    match get(fd, request::TIOCGWINSZ, &mut size) {
        Ok(()) => 1,
        Err(Error::BadHandle) => {
            fail(Error::BadHandle as c_int);
            0
        }
        Err(_) => {
            fail(Error::NotTerminal as c_int);
            0
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcgetattr(fd: c_int, out: *mut Termios) -> c_int {
    let mut termios = Termios::default();
    status(get(fd, request::TCGETS, &mut termios).map(|()| {
        // SAFETY: the caller's.
        unsafe { *out = termios };
    }))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcsetattr(fd: c_int, when: c_int, new: *const Termios) -> c_int {
    if !(0..=2).contains(&when) {
        return fail(Error::BadArgument as c_int);
    }
    status(get(fd, request::TCSETS + when as u32, new.cast_mut()))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn tcsendbreak(fd: c_int, _duration: c_int) -> c_int {
    status(value(fd, request::TCSBRK, 0))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn tcdrain(fd: c_int) -> c_int {
    status(value(fd, request::TCSBRK, 1))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn tcflow(fd: c_int, action: c_int) -> c_int {
    status(value(fd, request::TCXONC, action))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn tcflush(fd: c_int, queue: c_int) -> c_int {
    status(value(fd, request::TCFLSH, queue))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn tcgetpgrp(fd: c_int) -> c_int {
    let mut group = 0;
    int(get(fd, request::TIOCGPGRP, &mut group).map(|()| group))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn tcsetpgrp(fd: c_int, mut group: c_int) -> c_int {
    status(get(fd, request::TIOCSPGRP, &mut group))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn tcgetsid(fd: c_int) -> c_int {
    let mut session = 0;
    int(get(fd, request::TIOCGSID, &mut session).map(|()| session))
}

/// POSIX 2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcgetwinsize(fd: c_int, size: *mut [u16; 4]) -> c_int {
    status(get(fd, request::TIOCGWINSZ, size))
}

/// POSIX 2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcsetwinsize(fd: c_int, size: *const [u16; 4]) -> c_int {
    status(get(fd, request::TIOCSWINSZ, size.cast_mut()))
}

const CBAUD: u32 = 0o10017;

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfgetospeed(termios: *const Termios) -> u32 {
    // SAFETY: the caller's.
    unsafe { (*termios).c_cflag & CBAUD }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfgetispeed(termios: *const Termios) -> u32 {
    // SAFETY: the caller's.
    unsafe { cfgetospeed(termios) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfsetospeed(termios: *mut Termios, speed: u32) -> c_int {
    if speed & !CBAUD != 0 {
        return fail(Error::BadArgument as c_int);
    }
    // SAFETY: the caller's.
    unsafe { (*termios).c_cflag = (*termios).c_cflag & !CBAUD | speed };
    0
}

/// POSIX: 0 means the output's speed, which is the only one there is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfsetispeed(termios: *mut Termios, speed: u32) -> c_int {
    if speed == 0 {
        0
    } else {
        // SAFETY: the caller's.
        unsafe { cfsetospeed(termios, speed) }
    }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfsetspeed(termios: *mut Termios, speed: u32) -> c_int {
    // SAFETY: the caller's.
    unsafe { cfsetospeed(termios, speed) }
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfmakeraw(termios: *mut Termios) {
    const IGNBRK_TO_ICRNL: u32 = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000;
    const ECHO_ECHONL_ICANON_ISIG_IEXTEN: u32 = 0o10 | 0o100 | 0o2 | 0o1 | 0o100000;
    const OPOST: u32 = 1;
    const CSIZE_PARENB: u32 = 0o60 | 0o400;
    const CS8: u32 = 0o60;
    const VTIME: usize = 5;
    const VMIN: usize = 6;
    // SAFETY: the caller's.
    let termios = unsafe { &mut *termios };
    termios.c_iflag &= !IGNBRK_TO_ICRNL;
    termios.c_oflag &= !OPOST;
    termios.c_lflag &= !ECHO_ECHONL_ICANON_ISIG_IEXTEN;
    termios.c_cflag = termios.c_cflag & !CSIZE_PARENB | CS8;
    (termios.c_cc[VMIN], termios.c_cc[VTIME]) = (1, 0);
}

/// POSIX: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ttyname_r(fd: c_int, buffer: *mut c_char, size: usize) -> c_int {
    if isatty(fd) == 0 {
        return super::support::errno();
    }
    let mut path = [0u8; 256];
    match descriptor::path(fd, &mut path) {
        Ok(length) if length < size => {
            // SAFETY: the caller's.
            copy_text(&path[..length], unsafe {
                super::support::bytes_mut(buffer.cast(), size)
            });
            0
        }
        Ok(_) => Error::OutOfRange as c_int,
        Err(error) => error as c_int,
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ttyname(fd: c_int) -> *mut c_char {
    static mut NAME: [c_char; 256] = [0; 256];
    // SAFETY: POSIX makes no promise to threads here.
    unsafe {
        let name = (&raw mut NAME).cast();
        match ttyname_r(fd, name, 256) {
            0 => name,
            error => {
                fail(error);
                core::ptr::null_mut()
            }
        }
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctermid(buffer: *mut c_char) -> *mut c_char {
    let name = c"/dev/tty";
    if buffer.is_null() {
        return name.as_ptr().cast_mut();
    }
    // SAFETY: the caller's buffer has L_ctermid bytes.
    unsafe { core::ptr::copy_nonoverlapping(name.as_ptr(), buffer, 9) };
    buffer
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn posix_openpt(flags: c_int) -> c_int {
    let directory = libc_posix::names::WORKING_DIRECTORY;
    let opened = libc_posix::names::open(directory, b"/dev/ptmx", flags as u32, 0);
    int(opened.map_err(|error| match error {
        Error::NoSpace => Error::WouldBlock,
        other => other,
    }))
}

/// POSIX: what is no master is a bad argument.
fn master_only(result: Result<()>) -> Result<()> {
    result.map_err(|error| match error {
        Error::NotTerminal => Error::BadArgument,
        other => other,
    })
}

/// POSIX: the terminal server gives the slave to its opener already.
#[unsafe(no_mangle)]
pub extern "C" fn grantpt(fd: c_int) -> c_int {
    let mut number = 0u32;
    status(master_only(get(fd, request::TIOCGPTN, &mut number)))
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn unlockpt(fd: c_int) -> c_int {
    let mut locked: c_int = 0;
    status(master_only(get(fd, request::TIOCSPTLCK, &mut locked)))
}

/// POSIX 2024: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ptsname_r(fd: c_int, buffer: *mut c_char, size: usize) -> c_int {
    let mut number = 0u32;
    if let Err(error) = get(fd, request::TIOCGPTN, &mut number) {
        return error as c_int;
    }
    let mut name = [0u8; 24];
    name[..9].copy_from_slice(b"/dev/pts/");
    let mut digits = [0u8; 10];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    let length = 9 + digits.len() - first;
    name[9..length].copy_from_slice(&digits[first..]);
    if length >= size {
        return Error::OutOfRange as c_int;
    }
    // SAFETY: the caller's.
    copy_text(&name[..length], unsafe {
        super::support::bytes_mut(buffer.cast(), size)
    });
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ptsname(fd: c_int) -> *mut c_char {
    static mut NAME: [c_char; 24] = [0; 24];
    // SAFETY: POSIX makes no promise to threads here.
    unsafe {
        let name = (&raw mut NAME).cast();
        match ptsname_r(fd, name, 24) {
            0 => name,
            error => {
                fail(error);
                core::ptr::null_mut()
            }
        }
    }
}

/// BSD: a pair of pseudo terminal ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openpty(
    master: *mut c_int,
    slave: *mut c_int,
    name: *mut c_char,
    termios: *const Termios,
    size: *const [u16; 4],
) -> c_int {
    const O_RDWR_NOCTTY: c_int = 0o402;
    // SAFETY: the caller's.
    unsafe {
        let first = posix_openpt(O_RDWR_NOCTTY);
        if first < 0 {
            return -1;
        }
        let mut path = [0 as c_char; 24];
        let mut second = -1;
        if unlockpt(first) == 0 && ptsname_r(first, path.as_mut_ptr(), path.len()) == 0 {
            second = super::files::open(path.as_ptr(), O_RDWR_NOCTTY);
        }
        if second < 0 {
            super::io::close(first);
            return -1;
        }
        if !name.is_null() {
            core::ptr::copy_nonoverlapping(path.as_ptr(), name, path.len());
        }
        if !termios.is_null() {
            tcsetattr(second, 0, termios);
        }
        if !size.is_null() {
            tcsetwinsize(second, size);
        }
        (*master, *slave) = (first, second);
    }
    0
}

/// BSD: makes a terminal the controlling one and the three standard descriptors.
#[unsafe(no_mangle)]
pub extern "C" fn login_tty(fd: c_int) -> c_int {
    const TIOCSCTTY: u32 = 0x540e;
    super::identity::setsid();
    if status(value(fd, TIOCSCTTY, 0)) != 0 {
        return -1;
    }
    for target in 0..3 {
        super::io::dup2(fd, target);
    }
    if fd > 2 {
        super::io::close(fd);
    }
    0
}

/// BSD: forks with a pseudo terminal in between.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forkpty(
    master: *mut c_int,
    name: *mut c_char,
    termios: *const Termios,
    size: *const [u16; 4],
) -> c_int {
    let (mut first, mut second) = (-1, -1);
    // SAFETY: the caller's.
    unsafe {
        if openpty(&mut first, &mut second, name, termios, size) != 0 {
            return -1;
        }
        let child = super::process::fork();
        if child == 0 {
            super::io::close(first);
            if login_tty(second) != 0 {
                super::start::_exit(127);
            }
            return 0;
        }
        super::io::close(second);
        if child < 0 {
            super::io::close(first);
            return -1;
        }
        *master = first;
        child
    }
}
