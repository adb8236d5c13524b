//! Every system call with wild arguments: errors, no harm to the kernel or to others.

use kernel_abi::{Call, Handle};
use server_rt::stubs::raw;

use crate::{Check, Tally, equal};

/// Calls that would, rightly, end or stop this thread, change its own memory under it, or write
/// its memory to the log.
const LEFT_OUT: &[Call] = &[
    Call::ProcessExit,
    Call::ThreadExit,
    Call::UpcallReturn,
    Call::UpcallSuspend,
    Call::UpcallTake,
    Call::MemoryMap,
    Call::MemoryUnmap,
    Call::MemoryProtect,
    Call::MemoryDecommit,
    Call::MemoryRemap,
    Call::ProcessSuspend,
    Call::ProcessKill,
    Call::HandleCloseRange,
    Call::SleepUntil,
    Call::ThreadSet,
    Call::ProcessSet,
    Call::DebugWrite,
];

const WILD: [u64; 10] = [
    0,
    1,
    7,
    4096,
    0x20_0000,
    0x7fff_ffff_f000,
    0x8000_0000_0000,
    0xffff_8000_0000_0000,
    u64::MAX - 1,
    u64::MAX,
];

/// Runs them all.
pub fn all(tally: &mut Tally, victim: Handle) {
    tally.check("wild arguments are refused", || wild(victim));
    tally.check("unknown calls are refused", unknown);
}

fn next(state: &mut u64) -> u64 {
    // Xorshift: the same sequence in every run.
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn wild(victim: Handle) -> Check {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    // Handles that are likely to be hit must not be closed under the test.
    let spare = |value: u64| value != u64::from(victim.0);
    for _ in 0..60 {
        for &(call, _, _) in Call::TABLE {
            if LEFT_OUT.contains(&call) || waits(call) {
                continue;
            }
            let mut arguments = [0; 6];
            for argument in &mut arguments {
                *argument = WILD[(next(&mut state) % WILD.len() as u64) as usize];
            }
            if spare(arguments[0]) {
                // SAFETY: the calls left out are those that could harm this program; addresses are
                // unmapped, the kernel's, or this program's read-only text.
                let _ = unsafe { raw::system_call(call, arguments) };
            }
        }
    }
    Ok(())
}

/// Calls that may wait for ever when their arguments happen to be good.
fn waits(call: Call) -> bool {
    matches!(
        call,
        Call::Call
            | Call::ReplyReceive
            | Call::Reply
            | Call::MessageForward
            | Call::FutexWait
            | Call::FutexLock
            | Call::Wait
            | Call::WaitSetWait
            | Call::Read
            | Call::StreamReceive
    )
}

fn unknown() -> Check {
    // SAFETY: numbers without a call do nothing but fail.
    let value: i64 = unsafe {
        let value;
        core::arch::asm!(
            "syscall",
            inlateout("rax") 0x1fff_i64 => value,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
        value
    };
    equal("error", u64::from(value < 0), 1u64)
}
