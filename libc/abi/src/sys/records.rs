//! Tables in files: mounts (`<mntent.h>`), logins (`<utmpx.h>`), shadow passwords, shells.
//!
//! SAFETY of the C functions here: streams are open, strings NUL-ended.

use super::stdio::{self, File};
use super::support::{Error, bytes, fail, set_errno, text};
use core::ffi::{c_char, c_int};

/// `struct mntent`.
#[repr(C)]
pub struct MountEntry {
    source: *mut c_char,
    directory: *mut c_char,
    kind: *mut c_char,
    options: *mut c_char,
    frequency: c_int,
    pass: c_int,
}

/// SunOS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setmntent(path: *const c_char, mode: *const c_char) -> *mut File {
    // SAFETY: the caller's.
    unsafe { stdio::fopen(path, mode) }
}

/// SunOS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn endmntent(file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        if !file.is_null() {
            stdio::fclose(file);
        }
    }
    1
}

/// Undoes `\040` and its kin in place.
unsafe fn unescape(field: *mut c_char) {
    let (mut from, mut to) = (field.cast::<u8>(), field.cast::<u8>());
    // SAFETY: the result is not longer than the NUL-ended field.
    unsafe {
        while *from != 0 {
            let digits = bytes(from.cast(), 1);
            let mut value = digits[0];
            let mut length = 1;
            if value == b'\\' {
                let octal = |at: usize| match *from.add(at) {
                    digit @ b'0'..=b'7' => Some((digit - b'0') as u32),
                    _ => None,
                };
                let number = octal(1).and_then(|first| {
                    let second = octal(2)?;
                    Some(first * 64 + second * 8 + octal(3)?)
                });
                if let Some(number) = number {
                    (value, length) = (number as u8, 4);
                }
            }
            *to = value;
            to = to.add(1);
            from = from.add(length);
        }
        *to = 0;
    }
}

/// Cuts the next blank-separated field off a line.
unsafe fn field(next: &mut *mut c_char) -> *mut c_char {
    let is_blank = |byte: c_char| byte == b' ' as c_char || byte == b'\t' as c_char;
    // SAFETY: the line is NUL-ended.
    unsafe {
        while is_blank(**next) {
            *next = next.add(1);
        }
        let start = *next;
        while **next != 0 && !is_blank(**next) && **next != b'\n' as c_char {
            *next = next.add(1);
        }
        if **next != 0 {
            **next = 0;
            *next = next.add(1);
        }
        unescape(start);
        start
    }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getmntent_r(
    file: *mut File,
    out: *mut MountEntry,
    buffer: *mut c_char,
    size: c_int,
) -> *mut MountEntry {
    // SAFETY: the caller's.
    unsafe {
        loop {
            if stdio::fgets(buffer, size, file).is_null() {
                return core::ptr::null_mut();
            }
            let mut next = buffer;
            let source = field(&mut next);
            if *source == 0 || *source == b'#' as c_char {
                continue;
            }
            let (directory, kind, options) = (field(&mut next), field(&mut next), field(&mut next));
            if *directory == 0 {
                continue;
            }
            *out = MountEntry {
                source,
                directory,
                kind,
                options,
                frequency: crate::pure::number::atoi(field(&mut next)),
                pass: crate::pure::number::atoi(field(&mut next)),
            };
            return out;
        }
    }
}

/// SunOS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getmntent(file: *mut File) -> *mut MountEntry {
    static mut ENTRY: core::mem::MaybeUninit<MountEntry> = core::mem::MaybeUninit::uninit();
    static mut LINE: [c_char; 4096] = [0; 4096];
    // SAFETY: no promise is made to threads here.
    unsafe { getmntent_r(file, (&raw mut ENTRY).cast(), (&raw mut LINE).cast(), 4096) }
}

/// SunOS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn addmntent(file: *mut File, entry: *const MountEntry) -> c_int {
    const SEEK_END: c_int = 2;
    // SAFETY: the caller's.
    unsafe {
        let entry = &*entry;
        if stdio::fseek(file, 0, SEEK_END) != 0 {
            return 1;
        }
        let done = stdio::fprintf(
            file,
            c"%s\t%s\t%s\t%s\t%d\t%d\n".as_ptr(),
            entry.source,
            entry.directory,
            entry.kind,
            entry.options,
            entry.frequency,
            entry.pass,
        );
        (done < 0) as c_int
    }
}

