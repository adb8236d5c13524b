//! Start and end of a program: `__libc_start_main`, `exit`, `atexit`, `abort`.
//!
//! SAFETY of the C functions here: the C standard's preconditions (7.22.4).

use super::{environment, stdio};
use core::ffi::{c_char, c_int, c_void};
use libc_rt::{Lock, kernel, start};

type Main = unsafe extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;
type Function = unsafe extern "C" fn();
#[cfg(target_vendor = "microkosm")]
type Initialiser = unsafe extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char);

#[cfg(target_vendor = "microkosm")]
unsafe extern "C" {
    static __preinit_array_start: [Initialiser; 0];
    static __preinit_array_end: [Initialiser; 0];
    static __init_array_start: [Initialiser; 0];
    static __init_array_end: [Initialiser; 0];
    static __fini_array_start: [Function; 0];
    static __fini_array_end: [Function; 0];
}

/// The program's name, as it was called.
#[unsafe(no_mangle)]
pub static mut program_invocation_name: *mut c_char = c"".as_ptr().cast_mut();
/// The same without directories.
#[unsafe(no_mangle)]
pub static mut program_invocation_short_name: *mut c_char = c"".as_ptr().cast_mut();
/// BSD's name for it.
#[unsafe(no_mangle)]
pub static mut __progname: *mut c_char = c"".as_ptr().cast_mut();
/// What the compiler's stack protector compares with, where it does not use the thread's copy.
#[unsafe(no_mangle)]
pub static mut __stack_chk_guard: usize = 0;

/// Called by `crt1.o` with what the kernel left on the stack; never returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __libc_start_main(
    main: Main,
    argument_count: c_int,
    arguments: *mut *mut c_char,
) -> c_int {
    // SAFETY: `crt1.o` calls this once, first of all.
    unsafe {
        let variables = start::initialise(argument_count as usize, arguments);
        environment::environ = variables;
        if argument_count > 0 {
            set_program_name(*arguments);
        }
        initialise(argument_count, arguments, variables);
        exit(main(argument_count, arguments, environment::environ))
    }
}

unsafe fn set_program_name(name: *mut c_char) {
    // SAFETY: argv[0] is a string that stays.
    unsafe {
        let bytes = core::ffi::CStr::from_ptr(name).to_bytes();
        let short = bytes
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |at| at + 1);
        program_invocation_name = name;
        program_invocation_short_name = name.add(short);
        __progname = name.add(short);
    }
}

#[cfg(target_vendor = "microkosm")]
unsafe fn initialise(count: c_int, arguments: *mut *mut c_char, variables: *mut *mut c_char) {
    // SAFETY: the linker bounds the arrays of the program's initialisers.
    unsafe {
        for (first, end) in [
            (
                &raw const __preinit_array_start,
                &raw const __preinit_array_end,
            ),
            (&raw const __init_array_start, &raw const __init_array_end),
        ] {
            let mut function = first.cast::<Initialiser>();
            while function < end.cast() {
                (*function)(count, arguments, variables);
                function = function.add(1);
            }
        }
    }
}

#[cfg(target_vendor = "microkosm")]
unsafe fn finalise() {
    // SAFETY: as above.
    unsafe {
        let first = (&raw const __fini_array_start).cast::<Function>();
        let mut function = (&raw const __fini_array_end).cast::<Function>();
        while function > first {
            function = function.sub(1);
            (*function)();
        }
    }
}

#[cfg(not(target_vendor = "microkosm"))]
unsafe fn initialise(_: c_int, _: *mut *mut c_char, _: *mut *mut c_char) {}
#[cfg(not(target_vendor = "microkosm"))]
unsafe fn finalise() {}

#[derive(Clone, Copy)]
struct AtExit {
    function: unsafe extern "C" fn(*mut c_void),
    argument: *mut c_void,
}

const BLOCK: usize = 32;

/// Functions registered, in blocks: POSIX wants 32 without fail, so the first block is static.
struct AtExitBlock {
    entries: [Option<AtExit>; BLOCK],
    count: usize,
    next: *mut AtExitBlock,
}

struct AtExitList {
    first: AtExitBlock,
    head: *mut AtExitBlock,
}
// SAFETY: reached under the lock only.
unsafe impl Send for AtExitList {}

const EMPTY: AtExitBlock = AtExitBlock {
    entries: [None; BLOCK],
    count: 0,
    next: core::ptr::null_mut(),
};

static AT_EXIT: Lock<AtExitList> = Lock::new(AtExitList {
    first: EMPTY,
    head: core::ptr::null_mut(),
});
static AT_QUICK_EXIT: Lock<[Option<Function>; BLOCK]> = Lock::new([None; BLOCK]);

