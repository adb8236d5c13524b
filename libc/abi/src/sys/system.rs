//! What system this is: `uname`, `sysconf`, `pathconf`, host name, load.
//!
//! SAFETY of the C functions here: structures and buffers are valid.

use super::support::{Error, bytes, bytes_mut, copy_text, fail, set_errno, status, text};
use core::ffi::{c_char, c_int, c_long};
use kernel_abi::system::ClockPage;
use libc_posix::{names, process};
use libc_rt::kernel;

/// `struct utsname`: six names.
pub type SystemName = [[u8; 65]; 6];

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uname(out: *mut SystemName) -> c_int {
    let mut name = [[0; 65]; 6];
    copy_text(b"MicroKosm", &mut name[0]);
    let mut host = [0; 64];
    let length = process::host_name(&[], &mut host).unwrap_or(0);
    copy_text(&host[..length.min(64)], &mut name[1]);
    copy_text(env!("CARGO_PKG_VERSION").as_bytes(), &mut name[2]);
    copy_text(b"#1", &mut name[3]);
    copy_text(b"x86_64", &mut name[4]);
    // SAFETY: the caller's.
    unsafe { *out = name };
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostname(buffer: *mut c_char, size: usize) -> c_int {
    let mut host = [0; 64];
    status(process::host_name(&[], &mut host).map(|length| {
        // SAFETY: the caller's.
        copy_text(&host[..length.min(64)], unsafe {
            bytes_mut(buffer.cast(), size)
        });
    }))
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sethostname(name: *const c_char, length: usize) -> c_int {
    if length == 0 || length > 64 {
        return fail(Error::BadArgument as c_int);
    }
    // SAFETY: the caller's.
    let name = unsafe { bytes(name.cast(), length) };
    status(process::host_name(name, &mut []).map(|_| ()))
}

/// BSD: there is no domain name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getdomainname(buffer: *mut c_char, size: usize) -> c_int {
    // SAFETY: the caller's.
    copy_text(b"", unsafe { bytes_mut(buffer.cast(), size) });
    0
}

/// BSD: there is no domain name to set.
#[unsafe(no_mangle)]
pub extern "C" fn setdomainname(_name: *const c_char, _length: usize) -> c_int {
    fail(Error::Unsupported as c_int)
}

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn gethostid() -> c_long {
    0
}

fn clock_page() -> ClockPage {
    // SAFETY: the kernel maps the page, readable, into every process.
    unsafe { core::ptr::read_volatile(kernel_abi::CLOCK_PAGE as *const ClockPage) }
}

/// CPUs there are.
pub(super) fn processors() -> c_long {
    (clock_page().cpus as c_long).max(1)
}

/// The caller's limit of a resource; -1 when there is none.
fn limit(resource: u32) -> c_long {
    match process::limit(0, resource, None) {
        Ok([u64::MAX, _]) | Err(_) => -1,
        Ok([current, _]) => current.min(c_long::MAX as u64) as c_long,
    }
}

/// POSIX; the numbers are musl's. -1 without an error means no limit.
#[unsafe(no_mangle)]
pub extern "C" fn sysconf(name: c_int) -> c_long {
    const POSIX_VERSION: c_long = 200809;
    const XOPEN_VERSION: c_long = 700;
    if let Some(value) = super::options::value(name) {
        return value;
    }
    match name {
        0 => 2 << 20,  // ARG_MAX
        1 => limit(6), // CHILD_MAX
        2 => 100,      // CLK_TCK
        3 => proto::types::MAX_GROUPS as c_long,
        4 => limit(7), // OPEN_MAX
        5 => -1,       // STREAM_MAX
        6 => 6,        // TZNAME_MAX
        7 | 8 => 1,    // JOB_CONTROL, SAVED_IDS
        9 | 11 | 14..=18 | 21 | 67 => POSIX_VERSION,
        29 => POSIX_VERSION, // VERSION
        30 => 4096,          // PAGESIZE
        31 => 30,            // RTSIG_MAX
        34 => limit(11),     // SIGQUEUE_MAX
        137..=139 | 155 | 159 => POSIX_VERSION,
        26 | 32 | 33 => 0x7fff_ffff, // DELAYTIMER_MAX, SEM_NSEMS_MAX, SEM_VALUE_MAX
        35 => 32,                    // TIMER_MAX
        36 => 99,                    // BC_BASE_MAX
        37 => 2048,                  // BC_DIM_MAX
        38 => 99,                    // BC_SCALE_MAX
        39 => 1000,                  // BC_STRING_MAX
        40 => 2,                     // COLL_WEIGHTS_MAX
        42 => 32,                    // EXPR_NEST_MAX
        43 => 4096,                  // LINE_MAX
        44 => 255,                   // RE_DUP_MAX
        46..=52 => -1,               // 2_VERSION and its options: no compiler in the system
        60 => 1024,                  // IOV_MAX
        69 => 256,                   // GETGR_R_SIZE_MAX
        70 => 256,                   // GETPW_R_SIZE_MAX
        71 => 256,                   // LOGIN_NAME_MAX
        72 => 32,                    // TTY_NAME_MAX
        73 => 4,                     // THREAD_DESTRUCTOR_ITERATIONS
        74 => libc_rt::thread::KEYS as c_long,
        75 => 2048, // THREAD_STACK_MIN
        76 => -1,   // THREAD_THREADS_MAX
        77 | 78 => POSIX_VERSION,
        83 | 84 => processors(), // NPROCESSORS_CONF, NPROCESSORS_ONLN
        85 => (clock_page().memory_bytes / 4096) as c_long,
        86 => kernel::system_info().map_or(-1, |info| (info.memory_free_bytes / 4096) as c_long),
        87 => -1, // PASS_MAX
        88 => 32, // ATEXIT_MAX
        89 | 90 => XOPEN_VERSION,
        91 => 1,              // XOPEN_UNIX
        109 => 20,            // NZERO
        149 => POSIX_VERSION, // MONOTONIC_CLOCK
        157 => 1,             // SHELL
        173 => 40,            // SYMLOOP_MAX
        180 => 255,           // HOST_NAME_MAX
        249 => 2048,          // MINSIGSTKSZ
        250 => 8192,          // SIGSTKSZ
        other if (0..=250).contains(&other) => -1,
        _ => fail(Error::BadArgument as c_int) as c_long,
    }
}

/// POSIX: the numbers do not depend on the file.
#[unsafe(no_mangle)]
pub extern "C" fn fpathconf(_fd: c_int, name: c_int) -> c_long {
    match name {
        0 => 8,        // LINK_MAX
        1 | 2 => 255,  // MAX_CANON, MAX_INPUT
        3 => 255,      // NAME_MAX
        4 | 5 => 4096, // PATH_MAX, PIPE_BUF
        6 => 1,        // CHOWN_RESTRICTED
        7 => 1,        // NO_TRUNC
        8 => 0,        // VDISABLE
        9 => 1,        // SYNC_IO
        10..=12 => -1,
        13 => 64,        // FILESIZEBITS
        14..=17 => 4096, // transfer sizes
        18 => 4096,
        19 => -1,
        20 => 1, // 2_SYMLINKS
        _ => fail(Error::BadArgument as c_int) as c_long,
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn pathconf(_path: *const c_char, name: c_int) -> c_long {
    fpathconf(-1, name)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn confstr(name: c_int, buffer: *mut c_char, size: usize) -> usize {
    let value = match name {
        0 => &b"/bin:/usr/bin"[..],
        1..=5 | 1116..=1149 => b"",
        _ => {
            set_errno(Error::BadArgument as c_int);
            return 0;
        }
    };
    if !buffer.is_null() {
        // SAFETY: the caller's.
        copy_text(value, unsafe { bytes_mut(buffer.cast(), size) });
    }
    value.len() + 1
}

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn getpagesize() -> c_int {
    4096
}

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn getdtablesize() -> c_int {
    limit(7).min(c_int::MAX as c_long) as c_int
}

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn get_nprocs() -> c_int {
    processors() as c_int
}

/// GNU.
#[unsafe(no_mangle)]
pub extern "C" fn get_nprocs_conf() -> c_int {
    processors() as c_int
}

/// GNU.
#[unsafe(no_mangle)]
pub extern "C" fn get_phys_pages() -> c_long {
    sysconf(85)
}

/// GNU.
#[unsafe(no_mangle)]
pub extern "C" fn get_avphys_pages() -> c_long {
    sysconf(86)
}

/// The unit that the kernel's load averages come in.
const LOAD_UNIT: f64 = 65536.0;

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getloadavg(out: *mut f64, count: c_int) -> c_int {
    if count <= 0 {
        return if count == 0 { 0 } else { -1 };
    }
    let Ok(info) = kernel::system_info() else {
        return -1;
    };
    let loads = [info.load_1, info.load_5, info.load_15];
    let count = (count as usize).min(loads.len());
    for (index, load) in loads.iter().take(count).enumerate() {
        // SAFETY: the caller's array has `count` entries.
        unsafe { *out.add(index) = *load as f64 / LOAD_UNIT };
    }
    count as c_int
}

/// `struct sysinfo`.
#[repr(C)]
pub struct SysInfo {
    uptime: u64,
    loads: [u64; 3],
    total_ram: u64,
    free_ram: u64,
    shared_ram: u64,
    buffer_ram: u64,
    total_swap: u64,
    free_swap: u64,
    processes: u16,
    padding: u16,
    total_high: u64,
    free_high: u64,
    unit: u32,
    reserved: [u8; 256],
}

const _: () = assert!(size_of::<SysInfo>() == 368);
const _: () = assert!(size_of::<StatVfs>() == 112 && size_of::<StatFs>() == 120);

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sysinfo(out: *mut SysInfo) -> c_int {
    status(kernel::system_info().map_err(Error::from).map(|info| {
        let filled = SysInfo {
            uptime: info.uptime_ns / 1_000_000_000,
            loads: [info.load_1, info.load_5, info.load_15],
            total_ram: info.memory_total_bytes,
            free_ram: info.memory_free_bytes,
            shared_ram: 0,
            buffer_ram: 0,
            total_swap: 0,
            free_swap: 0,
            processes: info.processes.min(u16::MAX as u64) as u16,
            padding: 0,
            total_high: 0,
            free_high: 0,
            unit: 1,
            reserved: [0; 256],
        };
        // SAFETY: the caller's.
        unsafe { out.write(filled) };
    }))
}

/// Linux, POSIX 2024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(
    buffer: *mut core::ffi::c_void,
    length: usize,
    _flags: u32,
) -> isize {
    // SAFETY: the caller's.
    let buffer = unsafe { bytes_mut(buffer, length) };
    super::support::long(kernel::random(buffer).map_err(Error::from).map(|_| length))
}

/// BSD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getentropy(buffer: *mut core::ffi::c_void, length: usize) -> c_int {
    if length > 256 {
        return fail(Error::Io as c_int);
    }
    // SAFETY: the caller's.
    if unsafe { getrandom(buffer, length, 0) } < 0 {
        -1
    } else {
        0
    }
}

/// GNU: what the auxiliary vector says; 0 with `ENOENT` when it says nothing.
#[unsafe(no_mangle)]
pub extern "C" fn getauxval(key: u64) -> u64 {
    libc_rt::start::auxiliary(key).unwrap_or_else(|| {
        set_errno(Error::NotFound as c_int);
        0
    })
}

/// BSD.
#[unsafe(no_mangle)]
pub extern "C" fn issetugid() -> c_int {
    libc_rt::start::auxiliary(libc_rt::start::key::SECURE).unwrap_or(0) as c_int
}

/// `struct statvfs`.
#[derive(Default)]
#[repr(C)]
pub struct StatVfs {
    block_size: u64,
    fragment_size: u64,
    blocks: u64,
    blocks_free: u64,
    blocks_available: u64,
    files: u64,
    files_free: u64,
    files_available: u64,
    identifier: u64,
    flags: u64,
    name_length: u64,
    kind: u32,
    reserved: [i32; 5],
}

/// `struct statfs`.
#[derive(Default)]
#[repr(C)]
pub struct StatFs {
    kind: u64,
    block_size: u64,
    blocks: u64,
    blocks_free: u64,
    blocks_available: u64,
    files: u64,
    files_free: u64,
    identifier: [i32; 2],
    name_length: u64,
    fragment_size: u64,
    flags: u64,
    spare: [u64; 4],
}

use proto::types::FileSystemStatus;

fn vfs(found: FileSystemStatus) -> StatVfs {
    StatVfs {
        block_size: found.block_size,
        fragment_size: found.block_size,
        blocks: found.blocks,
        blocks_free: found.blocks_free,
        blocks_available: found.blocks_available,
        files: found.files,
        files_free: found.files_free,
        files_available: found.files_free,
        identifier: found.identifier,
        flags: found.flags,
        name_length: found.name_length,
        kind: found.kind as u32,
        reserved: [0; 5],
    }
}

fn fs(found: FileSystemStatus) -> StatFs {
    StatFs {
        kind: found.kind,
        block_size: found.block_size,
        blocks: found.blocks,
        blocks_free: found.blocks_free,
        blocks_available: found.blocks_available,
        files: found.files,
        files_free: found.files_free,
        identifier: [found.identifier as i32, (found.identifier >> 32) as i32],
        name_length: found.name_length,
        fragment_size: found.block_size,
        flags: found.flags,
        spare: [0; 4],
    }
}

macro_rules! figures {
    ($($by_path:ident, $by_descriptor:ident: $type:ty = $convert:ident;)*) => {$(
        /// POSIX, Linux.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $by_path(path: *const c_char, out: *mut $type) -> c_int {
            // SAFETY: the caller's.
            unsafe {
                status(names::file_system_status(text(path)).map(|found| out.write($convert(found))))
            }
        }

        /// POSIX, Linux.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $by_descriptor(fd: c_int, out: *mut $type) -> c_int {
            let found = libc_posix::descriptor::file_system_status(fd);
            // SAFETY: the caller's.
            status(found.map(|found| unsafe { out.write($convert(found)) }))
        }
    )*};
}

figures! {
    statvfs, fstatvfs: StatVfs = vfs;
    statfs, fstatfs: StatFs = fs;
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mount(
    source: *const c_char,
    target: *const c_char,
    kind: *const c_char,
    flags: u64,
    data: *const c_char,
) -> c_int {
    // SAFETY: the caller's; empty strings stand for null pointers.
    status(unsafe { names::mount(text(source), text(target), text(kind), flags, text(data)) })
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn umount(target: *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe { umount2(target, 0) }
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn umount2(target: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's.
    status(names::unmount(unsafe { text(target) }, flags as u32))
}