/// SunOS: where an option stands, as a whole word.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hasmntopt(entry: *const MountEntry, option: *const c_char) -> *mut c_char {
    // SAFETY: the caller's.
    unsafe {
        let (options, wanted) = (text((*entry).options), text(option));
        let mut at = 0;
        for word in options.split(|byte| *byte == b',') {
            let name = word.split(|byte| *byte == b'=').next().unwrap_or(word);
            if name == wanted || word == wanted {
                return (*entry).options.add(at);
            }
            at += word.len() + 1;
        }
    }
    core::ptr::null_mut()
}

/// `struct utmpx`, 400 bytes.
#[repr(C)]
pub struct LoginEntry {
    bytes: [u64; 50],
}

macro_rules! no_logins {
    ($($name:ident $(($argument:ident: $type:ty))?;)*) => {$(
        /// POSIX, SVID: nobody keeps login records, so that there are none to find.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $type)?) -> *mut LoginEntry {
            core::ptr::null_mut()
        }
    )*};
}

no_logins! {
    getutxent;
    getutent;
    getutxid(_wanted: *const LoginEntry);
    getutid(_wanted: *const LoginEntry);
    getutxline(_wanted: *const LoginEntry);
    getutline(_wanted: *const LoginEntry);
    pututxline(_new: *const LoginEntry);
    pututline(_new: *const LoginEntry);
}

/// POSIX: there is nothing to rewind.
#[unsafe(no_mangle)]
pub extern "C" fn setutxent() {}
/// POSIX: there is nothing to close.
#[unsafe(no_mangle)]
pub extern "C" fn endutxent() {}
/// SVID: there is nothing to rewind.
#[unsafe(no_mangle)]
pub extern "C" fn setutent() {}
/// SVID: there is nothing to close.
#[unsafe(no_mangle)]
pub extern "C" fn endutent() {}
/// SVID: records are not kept.
#[unsafe(no_mangle)]
pub extern "C" fn updwtmpx(_path: *const c_char, _new: *const LoginEntry) {}
/// SVID: records are not kept.
#[unsafe(no_mangle)]
pub extern "C" fn updwtmp(_path: *const c_char, _new: *const LoginEntry) {}

/// GNU: records are not kept.
#[unsafe(no_mangle)]
pub extern "C" fn utmpxname(_path: *const c_char) -> c_int {
    fail(Error::Unsupported as c_int)
}

/// SVID: records are not kept.
#[unsafe(no_mangle)]
pub extern "C" fn utmpname(_path: *const c_char) -> c_int {
    fail(Error::Unsupported as c_int)
}

/// `struct spwd`.
#[repr(C)]
pub struct ShadowEntry {
    name: *mut c_char,
    password: *mut c_char,
    days: [i64; 6],
    flags: u64,
}

const SHADOW: &core::ffi::CStr = c"/etc/shadow";
const SHADOW_LINE: usize = 1024;

/// Splits a line of the shadow file in place.
unsafe fn parse_shadow(line: *mut c_char, out: *mut ShadowEntry) -> bool {
    // SAFETY: the line is NUL-ended and the caller's.
    unsafe {
        let mut fields = [core::ptr::null_mut::<c_char>(); 9];
        let mut next = line;
        let mut count = 0;
        fields[0] = line;
        while *next != 0 && *next != b'\n' as c_char {
            if *next == b':' as c_char {
                *next = 0;
                count += 1;
                if count == fields.len() {
                    return false;
                }
                fields[count] = next.add(1);
            }
            next = next.add(1);
        }
        *next = 0;
        if count != 8 || *line == 0 {
            return false;
        }
        let number = |field: *mut c_char| {
            if *field == 0 {
                -1
            } else {
                crate::pure::number::atol(field)
            }
        };
        *out = ShadowEntry {
            name: fields[0],
            password: fields[1],
            days: core::array::from_fn(|index| number(fields[index + 2])),
            flags: number(fields[8]) as u64,
        };
    }
    true
}

