//! Times as fields and text (C 7.27, POSIX `<time.h>`); clocks are `sys`'s.

use super::string::bytes;
use super::support::{getenv, set_errno};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};
use libc_algo::time::zone::{Local, Zone};
use libc_algo::time::{Fields, break_down, format, parse, seconds};

const EOVERFLOW: c_int = 75;

unsafe extern "C" {
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn read(descriptor: c_int, to: *mut u8, size: usize) -> isize;
    fn close(descriptor: c_int) -> c_int;
}

/// `struct tm`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct BrokenDown {
    second: c_int,
    minute: c_int,
    hour: c_int,
    day: c_int,
    month: c_int,
    year: c_int,
    weekday: c_int,
    year_day: c_int,
    daylight: c_int,
    offset_s: c_long,
    zone: *const c_char,
}

impl BrokenDown {
    fn new(fields: &Fields, zone: *const c_char) -> Self {
        BrokenDown {
            second: fields.second,
            minute: fields.minute,
            hour: fields.hour,
            day: fields.day,
            month: fields.month,
            year: fields.year,
            weekday: fields.weekday,
            year_day: fields.year_day,
            daylight: fields.daylight,
            offset_s: fields.offset_s,
            zone,
        }
    }

    fn fields(&self) -> Fields {
        Fields {
            second: self.second,
            minute: self.minute,
            hour: self.hour,
            day: self.day,
            month: self.month,
            year: self.year,
            weekday: self.weekday,
            year_day: self.year_day,
            daylight: self.daylight,
            offset_s: self.offset_s,
        }
    }
}

/// POSIX: the abbreviations of standard and daylight saving time.
#[unsafe(no_mangle)]
pub static mut tzname: [*const c_char; 2] = [c"UTC".as_ptr(), c"UTC".as_ptr()];
/// XSI: seconds west of UTC.
#[unsafe(no_mangle)]
pub static mut timezone: c_long = 0;
/// XSI: whether there is a daylight saving time at all.
#[unsafe(no_mangle)]
pub static mut daylight: c_int = 0;

/// A zone with the `TZ` value that it came from. Pointers to its names are handed out, so
/// it is never freed; a program has one or a few.
struct Current {
    value: Option<Vec<u8>>,
    zone: Zone,
}

static CURRENT: AtomicPtr<Current> = AtomicPtr::new(null_mut());

/// The longest zone file that is believed.
const FILE_MAX: usize = 1 << 18;

unsafe fn read_file(path: &[u8]) -> Option<Vec<u8>> {
    const O_RDONLY_CLOEXEC: c_int = 0o2_000_000;
    let mut path = path.to_vec();
    path.push(0);
    let mut data = Vec::new();
    // SAFETY: the path ends in NUL; reads stay in the buffer.
    unsafe {
        let descriptor = open(path.as_ptr().cast(), O_RDONLY_CLOEXEC);
        if descriptor < 0 {
            return None;
        }
        let mut block = vec![0u8; 4096];
        while data.len() < FILE_MAX {
            match usize::try_from(read(descriptor, block.as_mut_ptr(), block.len())) {
                Ok(count @ 1..) => data.extend_from_slice(&block[..count]),
                _ => break,
            }
        }
        close(descriptor);
    }
    Some(data)
}

/// The zone that a `TZ` value means (POSIX 8.3): a rule, or the name of a file.
unsafe fn zone_for(value: Option<&[u8]>) -> Zone {
    let found = match value {
        // SAFETY: passed on.
        None => unsafe { read_file(b"/etc/localtime") }.and_then(|data| Zone::from_file(&data)),
        Some(b"") => None,
        Some(value) => {
            let rule = if value[0] == b':' {
                None
            } else {
                Zone::from_rule(value)
            };
            // SAFETY: passed on.
            rule.or_else(|| unsafe { zone_file(value.strip_prefix(b":").unwrap_or(value)) })
        }
    };
    found.unwrap_or_else(Zone::utc)
}

unsafe fn zone_file(name: &[u8]) -> Option<Zone> {
    // A name must not lead out of the directories below.
    if name.windows(2).any(|pair| pair == b"..") {
        return None;
    }
    let directories: &[&[u8]] = if name.starts_with(b"/") {
        &[b""]
    } else {
        &[
            b"/usr/share/zoneinfo/",
            b"/share/zoneinfo/",
            b"/etc/zoneinfo/",
        ]
    };
    directories.iter().find_map(|directory| {
        // SAFETY: passed on.
        let data = unsafe { read_file(&[*directory, name].concat()) }?;
        Zone::from_file(&data)
    })
}

