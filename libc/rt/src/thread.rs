//! Threads: the control block at the thread pointer, thread-local storage, creation and end.

use crate::futex::Deadline;
use crate::{futex, memory};
use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use kernel_abi::process::{RobustList, ThreadArguments, mask_how, thread_property};
use kernel_abi::{Call, Error, Handle, PAGE_SIZE};
use kernel_stubs::{raw, safe};

/// Thread-specific values of a thread (`PTHREAD_KEYS_MAX`).
pub const KEYS: usize = 128;

/// What the thread pointer (`fs:0`) points to. The first fields stand where musl has them, for
/// compilers and programs that know those: the self pointer, and the stack canary at 0x28.
#[repr(C)]
pub struct Thread {
    self_pointer: *mut Thread,
    dynamic_vector: usize,
    neighbours: [usize; 2],
    system_information: usize,
    canary: usize,
    /// `errno`.
    pub errno: i32,
    /// 1 while the thread runs; the kernel writes 0 and wakes when it has left its stack.
    pub alive: AtomicU32,
    number: AtomicU64,
    /// [`detach_state`].
    pub detach: AtomicU32,
    /// What `pthread_join` gives.
    pub result: *mut c_void,
    /// Start routine ...
    pub routine: usize,
    /// ... and its argument.
    pub argument: *mut c_void,
    /// Set by `pthread_cancel`.
    pub cancelled: AtomicBool,
    /// `PTHREAD_CANCEL_DISABLE` = 1.
    pub cancel_state: AtomicI32,
    /// `PTHREAD_CANCEL_ASYNCHRONOUS` = 1.
    pub cancel_type: i32,
    /// Innermost `pthread_cleanup_push`.
    pub cleanup: *mut c_void,
    /// Innermost `__cxa_thread_atexit_impl`.
    pub destructors: *mut c_void,
    /// The thread's locale (`uselocale`); null = the global one.
    pub locale: *mut c_void,
    /// Thread-specific values.
    pub values: [*mut c_void; KEYS],
    /// Whether any value was ever set.
    pub has_values: bool,
    /// Name (`pthread_setname_np`), NUL-ended.
    pub name: [u8; 16],
    /// The mapping that holds guard, stack, storage and this block; null for the first thread.
    pub mapping: *mut u8,
    /// Its length.
    pub mapping_length: usize,
    /// Lowest usable byte of the stack.
    pub stack: *mut u8,
    /// Bytes of stack.
    pub stack_size: usize,
    /// Bytes of guard below the stack.
    pub guard_size: usize,
    /// The alternate signal stack: base, size.
    pub alternate_stack: (usize, usize),
    /// Whether that is given up while a handler runs on it (`SS_AUTODISARM`).
    pub alternate_disarms: bool,
    /// Whether this is the first thread of the process.
    pub is_main: bool,
    /// What names it in lock words, 0 until it is first asked for.
    lock_owner: u32,
    /// Whether the kernel knows `robust`.
    robust_known: bool,
    /// Robust mutexes that it holds.
    pub robust: RobustList,
    /// Read locks (`pthread_rwlock_rdlock`) that it holds.
    pub read_locks: AtomicU32,
    /// Mutexes with a priority ceiling that it holds.
    pub ceilings: u32,
    /// Its priority without them.
    pub priority_below: u64,
    next_dead: *mut Thread,
}

/// Values of [`Thread::detach`].
pub mod detach_state {
    /// Somebody will join.
    pub const JOINABLE: u32 = 0;
    /// Nobody will: the thread's memory goes when it ends.
    pub const DETACHED: u32 = 1;
    /// It has ended, and waits to be joined.
    pub const EXITED: u32 = 2;
    /// Somebody is joining.
    pub const JOINING: u32 = 3;
}

/// The program's thread-local storage segment (PT_TLS).
#[derive(Clone, Copy, Debug)]
struct Template {
    image: *const u8,
    file_size: usize,
    alignment: usize,
    /// Distance from the start of the storage up to the thread pointer (variant II).
    offset: usize,
}

/// The number of a process's first thread.
const FIRST_NUMBER: u64 = 1;

struct Shared {
    template: core::cell::UnsafeCell<Template>,
}
// SAFETY: written once, before the first thread starts another.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared {
    template: core::cell::UnsafeCell::new(Template {
        image: core::ptr::null(),
        file_size: 0,
        alignment: 64,
        offset: 0,
    }),
};
static THREADED: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicU32 = AtomicU32::new(1);
static DEAD: AtomicPtr<Thread> = AtomicPtr::new(core::ptr::null_mut());

