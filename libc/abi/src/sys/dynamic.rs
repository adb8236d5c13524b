//! Dynamic linking. Programs are static: there is nothing to load, and that is what is said.
//!
//! SAFETY of the C functions here: strings are NUL-ended, structures valid.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::sync::atomic::{AtomicBool, Ordering};
use libc_rt::start;

static FAILED: AtomicBool = AtomicBool::new(false);
const REASON: &CStr = c"Dynamic loading not supported";

/// POSIX: there are no shared objects; the program itself can be named.
#[unsafe(no_mangle)]
pub extern "C" fn dlopen(path: *const c_char, _mode: c_int) -> *mut c_void {
    if path.is_null() {
        return (&raw const FAILED).cast_mut().cast();
    }
    FAILED.store(true, Ordering::Relaxed);
    core::ptr::null_mut()
}

/// POSIX: a static program has no table of names.
#[unsafe(no_mangle)]
pub extern "C" fn dlsym(_object: *mut c_void, _name: *const c_char) -> *mut c_void {
    FAILED.store(true, Ordering::Relaxed);
    core::ptr::null_mut()
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn dlclose(_object: *mut c_void) -> c_int {
    0
}

/// POSIX.
#[unsafe(no_mangle)]
pub extern "C" fn dlerror() -> *mut c_char {
    if FAILED.swap(false, Ordering::Relaxed) {
        REASON.as_ptr().cast_mut()
    } else {
        core::ptr::null_mut()
    }
}

/// GNU: 0 = nothing known.
#[unsafe(no_mangle)]
pub extern "C" fn dladdr(_address: *const c_void, _out: *mut c_void) -> c_int {
    0
}

/// GNU.
#[unsafe(no_mangle)]
pub extern "C" fn dlinfo(_object: *mut c_void, _request: c_int, _out: *mut c_void) -> c_int {
    FAILED.store(true, Ordering::Relaxed);
    -1
}

/// `struct dl_phdr_info`.
#[repr(C)]
pub struct ObjectInfo {
    address: usize,
    name: *const c_char,
    headers: *const start::ProgramHeader,
    count: u16,
    adds: u64,
    subs: u64,
    tls_module: usize,
    tls_data: *mut c_void,
}

type Visit = unsafe extern "C" fn(*mut ObjectInfo, usize, *mut c_void) -> c_int;

/// GNU: visits the program itself. (Unwinders find their tables this way.)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dl_iterate_phdr(visit: Visit, data: *mut c_void) -> c_int {
    let (headers, base) = start::program_headers();
    let mut info = ObjectInfo {
        address: base,
        name: c"/proc/self/exe".as_ptr(),
        headers: headers.as_ptr(),
        count: headers.len() as u16,
        adds: 1,
        subs: 0,
        tls_module: 0,
        tls_data: core::ptr::null_mut(),
    };
    // SAFETY: the program's function.
    unsafe { visit(&mut info, size_of::<ObjectInfo>(), data) }
}

/// What code for dynamic thread-local storage calls; the linker turns such code into direct
/// accesses in a static program, so that only hand-written references are left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __tls_get_addr(index: *const [usize; 2]) -> *mut c_void {
    // SAFETY: the one module's storage lies before the thread pointer; the offset is relative to
    // its start, which the linker's index pair was made for.
    unsafe {
        let offset = (*index)[1];
        (libc_rt::thread::storage() as usize + offset) as *mut c_void
    }
}