/// The zone of the present `TZ` value.
fn zone() -> &'static Zone {
    // SAFETY: environment values are strings; a published zone is never freed.
    unsafe {
        let variable = getenv(c"TZ".as_ptr());
        let value = if variable.is_null() {
            None
        } else {
            Some(bytes(variable))
        };
        let current = CURRENT.load(Ordering::Acquire);
        if !current.is_null() && (*current).value.as_deref() == value {
            return &(*current).zone;
        }
        let errno = super::support::errno();
        let new: &'static Current = Box::leak(Box::new(Current {
            value: value.map(<[u8]>::to_vec),
            zone: zone_for(value),
        }));
        set_errno(errno);
        publish(&new.zone);
        CURRENT.store(core::ptr::from_ref(new).cast_mut(), Ordering::Release);
        &new.zone
    }
}

fn name_of(zone: &'static Zone, local: Local) -> *const c_char {
    zone.name(local.name).as_ptr().cast()
}

/// Sets the variables that POSIX shows.
unsafe fn publish(zone: &'static Zone) {
    let (standard, saving) = zone.kinds();
    // SAFETY: words that programs read; POSIX makes `tzset` the program's to serialize.
    unsafe {
        tzname = [
            name_of(zone, standard),
            name_of(zone, saving.unwrap_or(standard)),
        ];
        timezone = -standard.offset_s;
        daylight = c_int::from(saving.is_some());
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn tzset() {
    let zone = zone();
    // SAFETY: see `publish`.
    unsafe { publish(zone) };
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmtime_r(time: *const i64, result: *mut BrokenDown) -> *mut BrokenDown {
    // SAFETY: the caller's objects.
    unsafe {
        match break_down(*time, 0) {
            Some(fields) => result.write(BrokenDown::new(&fields, c"UTC".as_ptr())),
            None => {
                set_errno(EOVERFLOW);
                return null_mut();
            }
        }
    }
    result
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn localtime_r(time: *const i64, result: *mut BrokenDown) -> *mut BrokenDown {
    let zone = zone();
    // SAFETY: the caller's objects.
    unsafe {
        match zone.break_down(*time) {
            Some((fields, local)) => result.write(BrokenDown::new(&fields, name_of(zone, local))),
            None => {
                set_errno(EOVERFLOW);
                return null_mut();
            }
        }
    }
    result
}

/// The object that `gmtime` and `localtime` share (C 7.27.3).
static mut SHARED: BrokenDown = BrokenDown {
    second: 0,
    minute: 0,
    hour: 0,
    day: 0,
    month: 0,
    year: 0,
    weekday: 0,
    year_day: 0,
    daylight: 0,
    offset_s: 0,
    zone: null(),
};

/// C 7.27.3.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmtime(time: *const i64) -> *mut BrokenDown {
    // SAFETY: the standard forbids two threads at once.
    unsafe { gmtime_r(time, &raw mut SHARED) }
}

/// C 7.27.3.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn localtime(time: *const i64) -> *mut BrokenDown {
    // SAFETY: as for `gmtime`.
    unsafe { localtime_r(time, &raw mut SHARED) }
}

/// C 7.27.2.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mktime(broken_down: *mut BrokenDown) -> i64 {
    let zone = zone();
    // SAFETY: the caller's object.
    unsafe {
        let time = zone.moment(&(*broken_down).fields());
        match zone.break_down(time) {
            Some((fields, local)) => {
                broken_down.write(BrokenDown::new(&fields, name_of(zone, local)))
            }
            None => {
                set_errno(EOVERFLOW);
                return -1;
            }
        }
        time
    }
}

/// POSIX.1-2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timegm(broken_down: *mut BrokenDown) -> i64 {
    // SAFETY: the caller's object.
    unsafe {
        let time = seconds(&(*broken_down).fields());
        if gmtime_r(&raw const time, broken_down).is_null() {
            -1
        } else {
            time
        }
    }
}

/// C 7.27.2.2.
#[unsafe(no_mangle)]
pub extern "C" fn difftime(later: i64, earlier: i64) -> f64 {
    later.wrapping_sub(earlier) as f64
}