/// Room for the first thread's block and a small program's storage.
#[repr(C, align(64))]
struct FirstArea(core::cell::UnsafeCell<[u8; FIRST_AREA]>);
const FIRST_AREA: usize = 4096;
// SAFETY: only `initialise` touches it, before anything else runs.
unsafe impl Sync for FirstArea {}
static FIRST: FirstArea = FirstArea(core::cell::UnsafeCell::new([0; FIRST_AREA]));

/// Whether the process has ever had a second thread.
#[inline]
pub fn is_threaded() -> bool {
    THREADED.load(Ordering::Relaxed)
}

/// Threads alive.
pub fn live_threads() -> u32 {
    LIVE.load(Ordering::Acquire)
}

/// The calling thread's block.
#[inline]
pub fn current() -> *mut Thread {
    let thread: *mut Thread;
    // SAFETY: start-up points fs at a block whose first word is its own address.
    unsafe {
        core::arch::asm!("mov {}, fs:0", out(reg) thread,
            options(nostack, preserves_flags, readonly, pure));
    }
    thread
}

/// Where the calling thread's thread-local storage starts.
pub fn storage() -> *mut u8 {
    (current() as usize - template().offset) as *mut u8
}

/// Bytes that a thread needs above its stack.
fn overhead(template: &Template) -> usize {
    core::mem::size_of::<Thread>() + template.offset + 2 * template.alignment.max(64)
}

/// Tells where the thread-local storage segment is. To be called once, before any thread.
///
/// # Safety
/// The image must be readable for `file_size` bytes and stay.
pub(crate) unsafe fn set_template(
    image: *const u8,
    file_size: usize,
    memory_size: usize,
    alignment: usize,
) {
    let alignment = alignment.max(1);
    // The linker counts offsets down from the thread pointer so that the segment's start keeps
    // its congruence to the alignment.
    let padding = memory_size.wrapping_add(image as usize).wrapping_neg() & (alignment - 1);
    // SAFETY: start-up is single-threaded.
    unsafe {
        *SHARED.template.get() = Template {
            image,
            file_size,
            alignment: alignment.max(64),
            offset: memory_size + padding,
        };
    }
}

fn template() -> Template {
    // SAFETY: not written any more once threads exist.
    unsafe { *SHARED.template.get() }
}

/// Builds storage and block at the top of a zeroed area: the block, and the end of the stack.
///
/// # Safety
/// `[area_end - overhead, area_end)` must be zeroed memory of nobody else.
unsafe fn place(area_end: usize, template: &Template, canary: usize) -> (*mut Thread, usize) {
    let block = (area_end - core::mem::size_of::<Thread>()) & !(template.alignment - 1);
    let storage = block - template.offset;
    let thread = block as *mut Thread;
    // SAFETY: both ranges lie in the caller's area, which is large enough by `overhead`.
    unsafe {
        core::ptr::copy_nonoverlapping(template.image, storage as *mut u8, template.file_size);
        (*thread).self_pointer = thread;
        (*thread).canary = canary;
        (*thread).alive = AtomicU32::new(1);
    }
    (thread, storage & !15)
}

/// Makes the first thread's block and points `fs` at it.
///
/// # Safety
/// Once, before anything that uses the thread pointer.
pub(crate) unsafe fn initialise(canary: usize) -> Result<(), Error> {
    let template = template();
    let needed = overhead(&template);
    let area_end = if needed <= FIRST_AREA {
        FIRST.0.get() as usize + FIRST_AREA
    } else {
        memory::map_anonymous(needed)? as usize + needed.next_multiple_of(PAGE_SIZE as usize)
    };
    // SAFETY: the area is fresh.
    let (thread, _) = unsafe { place(area_end, &template, canary) };
    // SAFETY: `thread` was just made.
    unsafe {
        (*thread).is_main = true;
        (*thread).number.store(FIRST_NUMBER, Ordering::Relaxed);
    }
    safe::thread_set(0, thread_property::FS_BASE, thread as u64)
}

/// How to start a thread.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of stack wanted.
    pub stack_size: usize,
    /// Bytes of guard wanted.
    pub guard_size: usize,
    /// Stack memory of the program's own (lowest byte), or null.
    pub stack: *mut u8,
    /// Start it detached.
    pub detached: bool,
    /// Priority, 0 = the creator's.
    pub priority: u64,
}

