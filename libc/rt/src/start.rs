//! Start-up: what the kernel and the process server left on the stack, and the first thread.

use crate::{signal, thread};
use core::ffi::c_char;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Keys of the auxiliary vector (System V ABI), those that the library reads.
pub mod key {
    /// End.
    pub const NULL: u64 = 0;
    /// Program headers.
    pub const PROGRAM_HEADERS: u64 = 3;
    /// Size of one.
    pub const PROGRAM_HEADER_SIZE: u64 = 4;
    /// How many.
    pub const PROGRAM_HEADER_COUNT: u64 = 5;
    /// Whether the program was executed set-id.
    pub const SECURE: u64 = 23;
    /// Sixteen random bytes.
    pub const RANDOM: u64 = 25;
    /// Path of the program.
    pub const EXECUTED_PATH: u64 = 31;
    /// Address of the code page that Linux maps into every program; nobody else passes it.
    pub const LINUX_CODE_PAGE: u64 = 33;
}

const PT_TLS: u32 = 7;
const PT_PHDR: u32 = 6;

/// An ELF64 program header.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(missing_docs, reason = "named as the ELF specification names them")]
pub struct ProgramHeader {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub address: u64,
    pub physical_address: u64,
    pub file_size: u64,
    pub memory_size: u64,
    pub alignment: u64,
}

static AUXILIARY: AtomicPtr<[u64; 2]> = AtomicPtr::new(core::ptr::null_mut());
static RANDOM: AtomicUsize = AtomicUsize::new(0);

/// The value of a key of the auxiliary vector.
pub fn auxiliary(key: u64) -> Option<u64> {
    let mut entry = AUXILIARY.load(Ordering::Relaxed);
    if entry.is_null() {
        return None;
    }
    // SAFETY: the vector stays on the initial stack and ends with key 0.
    unsafe {
        while (*entry)[0] != key::NULL {
            if (*entry)[0] == key {
                return Some((*entry)[1]);
            }
            entry = entry.add(1);
        }
    }
    None
}

/// The program's own headers, and the address they are relative to.
pub fn program_headers() -> (&'static [ProgramHeader], usize) {
    let (Some(address), Some(count)) = (
        auxiliary(key::PROGRAM_HEADERS),
        auxiliary(key::PROGRAM_HEADER_COUNT),
    ) else {
        return (&[], 0);
    };
    if address == 0 {
        return (&[], 0);
    }
    // SAFETY: whoever loaded the program says that its headers are mapped there.
    let headers =
        unsafe { core::slice::from_raw_parts(address as *const ProgramHeader, count as usize) };
    let base = headers
        .iter()
        .find(|header| header.kind == PT_PHDR)
        .map_or(0, |header| (address - header.address) as usize);
    (headers, base)
}

/// A random number of this execution, for hash seeds and address choices.
pub fn random_word() -> usize {
    RANDOM.load(Ordering::Relaxed)
}

/// Makes the process ready to run C: auxiliary vector, thread-local storage, thread pointer,
/// handler of foreign system calls. Returns the environment.
///
/// # Safety
/// Once, first of all, with the argument vector from the initial stack.
pub unsafe fn initialise(argument_count: usize, arguments: *mut *mut c_char) -> *mut *mut c_char {
    // SAFETY: the System V ABI puts the environment behind the arguments' NULL, and the
    // auxiliary vector behind the environment's.
    let environment = unsafe { arguments.add(argument_count + 1) };
    let mut end = environment;
    // SAFETY: as above.
    unsafe {
        while !(*end).is_null() {
            end = end.add(1);
        }
        AUXILIARY.store(end.add(1).cast(), Ordering::Relaxed);
    }
    if auxiliary(key::LINUX_CODE_PAGE).is_some() {
        leave_linux();
    }
    let (headers, base) = program_headers();
    if let Some(header) = headers.iter().find(|header| header.kind == PT_TLS) {
        // SAFETY: the header describes mapped memory of this program.
        unsafe {
            thread::set_template(
                (base + header.address as usize) as *const u8,
                header.file_size as usize,
                header.memory_size as usize,
                header.alignment as usize,
            );
        }
    }
    // SAFETY: first of all, as the caller promises.
    if unsafe { thread::initialise(canary()) }.is_err() {
        // Nothing can run without a thread pointer, and nothing can be reported.
        kernel_stubs::safe::process_exit(127);
    }
    signal::install_foreign_calls();
    environment
}

/// Ends a program that somebody tries on the build machine, as configure scripts do: Linux takes
/// it for one of its own, but every system call would mean something else there.
fn leave_linux() -> ! {
    // SAFETY: the instruction that is defined to be invalid; the process ends by SIGILL.
    unsafe { core::arch::asm!("ud2", options(noreturn)) }
}

fn canary() -> usize {
    let Some(address) = auxiliary(key::RANDOM) else {
        return 0;
    };
    // SAFETY: AT_RANDOM points to sixteen bytes on the initial stack.
    let (first, second) = unsafe {
        let words = address as *const usize;
        (words.read_unaligned(), words.add(1).read_unaligned())
    };
    RANDOM.store(second, Ordering::Relaxed);
    // A zero byte stops string functions from reading or writing a whole canary.
    first & !0xff
}
