//! Answers to what the supervisor asks of every server, beside and unseen by what the server does.

use alloc::vec;

use kernel_abi::{Handle, Signals};
use kernel_stubs::safe;
use proto::request::{self, Crash};
use proto::supervisor;

use crate::{Session, log, start};

/// Cookie of the binding; servers' own cookies are small numbers and their handles.
pub(crate) const COOKIE: u64 = 0x7265_7175_6573_7473;
/// Bytes that a leak takes at once.
const LEAK_BYTES: usize = 1 << 20;

/// Has requests of the supervisor told to the endpoint. The supervisor itself has none above it.
pub(crate) fn listen(endpoint: Handle) {
    let Some(supervisor) = start::supervisor() else {
        return;
    };
    if let Err(error) = safe::endpoint_bind(endpoint, supervisor, request::ALL, COOKIE) {
        log!("the supervisor cannot be heard: {}", error.name());
    }
}

/// Does what was asked. Between two calls every effect is recorded, so this is a good place to end.
pub(crate) fn answer(endpoint: Handle, asked: Signals) {
    if let Some(kind) = Crash::of_signals(asked) {
        crash(kind);
    }
    if !asked.and(request::STOP).is_empty() {
        safe::process_exit(crate::STOPPED_STATUS);
    }
    if let Some(supervisor) = start::supervisor() {
        // It takes the signal away, so that the next binding waits for the next one.
        if let Err(error) = supervisor::ready(&Session(supervisor), &[]) {
            log!("the supervisor does not hear: {error}");
        }
    }
    listen(endpoint);
}

fn crash(kind: Crash) {
    match kind {
        Crash::Panic => panic!("asked for"),
        Crash::Exit => safe::process_exit(1),
        // SAFETY: nothing is mapped in the first page: this is the fault that was asked for.
        Crash::BadAddress => unsafe {
            core::ptr::without_provenance::<u64>(64).read_volatile();
        },
        // SAFETY: an instruction that is defined to fault, which was asked for.
        #[cfg(target_arch = "x86_64")]
        Crash::BadInstruction => unsafe { core::arch::asm!("ud2") },
        Crash::StackOverflow => {
            recurse(0);
        }
        Crash::Leak => loop {
            core::mem::forget(core::hint::black_box(vec![1u8; LEAK_BYTES]));
        },
        Crash::Hang => loop {
            core::hint::spin_loop();
        },
    }
}

/// Uses up the stack: no depth is reached that ends it. The sum keeps it from becoming a loop.
fn recurse(depth: u64) -> u64 {
    let room = core::hint::black_box([depth; 64]);
    match room[0] {
        u64::MAX => 0,
        depth => recurse(depth + 1) + room[(depth % 64) as usize],
    }
}
