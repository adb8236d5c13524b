//! From the entry code into the kernel's logic and back out, under the kernel lock.

use crate::cpu::{self, CpuLocal};
use crate::hardware::Hardware;
use crate::lock::SpinLock;
use crate::{apic, entry, floating_point};
use core::arch::asm;
use kernel_abi::Call;
use kernel_abi::process::Registers;
use kernel_core::machine::{Context, Cpu};
use kernel_core::{Kernel, Next, ThreadId};
use x86_64::registers::model_specific::Msr;

/// The kernel. The way out in `entry.rs` lets go of the lock itself.
pub static KERNEL: SpinLock<Option<Kernel<Hardware>>> = SpinLock::new(None);

const MSR_FS_BASE: u32 = 0xc000_0100;
const MSR_KERNEL_GS_BASE: u32 = 0xc000_0102;

/// Puts the kernel in place, before any processor calls [`run`].
pub fn install(kernel: Kernel<Hardware>) {
    *KERNEL.lock() = Some(kernel);
    // SAFETY: locked just above; the reference is gone.
    unsafe { KERNEL.unlock() };
}

#[inline]
fn lock() -> &'static mut Kernel<Hardware> {
    match KERNEL.lock() {
        Some(kernel) => kernel,
        None => panic!("entered before the kernel was installed"),
    }
}

/// Takes the lock on an entry by `syscall`, if nobody has it: waiting is for functions of its own,
/// so that the short ways need no frame for it.
#[inline]
fn try_lock() -> Option<&'static mut Kernel<Hardware>> {
    // SAFETY: user code runs only after `run` has found the kernel installed; it stays so.
    KERNEL
        .try_lock()
        .map(|kernel| unsafe { kernel.as_mut().unwrap_unchecked() })
}

/// A system call of the current thread, by its number, the general way.
pub extern "C" fn system_call(number: u64) -> *const Registers {
    general_call(lock(), number)
}

#[cold]
extern "C" fn contended_call(number: u64) -> *const Registers {
    general_call(lock(), number)
}

/// `Call` of the current thread, the short way if that is open. With this calling convention, under
/// which a function need not keep any register, the arguments arrive where the program left them:
/// in `r12 r13 r14 r15 rdi`, of which two matter.
pub extern "rust-preserve-none" fn short_call(
    _word: u64,
    transfer: u64,
    _endpoint: u64,
    _incoming: u64,
    handle: u64,
) -> *const Registers {
    let number = Call::Call as u64;
    let Some(kernel) = try_lock() else {
        return contended_call(number);
    };
    let local = cpu::local();
    if let Some(call) = kernel.short_call(Cpu(local.index as u8), handle, transfer) {
        load_context(local, call.thread, call.to);
        // SAFETY: the lock is held; the server's thread waited in a receive, and is current now.
        unsafe { entry::leave_with_call(&call) }
    }
    general_call(kernel, number)
}

/// `ReplyReceive` of the current thread, the short way if that is open; the arguments arrive as those
/// of [`short_call`].
pub extern "rust-preserve-none" fn short_reply(
    _word: u64,
    transfer: u64,
    endpoint: u64,
    _incoming: u64,
    token: u64,
) -> *const Registers {
    let number = Call::ReplyReceive as u64;
    let Some(kernel) = try_lock() else {
        return contended_call(number);
    };
    let local = cpu::local();
    let cpu = Cpu(local.index as u8);
    if let Some(reply) = kernel.short_reply(cpu, token, transfer, endpoint) {
        load_context(local, reply.thread, reply.to);
        // SAFETY: the lock is held; the caller's thread waited for this, and is current now.
        unsafe { entry::leave_with_reply(&reply) }
    }
    general_call(kernel, number)
}

/// Completes the context with what the entry did not save, and makes the call. Apart, so that the
/// short ways need no large frame.
#[inline(never)]
fn general_call(kernel: &mut Kernel<Hardware>, number: u64) -> *const Registers {
    let local = cpu::local();
    // SAFETY: the context of the thread that is current, alive under the lock.
    let registers = unsafe { &mut (*local.context).registers };
    registers.rax = number;
    registers.rcx = registers.rip;
    registers.r11 = registers.rflags;
    let cpu = Cpu(local.index as u8);
    kernel.system_call(cpu);
    finish(kernel, cpu)
}

/// What a quick call returns, in `rax` and `rdx`.
#[repr(C)]
pub struct QuickResult {
    value: u64,
    goes_on: bool,
}

/// What the entry code pushes for a quick call, lowest address first.
#[repr(C)]
#[allow(missing_docs, reason = "each field is the register of its name")]
pub struct QuickFrame {
    pub r9: u64,
    pub r8: u64,
    pub r10: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub r11: u64,
    pub rcx: u64,
}

/// A quick call (see `kernel_core::QUICK_CALLS`) of the current thread, by its number from the
/// first one on.
pub extern "C" fn quick_call(frame: &QuickFrame, number: u64) -> QuickResult {
    match try_lock() {
        Some(kernel) => locked_quick_call(kernel, frame, number),
        None => contended_quick_call(frame, number),
    }
}

#[cold]
extern "C" fn contended_quick_call(frame: &QuickFrame, number: u64) -> QuickResult {
    locked_quick_call(lock(), frame, number)
}

