//! What each processor has of its own, and the features it is run with.

use crate::{apic, segments};
use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use kernel_core::ThreadId;
use kernel_core::machine::{Context, Cpu, MAX_CPUS};
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};
use x86_64::registers::model_specific::Msr;

/// Bytes of a processor's kernel stack.
pub const STACK_SIZE: usize = 32 * 1024;

const MSR_STAR: u32 = 0xc000_0081;
const MSR_LSTAR: u32 = 0xc000_0082;
const MSR_SFMASK: u32 = 0xc000_0084;
const MSR_PAT: u32 = 0x277;
/// Interrupt, direction, trap, alignment-check and nested-task flags are clear in the kernel.
const SYSCALL_CLEARS: u64 = 0x4_4700;
/// Write back, write combining, uncached-, uncached; the same again.
const PAGE_ATTRIBUTES: u64 = 0x0007_0106_0007_0106;

/// A processor's own data; `gs` points to it in the kernel. The entry code in `entry.rs` knows
/// the offsets of the first fields.
#[repr(C, align(64))]
pub struct CpuLocal {
    /// Registers of the thread that runs in user mode.
    pub context: *mut Context,
    /// Where the kernel's stack starts.
    pub stack_top: u64,
    /// The user's stack pointer, while `syscall` is being entered.
    pub user_stack: u64,
    /// Which processor this is.
    pub index: u32,
    /// Identifier of its local APIC.
    pub apic_id: u32,
    /// Where this is.
    pub itself: *mut CpuLocal,
    /// Which page-table root is loaded, where other processors see it too.
    root: &'static AtomicU64,
    /// The thread whose registers `context` points to.
    pub thread: Option<ThreadId>,
    /// The thread whose floating-point registers are loaded.
    pub floating_point: Option<ThreadId>,
    /// Whether they can be used without a trap.
    pub floating_point_enabled: bool,
    /// Base of `fs` that is loaded.
    pub fs_base: u64,
    /// Base of `gs` that is loaded for user mode.
    pub gs_base: u64,
    /// Vectors that came while the processor was idle, a bit each.
    pub pending: [u64; 4],
}

struct Locals([core::cell::UnsafeCell<CpuLocal>; MAX_CPUS]);

// SAFETY: each processor touches its own entry; others' are touched under the kernel lock, and
// then only the field `floating_point`.
unsafe impl Sync for Locals {}

const EMPTY: CpuLocal = CpuLocal {
    context: core::ptr::null_mut(),
    stack_top: 0,
    user_stack: 0,
    index: 0,
    apic_id: 0,
    itself: core::ptr::null_mut(),
    root: &ROOTS[0],
    thread: None,
    floating_point: None,
    floating_point_enabled: false,
    fs_base: 0,
    gs_base: 0,
    pending: [0; 4],
};

static LOCALS: Locals = Locals([const { core::cell::UnsafeCell::new(EMPTY) }; MAX_CPUS]);
/// Page-table root that each processor has loaded.
static ROOTS: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];
static APIC_IDS: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(0) }; MAX_CPUS];
static ONLINE: [AtomicBool; MAX_CPUS] = [const { AtomicBool::new(false) }; MAX_CPUS];

/// The running processor's own data.
#[inline]
pub fn local() -> &'static mut CpuLocal {
    // SAFETY: in the kernel `gs` points to this processor's entry of `LOCALS`, which holds its own
    // address.
    unsafe {
        let itself: *mut CpuLocal;
        asm!("mov {}, gs:[32]", out(reg) itself, options(nostack, readonly, preserves_flags));
        &mut *itself
    }
}

/// Another processor's entry.
///
/// # Safety
/// The kernel lock is held, and only `floating_point` is touched.
pub unsafe fn other(index: usize) -> &'static mut CpuLocal {
    // SAFETY: passed on to the caller.
    unsafe { &mut *LOCALS.0[index % MAX_CPUS].get() }
}

/// The running processor.
#[inline]
pub fn current() -> Cpu {
    Cpu(local().index as u8)
}

/// The root a processor has loaded.
#[inline]
pub fn root_of(cpu: usize) -> u64 {
    ROOTS[cpu % MAX_CPUS].load(Ordering::Acquire)
}

/// Identifier of a processor's local APIC.
pub fn apic_id_of(cpu: usize) -> u32 {
    APIC_IDS[cpu % MAX_CPUS].load(Ordering::Relaxed)
}

/// Whether a processor takes interrupts.
pub fn is_online(cpu: usize) -> bool {
    ONLINE[cpu % MAX_CPUS].load(Ordering::Acquire)
}

/// Loads a page-table root, if it is not loaded.
pub fn load_root(root: u64) {
    load_root_of(local(), root);
}

/// As [`load_root`], on the processor whose data are at hand.
#[inline]
pub fn load_root_of(local: &CpuLocal, root: u64) {
    if local.root.load(Ordering::Relaxed) != root {
        local.root.store(root, Ordering::Release);
        // SAFETY: every root shares the kernel's half, so code and stack stay where they are.
        unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags)) };
    }
}