impl AtExitList {
    fn push(&mut self, entry: AtExit) -> bool {
        if self.head.is_null() {
            self.head = &raw mut self.first;
        }
        // SAFETY: the head is the static block or one made below.
        unsafe {
            if (*self.head).count == BLOCK {
                let block: *mut AtExitBlock =
                    super::heap::malloc(core::mem::size_of::<AtExitBlock>()).cast();
                if block.is_null() {
                    return false;
                }
                block.write(EMPTY);
                (*block).next = self.head;
                self.head = block;
            }
            let block = &mut *self.head;
            block.entries[block.count] = Some(entry);
            block.count += 1;
        }
        true
    }

    fn pop(&mut self) -> Option<AtExit> {
        while !self.head.is_null() {
            // SAFETY: as in `push`.
            unsafe {
                let block = &mut *self.head;
                if block.count > 0 {
                    block.count -= 1;
                    return block.entries[block.count].take();
                }
                self.head = block.next;
            }
        }
        None
    }
}

unsafe extern "C" fn call_plain(function: *mut c_void) {
    // SAFETY: `atexit` stored a function of this type.
    unsafe { core::mem::transmute::<*mut c_void, Function>(function)() }
}

/// C 7.22.4.2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atexit(function: Function) -> c_int {
    let entry = AtExit {
        function: call_plain,
        argument: function as *mut c_void,
    };
    if AT_EXIT.lock().push(entry) { 0 } else { -1 }
}

/// The C++ ABI's registration of destructors of static objects.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __cxa_atexit(
    function: unsafe extern "C" fn(*mut c_void),
    argument: *mut c_void,
    _object: *mut c_void,
) -> c_int {
    if AT_EXIT.lock().push(AtExit { function, argument }) {
        0
    } else {
        -1
    }
}

/// The C++ ABI's run of destructors of one shared object: a static program has only itself, and
/// `exit` does that.
#[unsafe(no_mangle)]
pub extern "C" fn __cxa_finalize(_object: *mut c_void) {}

/// C 7.22.4.4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn exit(status: c_int) -> ! {
    // SAFETY: registered functions have their standard's preconditions.
    unsafe {
        super::pthread::run_thread_destructors();
        loop {
            // The lock is not held during the call: handlers may register others.
            let entry = AT_EXIT.lock().pop();
            let Some(entry) = entry else { break };
            (entry.function)(entry.argument);
        }
        finalise();
        stdio::flush_at_exit();
    }
    _exit(status)
}

/// C 7.22.4.5 and POSIX `_exit`.
#[unsafe(no_mangle)]
pub extern "C" fn _exit(status: c_int) -> ! {
    kernel::process_exit((status & 0xff) as u64)
}

/// C 7.22.4.5.
#[unsafe(no_mangle)]
pub extern "C" fn _Exit(status: c_int) -> ! {
    _exit(status)
}

/// C 7.22.4.3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn at_quick_exit(function: Function) -> c_int {
    let mut list = AT_QUICK_EXIT.lock();
    match list.iter_mut().find(|slot| slot.is_none()) {
        Some(slot) => {
            *slot = Some(function);
            0
        }
        None => -1,
    }
}

/// C 7.22.4.7.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn quick_exit(status: c_int) -> ! {
    let functions = *AT_QUICK_EXIT.lock();
    for function in functions.iter().rev().flatten() {
        // SAFETY: registered by the program.
        unsafe { function() };
    }
    _exit(status)
}

/// C 7.22.4.1: ends by SIGABRT, whatever the program does about that signal.
#[unsafe(no_mangle)]
pub extern "C" fn abort() -> ! {
    const SIGABRT: c_int = 6;
    super::signal::raise(SIGABRT);
    // Caught, ignored or blocked: make it the default and let it through.
    let _ = libc_rt::signal::action(SIGABRT as u32, Some(libc_rt::signal::Action::default()));
    let _ = kernel::upcall_mask(kernel_abi::process::mask_how::UNBLOCK, 1 << (SIGABRT - 1));
    super::signal::raise(SIGABRT);
    kernel::process_exit(1 << 31 | SIGABRT as u64)
}

/// Called by code that finds its stack canary changed.
#[unsafe(no_mangle)]
pub extern "C" fn __stack_chk_fail() -> ! {
    let _ = libc_posix::descriptor::write(2, b"*** stack smashing detected ***\n");
    abort()
}

/// C 7.2: what the `assert` macro calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __assert_fail(
    expression: *const c_char,
    file: *const c_char,
    line: c_int,
    function: *const c_char,
) -> ! {
    // SAFETY: the macro passes strings.
    unsafe {
        let format = c"Assertion failed: %s (%s: %s: %d)\n".as_ptr();
        super::stdio::dprintf(2, format, expression, file, function, line);
    }
    abort()
}