/// Maps guard, stack, storage and block of a thread to be: the block, and the end of the stack.
fn make(options: &Options) -> Result<(*mut Thread, usize), Error> {
    let template = template();
    let page = PAGE_SIZE as usize;
    let own_stack = !options.stack.is_null();
    let above = overhead(&template).next_multiple_of(page);
    let pages = |size: usize| size.checked_next_multiple_of(page).ok_or(Error::NoMemory);
    let (guard, inside) = if own_stack {
        (0, 0)
    } else {
        (pages(options.guard_size)?, pages(options.stack_size)?)
    };
    let length = guard
        .checked_add(inside)
        .and_then(|sum| sum.checked_add(above))
        .ok_or(Error::NoMemory)?;
    let mapping = memory::map_anonymous(length)?;
    if guard != 0 {
        // SAFETY: the mapping is fresh, nothing refers to it.
        unsafe { memory::protect(mapping, guard, 0)? };
    }
    // SAFETY: the current block lives; the mapping is fresh and zeroed.
    let (thread, storage) =
        unsafe { place(mapping as usize + length, &template, (*current()).canary) };
    // SAFETY: nobody else knows the block yet.
    let block = unsafe { &mut *thread };
    block.mapping = mapping;
    block.mapping_length = length;
    block.guard_size = guard;
    block.detach = AtomicU32::new(options.detached as u32);
    let stack_end;
    (block.stack, block.stack_size, stack_end) = if own_stack {
        let end = options.stack as usize + options.stack_size;
        (options.stack, options.stack_size, end & !15)
    } else {
        // SAFETY: the guard lies inside the mapping.
        (unsafe { mapping.add(guard) }, inside, storage)
    };
    Ok((thread, stack_end))
}

/// Starts a thread at `entry`, which gets its block.
///
/// # Safety
/// `entry` must never return and `prepare` must leave the block's first fields alone. A stack of
/// the program's own must be valid and unused until the thread has ended.
pub unsafe fn create(
    options: &Options,
    entry: extern "C" fn(*mut Thread) -> !,
    prepare: impl FnOnce(&mut Thread),
) -> Result<*mut Thread, Error> {
    reap();
    let (thread, stack_end) = make(options)?;
    // SAFETY: nobody else knows the block yet.
    let block = unsafe { &mut *thread };
    let (mapping, length) = (block.mapping, block.mapping_length);
    prepare(block);
    THREADED.store(true, Ordering::Relaxed);
    LIVE.fetch_add(1, Ordering::AcqRel);
    // SAFETY: the arguments name the fresh block and stack; the thread runs `entry`.
    match unsafe { start(thread, entry, stack_end, options.priority) } {
        Ok(()) => Ok(thread),
        Err(error) => {
            LIVE.fetch_sub(1, Ordering::AcqRel);
            // SAFETY: the thread never started.
            let _ = unsafe { memory::unmap(mapping, length) };
            Err(error)
        }
    }
}

unsafe fn start(
    thread: *mut Thread,
    entry: extern "C" fn(*mut Thread) -> !,
    stack_end: usize,
    priority: u64,
) -> Result<(), Error> {
    let arguments = ThreadArguments {
        entry: entry as usize as u64,
        // As after a call: the entry finds the stack 8 below a multiple of 16.
        stack: stack_end as u64 - 8,
        argument: thread as u64,
        fs_base: thread as u64,
        mask: safe::upcall_mask(mask_how::READ, 0)?,
        priority,
        // A detached thread may be gone when this call returns, and its memory with it.
        // SAFETY: the block is still this thread's alone.
        number_address: unsafe { (*thread).number.as_ptr() as u64 },
    };
    let address = core::ptr::from_ref(&arguments) as u64;
    // SAFETY: passed on to the caller.
    unsafe { raw::call2(Call::ThreadCreate, Handle::SELF.0 as u64, address) }.map(|_| ())
}

/// The kernel's number of a thread of this process.
///
/// # Safety
/// The block must be alive.
pub unsafe fn number(thread: *const Thread) -> u64 {
    // SAFETY: the caller's.
    unsafe { (*thread).number.load(Ordering::Relaxed) }
}

/// What names the calling thread in lock words: unique among the threads of all processes. Costs
/// a system call once.
#[inline]
pub fn lock_owner() -> u32 {
    // SAFETY: the current block lives.
    let block = unsafe { &mut *current() };
    if block.lock_owner == 0 {
        block.lock_owner = safe::thread_get(0, thread_property::LOCK_OWNER).unwrap_or(0) as u32;
    }
    block.lock_owner
}

