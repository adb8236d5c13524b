//! Backtraces, with names and stack depths from tables in the boot bundle.
//!
//! The kernel keeps no frame pointers. Where a function's return address is follows from the
//! compiler's unwinding information, which the host command has evaluated into a table
//! (`mkimage/src/symbols.rs`). Both tables start with a u32 count and that many pairs of u32,
//! ascending by the first:
//!
//! * `kernel-symbols`: offset of a function from the kernel's base, offset of its name in the table;
//!   after the pairs the names, each ended by a newline;
//! * `kernel-frames`: offset of an instruction from the kernel's base, bytes from the stack pointer
//!   to the end of the function's frame from there on (all ones: not known).

use crate::{cpu, debug_line};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Where the kernel is linked.
pub const KERNEL_BASE: u64 = 0xffff_ffff_8000_0000;
const UPPER_HALF: u64 = 0xffff_8000_0000_0000;
const MOST_FRAMES: usize = 32;
const UNKNOWN_DEPTH: u32 = u32::MAX;

/// A table that is set once, before the other processors start.
struct Table(AtomicPtr<u8>, AtomicUsize);

static SYMBOLS: Table = Table::new();
static FRAMES: Table = Table::new();

impl Table {
    const fn new() -> Table {
        Table(AtomicPtr::new(core::ptr::null_mut()), AtomicUsize::new(0))
    }

    fn set(&self, bytes: &'static [u8]) {
        self.1.store(bytes.len(), Ordering::Release);
        self.0.store(bytes.as_ptr().cast_mut(), Ordering::Release);
    }

    fn get(&self) -> &'static [u8] {
        let pointer = self.0.load(Ordering::Acquire);
        if pointer.is_null() {
            return &[];
        }
        // SAFETY: set from a slice that lives for good, its length first.
        unsafe { core::slice::from_raw_parts(pointer, self.1.load(Ordering::Acquire)) }
    }
}

/// Says where the tables are; empty ones make a poorer backtrace.
pub fn set_tables(symbols: &'static [u8], frames: &'static [u8]) {
    SYMBOLS.set(symbols);
    FRAMES.set(frames);
}

fn word(table: &[u8], index: usize) -> Option<u32> {
    table
        .get(index.checked_mul(4)?..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

/// The last pair whose first word is at most the address's offset.
fn lookup(table: &[u8], address: u64) -> Option<(u32, u32)> {
    let offset = u32::try_from(address.checked_sub(KERNEL_BASE)?).ok()?;
    let (mut low, mut high) = (0, word(table, 0)? as usize);
    while low < high {
        let middle = low.midpoint(high);
        if word(table, 1 + 2 * middle)? <= offset {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let found = low.checked_sub(1)?;
    Some((word(table, 1 + 2 * found)?, word(table, 2 + 2 * found)?))
}

/// The function that an address lies in, and the offset in it.
pub fn find(table: &[u8], address: u64) -> Option<(&str, u64)> {
    let (start, name) = lookup(table, address)?;
    let name = table.get(name as usize..)?;
    let end = name.iter().position(|byte| *byte == b'\n')?;
    let offset = (address - KERNEL_BASE).checked_sub(u64::from(start))?;
    Some((core::str::from_utf8(name.get(..end)?).ok()?, offset))
}

/// Bytes from the stack pointer to the end of the frame at an instruction, if they are known.
pub fn depth(table: &[u8], address: u64) -> Option<u64> {
    let (_, depth) = lookup(table, address)?;
    (depth != UNKNOWN_DEPTH).then_some(u64::from(depth))
}

fn print_frame(number: usize, address: u64) {
    match find(SYMBOLS.get(), address) {
        Some((name, offset)) => debug_line!("  {number:>2}: {address:#018x} {name}+{offset:#x}"),
        None => debug_line!("  {number:>2}: {address:#018x}"),
    }
}

/// Prints the callers of the code at `instruction`, which runs with that stack pointer.
pub fn print(instruction: u64, stack_pointer: u64) {
    print_frame(0, instruction);
    // What a return address points behind may be another function's: a call that never returns
    // can be a function's last instruction. So callers are looked up one byte before.
    let mut looked_up = instruction;
    let mut stack = stack_pointer;
    let end = cpu::end_of_stack(stack_pointer);
    for number in 1..MOST_FRAMES {
        let Some(depth) = depth(FRAMES.get(), looked_up) else {
            return;
        };
        // This stack and nothing else: what is damaged must not fault again.
        let Some(next) = stack.checked_add(depth).filter(|next| *next <= end) else {
            return;
        };
        if depth < 8 || stack < UPPER_HALF || !next.is_multiple_of(8) {
            return;
        }
        // SAFETY: below the end of the stack that the processor runs on.
        let address = unsafe { *((next - 8) as *const u64) };
        if address < KERNEL_BASE {
            return;
        }
        print_frame(number, address);
        (looked_up, stack) = (address - 1, next);
    }
}

/// Prints the registers that calls preserve, which tell most after a panic, and the callers of
/// this function.
#[inline(never)]
pub fn print_here() {
    let (instruction, stack, flags): (u64, u64, u64);
    let mut preserved = [0u64; 6];
    // SAFETY: reads registers; the push is undone at once.
    unsafe {
        core::arch::asm!(
            "mov [{to}], rbx", "mov [{to} + 8], rbp", "mov [{to} + 16], r12",
            "mov [{to} + 24], r13", "mov [{to} + 32], r14", "mov [{to} + 40], r15",
            "pushfq", "pop {flags}", "mov {stack}, rsp", "lea {instruction}, [rip]",
            to = in(reg) &raw mut preserved, flags = out(reg) flags,
            stack = out(reg) stack, instruction = out(reg) instruction,
        );
    }
    let [rbx, rbp, r12, r13, r14, r15] = preserved;
    debug_line!("rip {instruction:#018x} rsp {stack:#018x} rflags {flags:#x}");
    debug_line!("rbx {rbx:#018x} rbp {rbp:#018x} r12 {r12:#018x}");
    debug_line!("r13 {r13:#018x} r14 {r14:#018x} r15 {r15:#018x}");
    debug_line!("cr3 {:#018x}", cpu::loaded_root());
    print(instruction, stack);
}
