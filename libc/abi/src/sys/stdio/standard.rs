//! The standard streams, the list of open ones, and what `exit` does with them.

use super::file::{BUFFER, DESCRIPTOR, File, UNGET, flag, locked};
use core::sync::atomic::{AtomicUsize, Ordering};
use libc_rt::Lock;

struct StaticBuffer(core::cell::UnsafeCell<[u8; UNGET + BUFFER]>);
// SAFETY: reached through its stream, which is locked.
unsafe impl Sync for StaticBuffer {}
static INPUT_BUFFER: StaticBuffer = StaticBuffer(core::cell::UnsafeCell::new([0; UNGET + BUFFER]));
static OUTPUT_BUFFER: StaticBuffer = StaticBuffer(core::cell::UnsafeCell::new([0; UNGET + BUFFER]));

const fn buffer_of(buffer: &'static StaticBuffer) -> *mut u8 {
    // SAFETY: within the static.
    unsafe { buffer.0.get().cast::<u8>().add(UNGET) }
}

pub(super) static mut INPUT: File = File::new(
    &DESCRIPTOR,
    0,
    flag::STATIC | flag::NO_WRITE,
    buffer_of(&INPUT_BUFFER),
    BUFFER,
);
pub(super) static mut OUTPUT: File = File::new(
    &DESCRIPTOR,
    1,
    flag::STATIC | flag::NO_READ | flag::ASK_TERMINAL,
    buffer_of(&OUTPUT_BUFFER),
    BUFFER,
);
pub(super) static mut ERRORS: File = File::new(
    &DESCRIPTOR,
    2,
    flag::STATIC | flag::NO_READ | flag::UNBUFFERED,
    core::ptr::null_mut(),
    0,
);

/// A pointer that may stand in a constant of the program's.
#[repr(transparent)]
pub struct FilePointer(pub *mut File);
// SAFETY: as `File`.
unsafe impl Sync for FilePointer {}

/// C 7.21.1.
#[unsafe(no_mangle)]
pub static stdin: FilePointer = FilePointer(&raw mut INPUT);
/// C 7.21.1.
#[unsafe(no_mangle)]
pub static stdout: FilePointer = FilePointer(&raw mut OUTPUT);
/// C 7.21.1.
#[unsafe(no_mangle)]
pub static stderr: FilePointer = FilePointer(&raw mut ERRORS);

struct List(*mut File);
// SAFETY: reached under the lock.
unsafe impl Send for List {}
static OPEN: Lock<List> = Lock::new(List(core::ptr::null_mut()));

/// Puts a stream into the list of open ones.
pub unsafe fn enlist(file: *mut File) {
    let mut list = OPEN.lock();
    // SAFETY: streams in the list are live.
    unsafe {
        (*file).previous = core::ptr::null_mut();
        (*file).next = list.0;
        if !list.0.is_null() {
            (*list.0).previous = file;
        }
    }
    list.0 = file;
}

/// Takes it out.
pub unsafe fn delist(file: *mut File) {
    let mut list = OPEN.lock();
    // SAFETY: as above.
    unsafe {
        if list.0 == file {
            list.0 = (*file).next;
        }
        if !(*file).previous.is_null() {
            (*(*file).previous).next = (*file).next;
        }
        if !(*file).next.is_null() {
            (*(*file).next).previous = (*file).previous;
        }
    }
}

/// Flushes every stream: whether all went.
pub unsafe fn flush_all() -> bool {
    let mut all = true;
    // SAFETY: standard streams and those in the list are live.
    unsafe {
        for file in [&raw mut OUTPUT, &raw mut ERRORS] {
            all &= locked(file, |file| file.flush());
        }
        let list = OPEN.lock();
        let mut file = list.0;
        while !file.is_null() {
            all &= locked(file, |file| file.flush());
            file = (*file).next;
        }
    }
    all
}

static EXIT: AtomicUsize = AtomicUsize::new(0);

/// Has `exit` flush: called by the first stream that is used.
pub fn register() {
    EXIT.store(flush_all_at_exit as *const () as usize, Ordering::Relaxed);
}

fn flush_all_at_exit() {
    // SAFETY: as in `flush_all`. Locks are not taken: a thread that holds one will not go on.
    unsafe {
        let list = OPEN.lock();
        let mut file = list.0;
        while !file.is_null() {
            finish(&mut *file);
            file = (*file).next;
        }
        finish(&mut *(&raw mut INPUT));
        finish(&mut *(&raw mut OUTPUT));
        finish(&mut *(&raw mut ERRORS));
    }
}

unsafe fn finish(file: &mut File) {
    // SAFETY: the caller's.
    unsafe {
        file.flush();
        // POSIX: the next reader of a seekable file goes on where this program stopped.
        file.drop_read();
    }
}

/// What `exit` does for stdio.
pub unsafe fn flush_at_exit() {
    let function = EXIT.load(Ordering::Relaxed);
    if function != 0 {
        // SAFETY: only `flush_all_at_exit` is ever stored.
        unsafe { core::mem::transmute::<usize, fn()>(function)() };
    }
}
