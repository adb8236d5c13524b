//! Floating-point registers: saved when their thread leaves the processor, loaded when another
//! one first uses them. Servers are built without floating point, so a program that calls a
//! server finds its registers still loaded when it comes back.

use crate::cpu;
use core::arch::asm;
use kernel_core::ThreadId;
use kernel_core::machine::{Context, MAX_CPUS};

fn enable(local: &mut cpu::CpuLocal) {
    local.floating_point_enabled = true;
    // SAFETY: lets user code use the registers that are loaded.
    unsafe { asm!("clts", options(nomem, nostack, preserves_flags)) };
}

/// Makes the next use of floating point raise an exception.
pub fn disable(local: &mut cpu::CpuLocal) {
    local.floating_point_enabled = false;
    // SAFETY: sets one bit of a control register.
    unsafe {
        // Bit 3: task switched.
        asm!("mov {t}, cr0", "or {t}, 8", "mov cr0, {t}", t = out(reg) _, options(nomem, nostack));
    }
}

fn save(context: *mut Context) {
    // SAFETY: the context is alive (its thread is current) and its image is 16-byte aligned, being
    // at a multiple of 16 in a structure aligned to 64.
    unsafe {
        let image = core::ptr::addr_of_mut!((*context).floating_point);
        asm!("fxsave64 [{}]", in(reg) image, options(nostack, preserves_flags));
    }
}

/// The thread on this processor changes: keeps what the old one has, lets the new one go on
/// without a trap if its registers are still there.
#[inline]
pub fn switch(local: &mut cpu::CpuLocal, new: Option<ThreadId>) {
    if local.floating_point_enabled {
        if local.floating_point.is_some() && local.floating_point == local.thread {
            save(local.context);
        }
        if new.is_none() || local.floating_point != new {
            disable(local);
        }
    } else if new.is_some() && local.floating_point == new {
        enable(local);
    }
}

/// The current thread uses floating point: its registers are loaded.
///
/// # Safety
/// The kernel lock is held.
pub unsafe fn load(local: &mut cpu::CpuLocal) {
    enable(local);
    for index in 0..MAX_CPUS {
        // SAFETY: under the kernel lock. What another processor still holds of this thread is old.
        let other = unsafe { cpu::other(index) };
        if index != local.index as usize && other.floating_point == local.thread {
            other.floating_point = None;
        }
    }
    local.floating_point = local.thread;
    load_image(local.context);
}

/// Writes the registers into the context if they are the current thread's.
pub fn save_current(context: &mut Context) {
    let local = cpu::local();
    let current = core::ptr::eq(local.context, context);
    if current && local.floating_point_enabled && local.floating_point == local.thread {
        save(local.context);
    }
}

/// The context's image is newer than the registers: they are loaded anew if they are in use.
pub fn reload_current(context: &Context) {
    let local = cpu::local();
    if !core::ptr::eq(local.context, context) {
        return;
    }
    if local.floating_point_enabled && local.floating_point == local.thread {
        load_image(context);
    } else {
        local.floating_point = None;
        disable(local);
    }
}

fn load_image(context: *const Context) {
    // SAFETY: the context is alive under the kernel lock; the image was made by `fxsave64`, or by
    // the core with valid control words.
    unsafe {
        let image = core::ptr::addr_of!((*context).floating_point);
        asm!("fxrstor64 [{}]", in(reg) image, options(nostack, preserves_flags));
    }
}