/// The calling thread's list of robust mutexes, which the kernel goes through when it ends;
/// `offset` is the distance from an entry to its lock word. Costs a system call once.
pub fn robust_list(offset: isize) -> *mut RobustList {
    // SAFETY: the current block lives, and its address stays.
    let block = unsafe { &mut *current() };
    let list = &raw mut block.robust;
    if !block.robust_known {
        block.robust.offset = offset as u64;
        let address = list as u64;
        block.robust_known = safe::thread_set(0, thread_property::ROBUST_LIST, address).is_ok();
    }
    list
}

/// Ends the calling thread, which is not the last one.
pub fn exit() -> ! {
    reap();
    let thread = current();
    LIVE.fetch_sub(1, Ordering::AcqRel);
    // SAFETY: the block stays mapped until the kernel has written `alive`.
    let (alive, detached) = unsafe {
        let state = (*thread)
            .detach
            .swap(detach_state::EXITED, Ordering::AcqRel);
        ((*thread).alive.as_ptr(), state == detach_state::DETACHED)
    };
    if detached && !is_first(thread) {
        // Nobody can unmap the stack one stands on: the next thread that starts or ends does,
        // once the kernel says that this one has left it.
        push_dead(thread);
    }
    loop {
        // SAFETY: the call does not return; the word is valid until it is written.
        let _ = unsafe { raw::call1(Call::ThreadExit, alive as u64) };
    }
}

fn is_first(thread: *const Thread) -> bool {
    // SAFETY: called with the current thread's block.
    unsafe { (*thread).mapping.is_null() }
}

fn push_dead(thread: *mut Thread) {
    let mut head = DEAD.load(Ordering::Acquire);
    loop {
        // SAFETY: the block is the caller's.
        unsafe { (*thread).next_dead = head };
        match DEAD.compare_exchange_weak(head, thread, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(now) => head = now,
        }
    }
}

/// Unmaps the memory of detached threads that have left it.
fn reap() {
    let mut thread = DEAD.swap(core::ptr::null_mut(), Ordering::AcqRel);
    while !thread.is_null() {
        // SAFETY: whoever took the list owns its blocks; those that still run are put back.
        unsafe {
            let next = (*thread).next_dead;
            if (*thread).alive.load(Ordering::Acquire) == 0 {
                release(thread);
            } else {
                push_dead(thread);
            }
            thread = next;
        }
    }
}

/// Unmaps an ended thread's memory.
///
/// # Safety
/// The thread must have ended, and nobody may use its block or stack any more.
pub unsafe fn release(thread: *mut Thread) {
    // SAFETY: the caller's.
    unsafe {
        let (mapping, length) = ((*thread).mapping, (*thread).mapping_length);
        if !mapping.is_null() {
            let _ = memory::unmap(mapping, length);
        }
    }
}

/// Waits until a thread has left its stack, or until the deadline.
///
/// # Safety
/// The block must not have been released.
pub unsafe fn wait_for_end(thread: *const Thread, deadline: Deadline) -> Result<(), Error> {
    // SAFETY: the caller's.
    let alive = unsafe { &(*thread).alive };
    while alive.load(Ordering::Acquire) != 0 {
        if let Err(error @ (Error::TimedOut | Error::Interrupted)) = futex::wait(alive, 1, deadline)
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Puts a detached thread that had ended before it was detached in the list of the dead.
///
/// # Safety
/// Only for a block in state `EXITED` that nobody joins.
pub unsafe fn abandon(thread: *mut Thread) {
    push_dead(thread);
    reap();
}

/// In the child of a fork: there is one thread, with another number.
pub fn after_fork() {
    // SAFETY: the current block lives.
    unsafe {
        let block = &mut *current();
        block.number.store(FIRST_NUMBER, Ordering::Relaxed);
        // Locks are the parent's: the child is another thread.
        block.lock_owner = 0;
        block.robust_known = false;
        block.robust = RobustList::default();
    }
    LIVE.store(1, Ordering::Relaxed);
    DEAD.store(core::ptr::null_mut(), Ordering::Relaxed);
    THREADED.store(false, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_begins_as_compilers_expect() {
        assert_eq!(core::mem::offset_of!(Thread, self_pointer), 0);
        assert_eq!(core::mem::offset_of!(Thread, canary), 0x28);
    }
}