unsafe fn formatted(text: &[u8], broken_down: *const BrokenDown) -> Vec<u8> {
    // SAFETY: the caller's object; its zone is null or a string.
    unsafe {
        let zone = (*broken_down).zone;
        let zone = if zone.is_null() || (*broken_down).daylight < 0 {
            &[][..]
        } else {
            bytes(zone)
        };
        format::format(text, &(*broken_down).fields(), zone)
    }
}

/// C 7.27.3.5: 0 where it does not fit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strftime(
    to: *mut c_char,
    size: usize,
    text: *const c_char,
    broken_down: *const BrokenDown,
) -> usize {
    // SAFETY: the caller's buffer, string and object. What `%s` shows is the local zone's
    // moment, whatever offset the object carries.
    unsafe {
        let result = formatted(bytes(text), broken_down);
        if result.len() >= size {
            return 0;
        }
        core::ptr::copy_nonoverlapping(result.as_ptr(), to.cast(), result.len());
        *to.add(result.len()) = 0;
        result.len()
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strftime_l(
    to: *mut c_char,
    size: usize,
    text: *const c_char,
    broken_down: *const BrokenDown,
    _: *const c_void,
) -> usize {
    // SAFETY: as for `strftime`.
    unsafe { strftime(to, size, text, broken_down) }
}

/// C 7.29.5.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsftime(
    to: *mut u32,
    size: usize,
    text: *const u32,
    broken_down: *const BrokenDown,
) -> usize {
    // SAFETY: as for `strftime`, with wide characters.
    unsafe {
        let mut narrow = Vec::new();
        for &character in super::wide::characters(text) {
            if let Some((encoded, length)) = libc_algo::utf8::encode(character) {
                narrow.extend_from_slice(&encoded[..length]);
            }
        }
        let result = formatted(&narrow, broken_down);
        let mut count = 0;
        for character in alloc::string::String::from_utf8_lossy(&result).chars() {
            if count + 1 >= size {
                return 0;
            }
            *to.add(count) = character.into();
            count += 1;
        }
        if count >= size {
            return 0;
        }
        *to.add(count) = 0;
        count
    }
}

/// GNU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wcsftime_l(
    to: *mut u32,
    size: usize,
    text: *const u32,
    broken_down: *const BrokenDown,
    _: *const c_void,
) -> usize {
    // SAFETY: as for `wcsftime`.
    unsafe { wcsftime(to, size, text, broken_down) }
}

/// XSI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strptime(
    text: *const c_char,
    form: *const c_char,
    broken_down: *mut BrokenDown,
) -> *mut c_char {
    // SAFETY: the caller's strings and object, which need not be initialized as a whole.
    unsafe {
        let mut fields = (*broken_down).fields();
        match parse::parse(bytes(text), bytes(form), &mut fields) {
            Some(length) => {
                let zone = (*broken_down).zone;
                broken_down.write(BrokenDown::new(&fields, zone));
                text.add(length).cast_mut()
            }
            None => null_mut(),
        }
    }
}

/// POSIX: the buffer has 26 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn asctime_r(
    broken_down: *const BrokenDown,
    buffer: *mut c_char,
) -> *mut c_char {
    // SAFETY: the caller's object and buffer; `strftime` keeps to its size.
    unsafe {
        if strftime(buffer, 26, c"%a %b %e %H:%M:%S %Y\n".as_ptr(), broken_down) == 0 {
            set_errno(EOVERFLOW);
            return null_mut();
        }
    }
    buffer
}

/// C 7.27.3.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn asctime(broken_down: *const BrokenDown) -> *mut c_char {
    static mut BUFFER: [c_char; 26] = [0; 26];
    // SAFETY: the standard forbids two threads at once.
    unsafe { asctime_r(broken_down, (&raw mut BUFFER).cast()) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctime_r(time: *const i64, buffer: *mut c_char) -> *mut c_char {
    // SAFETY: the caller's object and buffer.
    unsafe {
        let mut broken_down = core::mem::MaybeUninit::uninit();
        if localtime_r(time, broken_down.as_mut_ptr()).is_null() {
            return null_mut();
        }
        asctime_r(broken_down.as_ptr(), buffer)
    }
}

/// C 7.27.3.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ctime(time: *const i64) -> *mut c_char {
    // SAFETY: as for `asctime`.
    unsafe {
        let broken_down = localtime(time);
        if broken_down.is_null() {
            null_mut()
        } else {
            asctime(broken_down)
        }
    }
}