static mut SHADOW_FILE: *mut File = core::ptr::null_mut();
static mut SHADOW_ENTRY: core::mem::MaybeUninit<ShadowEntry> = core::mem::MaybeUninit::uninit();
static mut SHADOW_TEXT: [c_char; SHADOW_LINE] = [0; SHADOW_LINE];

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setspent() {
    // SAFETY: no promise is made to threads here.
    unsafe {
        if !SHADOW_FILE.is_null() {
            stdio::rewind(SHADOW_FILE);
        }
    }
}

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn endspent() {
    // SAFETY: as above.
    unsafe {
        if !SHADOW_FILE.is_null() {
            stdio::fclose(SHADOW_FILE);
            SHADOW_FILE = core::ptr::null_mut();
        }
    }
}

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getspent() -> *mut ShadowEntry {
    // SAFETY: as above.
    unsafe {
        if SHADOW_FILE.is_null() {
            SHADOW_FILE = stdio::fopen(SHADOW.as_ptr(), c"re".as_ptr());
            if SHADOW_FILE.is_null() {
                return core::ptr::null_mut();
            }
        }
        fgetspent(SHADOW_FILE)
    }
}

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgetspent(file: *mut File) -> *mut ShadowEntry {
    // SAFETY: as above.
    unsafe {
        let line = (&raw mut SHADOW_TEXT).cast::<c_char>();
        while !stdio::fgets(line, SHADOW_LINE as c_int, file).is_null() {
            if parse_shadow(line, (&raw mut SHADOW_ENTRY).cast()) {
                return (&raw mut SHADOW_ENTRY).cast();
            }
        }
    }
    core::ptr::null_mut()
}

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sgetspent(line: *const c_char) -> *mut ShadowEntry {
    // SAFETY: as above.
    unsafe {
        let copy = (&raw mut SHADOW_TEXT).cast::<c_char>();
        super::support::copy_text(
            text(line),
            super::support::bytes_mut(copy.cast(), SHADOW_LINE),
        );
        let entry = (&raw mut SHADOW_ENTRY).cast();
        if parse_shadow(copy, entry) {
            entry
        } else {
            core::ptr::null_mut()
        }
    }
}

/// GNU: returns the error's number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getspnam_r(
    name: *const c_char,
    out: *mut ShadowEntry,
    buffer: *mut c_char,
    size: usize,
    result: *mut *mut ShadowEntry,
) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        *result = core::ptr::null_mut();
        let file = stdio::fopen(SHADOW.as_ptr(), c"re".as_ptr());
        if file.is_null() {
            return super::support::errno();
        }
        while !stdio::fgets(buffer, size.min(SHADOW_LINE) as c_int, file).is_null() {
            if parse_shadow(buffer, out) && text((*out).name) == text(name) {
                *result = out;
                break;
            }
        }
        stdio::fclose(file);
    }
    0
}

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getspnam(name: *const c_char) -> *mut ShadowEntry {
    let mut result = core::ptr::null_mut();
    // SAFETY: no promise is made to threads here.
    unsafe {
        let line = (&raw mut SHADOW_TEXT).cast();
        let entry = (&raw mut SHADOW_ENTRY).cast();
        let error = getspnam_r(name, entry, line, SHADOW_LINE, &mut result);
        if error != 0 {
            set_errno(error);
        }
    }
    result
}

/// SVID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn putspent(entry: *const ShadowEntry, file: *mut File) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let entry = &*entry;
        stdio::fprintf(file, c"%s:%s:".as_ptr(), entry.name, entry.password);
        for day in entry.days {
            if day == -1 {
                stdio::fputc(b':' as c_int, file);
            } else {
                stdio::fprintf(file, c"%ld:".as_ptr(), day);
            }
        }
        if stdio::fputc(b'\n' as c_int, file) < 0 {
            -1
        } else {
            0
        }
    }
}

/// SVID: the file is replaced as a whole, so that no lock is needed to read it.
#[unsafe(no_mangle)]
pub extern "C" fn lckpwdf() -> c_int {
    0
}

/// SVID.
#[unsafe(no_mangle)]
pub extern "C" fn ulckpwdf() -> c_int {
    0
}

/// BSD: the shells that a user may choose.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getusershell() -> *mut c_char {
    const SHELLS: [&core::ffi::CStr; 2] = [c"/bin/sh", c"/bin/csh"];
    // SAFETY: no promise is made to threads here.
    unsafe {
        let next = SHELLS.get(NEXT_SHELL);
        NEXT_SHELL += 1;
        next.map_or(core::ptr::null_mut(), |shell| shell.as_ptr().cast_mut())
    }
}
static mut NEXT_SHELL: usize = 0;

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setusershell() {
    // SAFETY: as above.
    unsafe { NEXT_SHELL = 0 };
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn endusershell() {
    // SAFETY: as above.
    unsafe { setusershell() };
}
