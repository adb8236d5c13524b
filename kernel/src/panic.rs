//! What happens when the kernel itself is wrong: tell everything, then stop the machine.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};
use kernel_arch_x86_64::{backtrace, cpu, debug_line, ports};

/// Port of QEMU's exit device, and what makes it exit with a failing status.
const TEST_EXIT: (u16, u32) = (0xf4, 0x7f);

static PANICKED: AtomicBool = AtomicBool::new(false);
static UNDER_TEST: AtomicBool = AtomicBool::new(false);

/// Makes a panic end QEMU with a failing status.
pub fn set_under_test() {
    UNDER_TEST.store(true, Ordering::Relaxed);
}

#[panic_handler]
fn panicked(information: &PanicInfo<'_>) -> ! {
    // A panic while panicking, or on another processor meanwhile: the first one tells.
    if !PANICKED.swap(true, Ordering::SeqCst) {
        debug_line!("\nKERNEL PANIC: {information}");
        backtrace::print_here();
        if UNDER_TEST.load(Ordering::Relaxed) {
            // SAFETY: QEMU's exit device; elsewhere nothing listens there.
            unsafe { ports::write(TEST_EXIT.0, 4, TEST_EXIT.1) };
        }
    }
    cpu::halt()
}