/// The root that the loader left.
pub fn loaded_root() -> u64 {
    let root: u64;
    // SAFETY: reading a control register.
    unsafe { asm!("mov {}, cr3", out(reg) root, options(nomem, nostack, preserves_flags)) };
    root & !0xfff
}

/// Loads a root before the processor's own data is set up.
pub fn switch_to_root(root: u64) {
    // SAFETY: the callers pass the kernel's root, whose upper half is the loader's: code, stack
    // (in the direct map) and data stay where they are.
    unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack)) };
}

/// Drops every translation of the loaded space.
pub fn reload_root() {
    let root = local().root.load(Ordering::Relaxed);
    // SAFETY: the root that is loaded already.
    unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags)) };
}

fn cpuid(leaf: u32) -> core::arch::x86_64::CpuidResult {
    core::arch::x86_64::__cpuid_count(leaf, 0)
}

/// Turns on the protections and instructions that the kernel relies on.
fn init_features() {
    // SAFETY: these bits turn features on that the processor reports (SMEP, SMAP, UMIP) or that
    // every x86_64 processor has.
    unsafe {
        let mut cr0 = Cr0::read();
        cr0.remove(Cr0Flags::EMULATE_COPROCESSOR);
        cr0.insert(
            Cr0Flags::WRITE_PROTECT | Cr0Flags::MONITOR_COPROCESSOR | Cr0Flags::NUMERIC_ERROR,
        );
        Cr0::write(cr0);
        let features = if cpuid(0).eax >= 7 {
            cpuid(7)
        } else {
            cpuid(0)
        };
        let has = |register: u32, bit: u32| cpuid(0).eax >= 7 && register & (1 << bit) != 0;
        let mut cr4 = Cr4::read();
        cr4.insert(Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE);
        cr4.set(
            Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION,
            has(features.ebx, 7),
        );
        cr4.set(
            Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION,
            has(features.ebx, 20),
        );
        cr4.set(
            Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION,
            has(features.ecx, 2),
        );
        Cr4::write(cr4);
        Efer::update(|efer| {
            efer.insert(EferFlags::SYSTEM_CALL_EXTENSIONS | EferFlags::NO_EXECUTE_ENABLE);
        });
        Msr::new(MSR_PAT).write(PAGE_ATTRIBUTES);
    }
}

/// Prepares the running processor: stack, segments, system calls, features.
///
/// # Safety
/// Called once on each processor, with its own index and stack, and the kernel's root loaded.
pub unsafe fn init(index: usize, stack_top: u64, root: u64) {
    init_features();
    let slot = index % MAX_CPUS;
    let local = LOCALS.0[slot].get();
    // SAFETY: nobody else uses this processor's entry.
    unsafe {
        (*local).stack_top = stack_top;
        (*local).index = index as u32;
        (*local).itself = local;
        (*local).root = &ROOTS[slot];
        segments::load(index, stack_top);
        Msr::new(0xc000_0101).write(local as u64);
        Msr::new(0xc000_0102).write(0);
        Msr::new(MSR_STAR).write(segments::STAR);
        Msr::new(MSR_LSTAR).write(crate::entry::system_call_entry as *const () as u64);
        Msr::new(MSR_SFMASK).write(SYSCALL_CLEARS);
    }
    ROOTS[slot].store(root, Ordering::Release);
    // SAFETY: the root holds the kernel's half.
    unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags)) };
    apic::enable();
    let apic_id = apic::identifier();
    // SAFETY: as above.
    unsafe { (*local).apic_id = apic_id };
    APIC_IDS[slot].store(apic_id, Ordering::Relaxed);
    crate::floating_point::disable(self::local());
    ONLINE[slot].store(true, Ordering::Release);
}

/// Where the stack that `stack_pointer` lies in ends at the latest: exactly for a processor's own
/// stack; for those of the loader and of the catastrophic exceptions, which are in mapped memory
/// with more behind them, as far up as a processor's own would reach.
pub fn end_of_stack(stack_pointer: u64) -> u64 {
    let tops = LOCALS.0.iter().map(|local| {
        // SAFETY: a word that is written once, before the stack is used.
        unsafe { (*local.get()).stack_top }
    });
    let size = STACK_SIZE as u64;
    tops.into_iter()
        .find(|top| stack_pointer < *top && top - stack_pointer <= size)
        .unwrap_or(stack_pointer.saturating_add(size))
}

/// Stops this processor for good.
pub fn halt() -> ! {
    loop {
        // SAFETY: nothing runs here any more.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) };
    }
}

/// A word of the processor's generator, or 0 where there is none.
pub fn random_word() -> u64 {
    let has = core::arch::x86_64::__cpuid(1).ecx & 1 << 30 != 0;
    let mut value: u64 = 0;
    if has {
        // SAFETY: the processor reports the instruction. On failure it leaves 0.
        unsafe {
            asm!("rdrand {}", inout(reg) value, options(nomem, nostack));
        }
    }
    value
}
