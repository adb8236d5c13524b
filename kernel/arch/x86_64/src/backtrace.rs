//! Backtraces along frame pointers, with names from the symbols in the boot bundle.
//!
//! Symbols are an entry of the bundle, made by the host command from the unstripped kernel:
//! u32 count, then that many pairs (u32 offset of a function from the kernel's base, u32 offset of
//! its name), ascending, then the names, each ended by a newline.

use crate::debug_line;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Where the kernel is linked.
pub const KERNEL_BASE: u64 = 0xffff_ffff_8000_0000;
const MOST_FRAMES: usize = 32;

static SYMBOLS: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static SYMBOLS_LENGTH: AtomicUsize = AtomicUsize::new(0);

/// Says where the symbols are.
pub fn set_symbols(symbols: &'static [u8]) {
    SYMBOLS_LENGTH.store(symbols.len(), Ordering::Release);
    SYMBOLS.store(symbols.as_ptr().cast_mut(), Ordering::Release);
}

fn symbols() -> &'static [u8] {
    let pointer = SYMBOLS.load(Ordering::Acquire);
    if pointer.is_null() {
        return &[];
    }
    // SAFETY: set by `set_symbols` from a slice that lives for good.
    unsafe { core::slice::from_raw_parts(pointer, SYMBOLS_LENGTH.load(Ordering::Acquire)) }
}

fn word(table: &[u8], index: usize) -> Option<u32> {
    table
        .get(index * 4..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

/// The function that an address lies in, and the offset in it.
pub fn find(table: &[u8], address: u64) -> Option<(&str, u64)> {
    let offset = u32::try_from(address.checked_sub(KERNEL_BASE)?).ok()?;
    let count = word(table, 0)? as usize;
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = (low + high) / 2;
        if word(table, 1 + 2 * middle)? <= offset {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let found = low.checked_sub(1)?;
    let start = word(table, 1 + 2 * found)?;
    let name = table.get(word(table, 2 + 2 * found)? as usize..)?;
    let end = name.iter().position(|byte| *byte == b'\n')?;
    Some((
        core::str::from_utf8(name.get(..end)?).ok()?,
        u64::from(offset - start),
    ))
}

fn print_frame(number: usize, address: u64) {
    match find(symbols(), address) {
        Some((name, offset)) => debug_line!("  {number:>2}: {address:#018x} {name}+{offset:#x}"),
        None => debug_line!("  {number:>2}: {address:#018x}"),
    }
}

/// Prints the callers of the code at `instruction`.
pub fn print(instruction: u64, frame_pointer: u64) {
    print_frame(0, instruction);
    let mut frame = frame_pointer;
    for number in 1..MOST_FRAMES {
        // The kernel's stacks and nothing else: a damaged chain must not fault again.
        if frame < KERNEL_BASE || !frame.is_multiple_of(8) {
            return;
        }
        // SAFETY: a kernel address; all of the kernel's static memory is mapped.
        let (next, address) = unsafe { (*(frame as *const u64), *((frame + 8) as *const u64)) };
        if address < KERNEL_BASE || next <= frame {
            return;
        }
        print_frame(number, address);
        frame = next;
    }
}

/// Prints the callers of this function.
pub fn print_here() {
    let (instruction, frame): (u64, u64);
    // SAFETY: reads two registers.
    unsafe {
        core::arch::asm!("lea {}, [rip]", "mov {}, rbp", out(reg) instruction, out(reg) frame);
    }
    print(instruction, frame);
}