#[inline(always)]
fn locked_quick_call(
    kernel: &mut Kernel<Hardware>,
    frame: &QuickFrame,
    number: u64,
) -> QuickResult {
    let number = kernel_abi::calls::FIRST + number;
    let request = || {
        let arguments = [frame.rdi, frame.rsi, frame.rdx, frame.r10];
        (cpu::current(), arguments)
    };
    let (value, goes_on) = kernel.quick_call(number, request);
    // SAFETY: the lock is held, and `kernel` is not used any more.
    unsafe { KERNEL.unlock() };
    QuickResult { value, goes_on }
}

/// Goes on after a quick call with whatever is to run now.
pub extern "C" fn settle() -> *const Registers {
    with_kernel(|_, _| {})
}

/// Does something with the kernel for the current thread, and goes on with whatever runs next.
pub fn with_kernel(work: impl FnOnce(&mut Kernel<Hardware>, Cpu)) -> *const Registers {
    let kernel = lock();
    let cpu = cpu::current();
    work(kernel, cpu);
    finish(kernel, cpu)
}

/// An interrupt from user mode.
pub fn interrupt(vector: u8) -> *const Registers {
    with_kernel(|kernel, cpu| take_interrupt(kernel, cpu, vector))
}

fn take_interrupt(kernel: &mut Kernel<Hardware>, cpu: Cpu, vector: u8) {
    match vector {
        apic::TIMER_VECTOR => kernel.timer(cpu),
        apic::KICK_VECTOR => kernel.kicked(cpu),
        _ => {
            if let Some(token) = kernel.machine.token_of(vector) {
                kernel.interrupt(cpu, token);
            }
        }
    }
    apic::end_of_interrupt();
}

/// Lets the scheduler decide, loads what it says, and lets go of the lock.
#[inline]
fn finish(kernel: &mut Kernel<Hardware>, cpu: Cpu) -> *const Registers {
    match kernel.schedule(cpu) {
        Next::Run(thread) => load(kernel, thread),
        Next::Idle => idle(kernel, cpu),
    }
}

#[inline]
fn load(kernel: &mut Kernel<Hardware>, thread: ThreadId) -> *const Registers {
    let local = cpu::local();
    if local.thread != Some(thread) {
        switch(kernel, local, thread);
    }
    leave_kernel(local)
}

/// Puts the current thread's segment bases in place and lets go of the lock.
#[inline]
fn leave_kernel(local: &mut CpuLocal) -> *const Registers {
    // SAFETY: the context of the thread that is current now, alive under the lock.
    let registers = unsafe { &(*local.context).registers };
    load_bases(local, registers);
    // SAFETY: the lock is held, and `kernel` is not used any more.
    unsafe { KERNEL.unlock() };
    registers
}

#[inline]
fn load_bases(local: &mut CpuLocal, registers: &Registers) {
    if registers.fs_base != local.fs_base {
        local.fs_base = registers.fs_base;
        // SAFETY: a user address, which the core has checked.
        unsafe { Msr::new(MSR_FS_BASE).write(registers.fs_base) };
    }
    if registers.gs_base != local.gs_base {
        local.gs_base = registers.gs_base;
        // SAFETY: as above; `swapgs` puts it in place on the way out.
        unsafe { Msr::new(MSR_KERNEL_GS_BASE).write(registers.gs_base) };
    }
}

#[inline]
fn switch(kernel: &mut Kernel<Hardware>, local: &mut CpuLocal, thread: ThreadId) {
    floating_point::switch(local, Some(thread));
    let Some(context) = kernel.context(thread) else {
        panic!("the scheduler chose a thread that is no more");
    };
    cpu::load_root_of(local, context.space.0);
    local.context = context;
    local.thread = Some(thread);
}

/// Switches to another thread, whose context is at hand, with everything but the registers.
#[inline(always)]
fn load_context(local: &mut CpuLocal, thread: ThreadId, context: &mut Context) {
    if local.floating_point_enabled || local.floating_point == Some(thread) {
        floating_point::switch(local, Some(thread));
    }
    cpu::load_root_of(local, context.space.0);
    load_bases(local, &context.registers);
    local.context = context;
    local.thread = Some(thread);
}

/// Waits for interrupts until there is something to run.
fn idle(kernel: &mut Kernel<Hardware>, cpu: Cpu) -> *const Registers {
    let mut kernel = kernel;
    loop {
        let local = cpu::local();
        floating_point::switch(local, None);
        local.thread = None;
        local.context = core::ptr::null_mut();
        cpu::load_root(kernel.machine.kernel_root());
        // SAFETY: the lock is held; the reference is not used again before it is taken anew.
        unsafe { KERNEL.unlock() };
        // SAFETY: an interrupt between the two instructions is held back until `hlt` waits.
        unsafe { asm!("sti", "hlt", "cli", options(nostack)) };
        kernel = lock();
        take_pending(kernel, cpu);
        if let Next::Run(thread) = kernel.schedule(cpu) {
            return load(kernel, thread);
        }
    }
}

fn take_pending(kernel: &mut Kernel<Hardware>, cpu: Cpu) {
    for word in 0..4 {
        let mut bits = core::mem::take(&mut cpu::local().pending[word]);
        while bits != 0 {
            let bit = bits.trailing_zeros();
            bits &= bits - 1;
            take_interrupt(kernel, cpu, (word as u32 * 64 + bit) as u8);
        }
    }
}

/// Starts to run threads on this processor; never returns.
pub fn run() -> ! {
    let kernel = lock();
    let registers = finish(kernel, cpu::current());
    // SAFETY: `leave` takes the registers' address in `rax` and abandons this stack.
    unsafe {
        asm!("jmp {leave}", leave = sym entry::leave, in("rax") registers, options(noreturn));
    }
}
