//! Calls, replies and receives: the operations that return words in registers.

use core::arch::asm;
use kernel_abi::message::{Incoming, ReplyTransfer, Transfer, WORDS};
use kernel_abi::{Call, Error, Handle};

/// The six words of a message.
pub type Words = [u64; WORDS];

/// Calls a session and waits for the answer. `Ok` holds the reply's words.
///
/// # Safety
/// The buffers of `transfer` must be valid for what their flags let the server do.
#[inline]
pub unsafe fn call(
    session: Handle,
    words: Words,
    transfer: Option<&mut Transfer>,
) -> Result<Words, Error> {
    let transfer = transfer.map_or(0, |transfer| core::ptr::from_mut(transfer) as u64);
    let mut out = words;
    let value: i64;
    // SAFETY: clobbers are declared; the memory that the kernel touches is the transfer's, for
    // which the caller answers.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") Call::Call as u64 as i64 => value,
            in("rdi") session.0 as u64,
            inlateout("rsi") words[0] => out[0],
            inlateout("rdx") words[1] => out[1],
            inlateout("r10") words[2] => out[2],
            inlateout("r8") words[3] => out[3],
            inlateout("r9") words[4] => out[4],
            inlateout("r12") words[5] => out[5],
            in("r13") transfer,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    kernel_abi::error::result(value).map(|_| out)
}

/// What a receive returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// `message::kind` in the low byte, `message::flags` above.
    pub status: u64,
    /// Token to answer with (calls, exceptions), or the token that was cancelled.
    pub token: u64,
    /// Words.
    pub words: Words,
    /// Badge of the session, key of the Memory, or badge of the supervisor.
    pub badge: u64,
    /// The caller's label.
    pub label: u64,
    /// The call's number, the same in every delivery.
    pub number: u64,
}

/// Answers `token` (0: nothing) and waits for the endpoint's next message.
#[inline]
pub fn reply_receive(
    token: u64,
    words: Words,
    reply: Option<&ReplyTransfer>,
    endpoint: Handle,
    incoming: &mut Incoming,
) -> Result<Received, Error> {
    let reply = reply.map_or(0, |reply| core::ptr::from_ref(reply) as u64);
    let mut received = Received::default();
    let value: i64;
    // SAFETY: the kernel reads `reply` and writes `incoming`, both borrowed for the call.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") Call::ReplyReceive as u64 as i64 => value,
            inlateout("rdi") token => received.token,
            inlateout("rsi") words[0] => received.words[0],
            inlateout("rdx") words[1] => received.words[1],
            inlateout("r10") words[2] => received.words[2],
            inlateout("r8") words[3] => received.words[3],
            inlateout("r9") words[4] => received.words[4],
            inlateout("r12") words[5] => received.words[5],
            inlateout("r13") reply => received.badge,
            inlateout("r14") endpoint.0 as u64 => received.label,
            inlateout("r15") core::ptr::from_mut(incoming) as u64 => received.number,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    received.status = kernel_abi::error::result(value)?;
    Ok(received)
}

/// Answers a call.
#[inline]
pub fn reply(token: u64, words: Words, reply: Option<&ReplyTransfer>) -> Result<(), Error> {
    let reply = reply.map_or(0, |reply| core::ptr::from_ref(reply) as u64);
    let value: i64;
    // SAFETY: the kernel reads `reply`, borrowed for the call.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") Call::Reply as u64 as i64 => value,
            in("rdi") token,
            in("rsi") words[0],
            in("rdx") words[1],
            in("r10") words[2],
            in("r8") words[3],
            in("r9") words[4],
            in("r12") words[5],
            in("r13") reply,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    kernel_abi::error::result(value).map(|_| ())
}

/// Passes a taken call on to another session, with new words.
#[inline]
pub fn forward(token: u64, session: Handle, words: Words) -> Result<(), Error> {
    let value: i64;
    // SAFETY: no memory of this process is touched.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") Call::MessageForward as u64 as i64 => value,
            in("rdi") token,
            in("rsi") session.0 as u64,
            in("rdx") words[0],
            in("r10") words[1],
            in("r8") words[2],
            in("r9") words[3],
            in("r12") words[4],
            in("r13") words[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    kernel_abi::error::result(value).map(|_| ())
}
