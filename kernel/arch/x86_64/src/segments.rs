//! Segments, the task state and the interrupt table: set up once, hardly used in 64-bit mode.

use crate::entry;
use core::arch::asm;
use core::cell::UnsafeCell;
use kernel_core::machine::MAX_CPUS;

/// Selector of kernel code; kernel data follows.
pub const KERNEL_CODE: u16 = 0x08;
const KERNEL_DATA: u16 = 0x10;
/// Selector of user data, then user code: the order that `sysret` wants.
pub const USER_DATA: u16 = 0x18 | 3;
/// Selector of user code.
pub const USER_CODE: u16 = 0x20 | 3;
const TASK: u16 = 0x28;
/// Bases for `syscall` (kernel code) and `sysret` (8 below user data).
pub const STAR: u64 = (KERNEL_CODE as u64) << 32 | 0x13 << 48;

const FAULT_STACK_SIZE: usize = 8 * 1024;
/// Which entry of the task state's stack table each catastrophic exception uses.
const DOUBLE_FAULT_STACK: u8 = 1;
const MACHINE_CHECK_STACK: u8 = 2;

#[repr(C, packed(4))]
struct TaskState {
    reserved_0: u32,
    privilege_stacks: [u64; 3],
    reserved_1: u64,
    interrupt_stacks: [u64; 7],
    reserved_2: u64,
    reserved_3: u16,
    port_map: u16,
}

#[repr(C, align(16))]
struct Tables {
    descriptors: [u64; 7],
    task: TaskState,
    fault_stack: [u8; FAULT_STACK_SIZE],
    machine_check_stack: [u8; FAULT_STACK_SIZE],
}

struct PerCpu(UnsafeCell<Tables>);

// SAFETY: each processor writes its own entry, once, before it takes interrupts.
unsafe impl Sync for PerCpu {}

/// Null, kernel code, kernel data, user data, user code; the task's two follow.
const DESCRIPTORS: [u64; 5] = [
    0,
    0x00af_9b00_0000_ffff,
    0x00cf_9300_0000_ffff,
    0x00cf_f300_0000_ffff,
    0x00af_fb00_0000_ffff,
];

// All zero, so that the stacks take no room in the kernel's image; `load` fills in the rest.
static TABLES: [PerCpu; MAX_CPUS] = [const {
    PerCpu(UnsafeCell::new(Tables {
        descriptors: [0; 7],
        task: TaskState {
            reserved_0: 0,
            privilege_stacks: [0; 3],
            reserved_1: 0,
            interrupt_stacks: [0; 7],
            reserved_2: 0,
            reserved_3: 0,
            port_map: 0,
        },
        fault_stack: [0; FAULT_STACK_SIZE],
        machine_check_stack: [0; FAULT_STACK_SIZE],
    }))
}; MAX_CPUS];

#[repr(C)]
#[derive(Clone, Copy)]
struct Gate {
    low: u64,
    high: u64,
}

struct InterruptTable(UnsafeCell<[Gate; 256]>);

// SAFETY: filled by the first processor before others start, read by hardware only.
unsafe impl Sync for InterruptTable {}

static INTERRUPTS: InterruptTable =
    InterruptTable(UnsafeCell::new([Gate { low: 0, high: 0 }; 256]));

#[repr(C, packed)]
struct TablePointer {
    limit: u16,
    base: u64,
}

fn gate(handler: u64, stack: u8, privilege: u64) -> Gate {
    // Type 14: interrupt gate, which clears the interrupt flag.
    let low = handler & 0xffff
        | u64::from(KERNEL_CODE) << 16
        | u64::from(stack) << 32
        | (0x8e00 | privilege << 13) << 32
        | (handler >> 16 & 0xffff) << 48;
    Gate {
        low,
        high: handler >> 32,
    }
}

fn fill_interrupts() {
    let table = INTERRUPTS.0.get();
    for vector in 0..256 {
        let stack = match vector {
            2 | 18 => MACHINE_CHECK_STACK,
            8 => DOUBLE_FAULT_STACK,
            _ => 0,
        };
        // Breakpoints may be raised by user programs.
        let privilege = if vector == 3 { 3 } else { 0 };
        let gate = gate(entry::stub(vector), stack, privilege);
        // SAFETY: only the first processor gets here, before any interrupt.
        unsafe { (*table)[vector] = gate };
    }
}

/// Loads segments, task state and interrupt table on the running processor.
///
/// # Safety
/// Once on each processor, the first one first.
pub unsafe fn load(index: usize, stack_top: u64) {
    if index == 0 {
        fill_interrupts();
    }
    let tables = TABLES[index % MAX_CPUS].0.get();
    // SAFETY: this processor's own tables; selectors and limits match what is written.
    unsafe {
        let task = core::ptr::addr_of!((*tables).task) as u64;
        (&mut (*tables).descriptors)[..5].copy_from_slice(&DESCRIPTORS);
        // Beyond the limit: no port map.
        (*tables).task.port_map = 0xffff;
        (*tables).task.privilege_stacks[0] = stack_top;
        let end = |start: u64| (start + FAULT_STACK_SIZE as u64) & !15;
        (*tables).task.interrupt_stacks[0] = end(core::ptr::addr_of!((*tables).fault_stack) as u64);
        (*tables).task.interrupt_stacks[1] =
            end(core::ptr::addr_of!((*tables).machine_check_stack) as u64);
        let limit = size_of::<TaskState>() as u64 - 1;
        (*tables).descriptors[5] =
            limit | (task & 0xff_ffff) << 16 | 0x89 << 40 | (task >> 24 & 0xff) << 56;
        (*tables).descriptors[6] = task >> 32;
        let descriptors = core::ptr::addr_of!((*tables).descriptors) as u64;
        let pointer = TablePointer {
            limit: 7 * 8 - 1,
            base: descriptors,
        };
        asm!("lgdt [{}]", in(reg) &pointer, options(readonly, nostack, preserves_flags));
        reload_segments();
        let pointer = TablePointer {
            limit: 256 * 16 - 1,
            base: INTERRUPTS.0.get() as u64,
        };
        asm!("lidt [{}]", in(reg) &pointer, options(readonly, nostack, preserves_flags));
        asm!("ltr {:x}", in(reg) TASK, options(nostack, preserves_flags));
    }
}

/// # Safety
/// The table that is loaded holds the kernel's segments.
unsafe fn reload_segments() {
    // SAFETY: a far return to the next instruction under the new code segment.
    unsafe {
        asm!(
            "push {code}",
            "lea {scratch}, [rip + 2f]",
            "push {scratch}",
            "retfq",
            "2:",
            "mov ds, {data:x}",
            "mov es, {data:x}",
            "mov ss, {data:x}",
            "mov fs, {zero:x}",
            "mov gs, {zero:x}",
            code = const KERNEL_CODE,
            scratch = out(reg) _,
            data = in(reg) KERNEL_DATA,
            zero = in(reg) 0,
        );
    }
}
