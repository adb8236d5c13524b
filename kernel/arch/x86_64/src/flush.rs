//! Making other processors forget translations.
//!
//! The requester holds the kernel lock and waits for an answer; a processor answers from its
//! interrupt handler or, when it spins for the lock with interrupts off, from there.

use crate::{apic, cpu};
use core::sync::atomic::{AtomicBool, Ordering};
use kernel_core::machine::MAX_CPUS;
use kernel_mem::Flush;

static REQUESTED: [AtomicBool; MAX_CPUS] = [const { AtomicBool::new(false) }; MAX_CPUS];

/// Answers a request to this processor, if there is one.
#[inline]
pub fn answer() {
    let slot = &REQUESTED[cpu::local().index as usize % MAX_CPUS];
    if slot.load(Ordering::Acquire) {
        cpu::reload_root();
        slot.store(false, Ordering::Release);
    }
}

fn flush_here(flush: Flush) {
    match flush {
        Flush::None => {}
        Flush::Pages(address, pages) => {
            for page in 0..pages {
                let address = address + page * 4096;
                // SAFETY: forgetting a translation is always allowed.
                unsafe {
                    core::arch::asm!("invlpg [{}]", in(reg) address, options(nostack, preserves_flags))
                };
            }
        }
        Flush::All => cpu::reload_root(),
    }
}

/// Carries out a flush of a space on every processor that has it loaded.
pub fn run(space: u64, flush: Flush) {
    if flush == Flush::None {
        return;
    }
    let here = cpu::local().index as usize;
    if cpu::root_of(here) == space {
        flush_here(flush);
    }
    let others = (0..MAX_CPUS)
        .filter(|&index| index != here && cpu::is_online(index) && cpu::root_of(index) == space);
    for index in others.clone() {
        REQUESTED[index].store(true, Ordering::Release);
        apic::send(cpu::apic_id_of(index), apic::FLUSH_VECTOR);
    }
    for index in others {
        while REQUESTED[index].load(Ordering::Acquire) {
            core::hint::spin_loop();
        }
    }
}
