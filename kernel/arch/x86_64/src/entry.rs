//! The ways in and out, in assembly: `syscall`, interrupts and exceptions, and the return.
//!
//! A thread's registers are saved straight into its `Context`, whose address the processor's
//! `CpuLocal` holds: no frame is built on a stack and copied later. The offsets are those of
//! `kernel_abi::process::Registers` and of `CpuLocal`; both are `repr(C)`.

use crate::segments::{USER_CODE, USER_DATA};
use crate::{enter, trap};
use core::arch::{asm, global_asm, naked_asm};
use kernel_abi::Call;
use kernel_abi::calls::FIRST;
use kernel_abi::message::kind;
use kernel_core::{QUICK_CALLS, ShortCall, ShortReply};

/// `rflags` bits that user code may have set when it goes on.
pub const USER_FLAGS: u64 = 0x24_0dd5;
/// `rflags` bits that are always set in user mode: interrupts, and the reserved one.
pub const FORCED_FLAGS: u64 = 0x202;

/// Saves the user's registers into the current thread's context, whose address is in the register
/// that is named: all but `rsp`, `rax`, `rcx` and `r11`.
#[rustfmt::skip]
macro_rules! save_registers {
    ($context:literal) => {
        concat!(
            "mov [", $context, " + 8], rbx\n",
            "mov [", $context, " + 24], rdx\n",
            "mov [", $context, " + 32], rsi\n",
            "mov [", $context, " + 40], rdi\n",
            "mov [", $context, " + 48], rbp\n",
            "mov [", $context, " + 64], r8\n",
            "mov [", $context, " + 72], r9\n",
            "mov [", $context, " + 80], r10\n",
            "mov [", $context, " + 96], r12\n",
            "mov [", $context, " + 104], r13\n",
            "mov [", $context, " + 112], r14\n",
            "mov [", $context, " + 120], r15\n",
        )
    };
}

/// Saves what `syscall` put into registers: where the program goes on, and its flags.
#[rustfmt::skip]
macro_rules! save_return {
    ($context:literal) => {
        concat!("mov [", $context, " + 128], rcx\nmov [", $context, " + 136], r11")
    };
}

/// Where `syscall` enters: calls and answers that may go the short way first, then quick calls, then
/// all others.
///
/// Saves every register, so that the kernel may switch threads anywhere; `rcx` and `r11` become
/// `rip` and `rflags`, which is also how [`leave`] recognises that `sysret` may be used.
#[unsafe(naked)]
pub extern "C" fn system_call_entry() {
    naked_asm!(
        "swapgs",
        "cmp rax, {call}",
        "je 4f",
        "cmp rax, {reply_receive}",
        "je 5f",
        "mov gs:[16], rsp",
        "sub rax, {first}",
        "cmp rax, {end}",
        "jae 3f",
        "bt [{quick}], rax",
        "jc {quick_entry}",
        "3:",
        "mov rsp, gs:[0]",
        save_registers!("rsp"),
        save_return!("rsp"),
        "mov rcx, gs:[16]",
        "mov [rsp + 56], rcx",
        "mov rsp, gs:[8]",
        "lea rdi, [rax + {first}]",
        "call {handler}",
        "jmp {leave}",
        "4:",
        "mov rax, gs:[0]",
        save_registers!("rax"),
        save_return!("rax"),
        "mov [rax + 56], rsp",
        "mov rsp, gs:[8]",
        "call {short_call}",
        "jmp {leave}",
        "5:",
        "mov rax, gs:[0]",
        save_registers!("rax"),
        save_return!("rax"),
        "mov [rax + 56], rsp",
        "mov rsp, gs:[8]",
        "call {short_reply}",
        "jmp {leave}",
        handler = sym enter::system_call,
        short_call = sym enter::short_call,
        short_reply = sym enter::short_reply,
        leave = sym leave,
        quick_entry = sym quick_entry,
        quick = sym QUICK,
        first = const FIRST as u32,
        end = const 64 * QUICK_CALLS.len(),
        call = const Call::Call as u32,
        reply_receive = const Call::ReplyReceive as u32,
    )
}

static QUICK: [u64; 3] = QUICK_CALLS;

/// A quick call: `rax` = its number, counted from the first. The registers that a Rust function
/// may change are kept on the stack, the others stay where they are; only if the thread cannot
/// simply go on, all of them are saved into its context after all.
#[unsafe(naked)]
extern "C" fn quick_entry() {
    naked_asm!(
        "mov rsp, gs:[8]",
        "push rcx",
        "push r11",
        "push rdi",
        "push rsi",
        "push rdx",
        "push r10",
        "push r8",
        "push r9",
        "mov rdi, rsp",
        "mov rsi, rax",
        "call {handler}",
        "test dl, dl",
        "jz 2f",
        "pop r9",
        "pop r8",
        "pop r10",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "pop r11",
        "pop rcx",
        "mov rsp, gs:[16]",
        "swapgs",
        "sysretq",
        "2:",
        "mov r11, gs:[0]",
        "mov [r11 + 0], rax",
        "mov [r11 + 8], rbx",
        "mov [r11 + 48], rbp",
        "mov [r11 + 96], r12",
        "mov [r11 + 104], r13",
        "mov [r11 + 112], r14",
        "mov [r11 + 120], r15",
        "pop qword ptr [r11 + 72]",
        "pop qword ptr [r11 + 64]",
        "pop qword ptr [r11 + 80]",
        "pop qword ptr [r11 + 24]",
        "pop qword ptr [r11 + 32]",
        "pop qword ptr [r11 + 40]",
        "pop rcx",
        "mov [r11 + 88], rcx",
        "mov [r11 + 136], rcx",
        "pop rcx",
        "mov [r11 + 16], rcx",
        "mov [r11 + 128], rcx",
        "mov rcx, gs:[16]",
        "mov [r11 + 56], rcx",
        "xor ebp, ebp",
        "call {settle}",
        "jmp {leave}",
        handler = sym enter::quick_call,
        settle = sym enter::settle,
        leave = sym leave,
    )
}

/// Goes on in user mode with the registers at `rax` (a `Registers`).
#[unsafe(naked)]
pub extern "C" fn leave() {
    naked_asm!(
        "mov rsp, rax",
        "mov rcx, [rsp + 16]",
        "mov r11, [rsp + 88]",
        "cmp rcx, [rsp + 128]",
        "jne 2f",
        "cmp r11, [rsp + 136]",
        "jne 2f",
        "mov rbx, [rsp + 8]",
        "mov rdx, [rsp + 24]",
        "mov rsi, [rsp + 32]",
        "mov rdi, [rsp + 40]",
        "mov rbp, [rsp + 48]",
        "mov r8, [rsp + 64]",
        "mov r9, [rsp + 72]",
        "mov r10, [rsp + 80]",
        "mov r12, [rsp + 96]",
        "mov r13, [rsp + 104]",
        "mov r14, [rsp + 112]",
        "mov r15, [rsp + 120]",
        "mov rax, [rsp + 0]",
        "mov rsp, [rsp + 56]",
        "swapgs",
        "sysretq",
        // The general way: an interrupt return frame on the processor's own stack.
        "2:",
        "mov rax, rsp",
        "mov rsp, gs:[8]",
        "push {user_data}",
        "push qword ptr [rax + 56]",
        "push qword ptr [rax + 136]",
        "push {user_code}",
        "push qword ptr [rax + 128]",
        "mov rbx, [rax + 8]",
        "mov rcx, [rax + 16]",
        "mov rdx, [rax + 24]",
        "mov rsi, [rax + 32]",
        "mov rdi, [rax + 40]",
        "mov rbp, [rax + 48]",
        "mov r8, [rax + 64]",
        "mov r9, [rax + 72]",
        "mov r10, [rax + 80]",
        "mov r11, [rax + 88]",
        "mov r12, [rax + 96]",
        "mov r13, [rax + 104]",
        "mov r14, [rax + 112]",
        "mov r15, [rax + 120]",
        "mov rax, [rax + 0]",
        "swapgs",
        "iretq",
        user_data = const USER_DATA,
        user_code = const USER_CODE,
    )
}

/// Goes on in user mode in the server that a short call was handed to; lets go of the kernel lock
/// as soon as the words have been read out of the caller's context.
///
/// # Safety
/// The kernel lock is held, and the thread with the context `to` is current, waits in a receive
/// (so it entered by `syscall`), and may go on.
#[inline(always)]
pub unsafe fn leave_with_call(call: &ShortCall<'_>) -> ! {
    // SAFETY: both contexts are alive under the lock, and that of a thread which runs here stays
    // so after it; the stack is given up. The offsets are those of `Registers`.
    unsafe {
        asm!(
            "mov rsi, [r11 + 32]",
            "mov rdx, [r11 + 24]",
            "mov r10, [r11 + 80]",
            "mov r8, [r11 + 64]",
            "mov r9, [r11 + 72]",
            "mov r12, [r11 + 96]",
            "mov byte ptr [{lock}], 0",
            "mov r11, [rcx + 136]",
            "mov rbx, [rcx + 8]",
            "mov rbp, [rcx + 48]",
            "mov rsp, [rcx + 56]",
            "mov rcx, [rcx + 128]",
            "mov eax, {kind}",
            "swapgs",
            "sysretq",
            lock = sym enter::KERNEL,
            kind = const kind::CALL,
            in("r11") core::ptr::from_ref(call.from),
            in("rcx") core::ptr::from_ref(&*call.to),
            in("rdi") call.token,
            in("r13") call.badge,
            in("r14") call.label,
            in("r15") call.number,
            options(noreturn),
        )
    }
}

/// Goes on in user mode in the caller that a short answer was handed to, likewise.
///
/// # Safety
/// As for [`leave_with_call`]; the thread waits for the answer to a call.
#[inline(always)]
pub unsafe fn leave_with_reply(reply: &ShortReply<'_>) -> ! {
    // SAFETY: as in `leave_with_call`.
    unsafe {
        asm!(
            "mov rsi, [r11 + 32]",
            "mov rdx, [r11 + 24]",
            "mov r10, [r11 + 80]",
            "mov r8, [r11 + 64]",
            "mov r9, [r11 + 72]",
            "mov r12, [r11 + 96]",
            "mov byte ptr [{lock}], 0",
            "mov r11, [rcx + 136]",
            "mov rbx, [rcx + 8]",
            "mov rdi, [rcx + 40]",
            "mov rbp, [rcx + 48]",
            "mov rsp, [rcx + 56]",
            "mov r13, [rcx + 104]",
            "mov r14, [rcx + 112]",
            "mov r15, [rcx + 120]",
            "mov rcx, [rcx + 128]",
            "xor eax, eax",
            "swapgs",
            "sysretq",
            lock = sym enter::KERNEL,
            in("r11") core::ptr::from_ref(reply.from),
            in("rcx") core::ptr::from_ref(&*reply.to),
            options(noreturn),
        )
    }
}

// 256 stubs of 16 bytes: push an error code where the processor pushes none, push the vector, and
// go to the common part.
global_asm!(
    ".balign 16",
    "microkosm_stubs:",
    ".set vector, 0",
    ".rept 256",
    ".balign 16",
    // Vectors 8, 10 to 14, 17, 21, 29 and 30 come with an error code.
    ".if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)",
    ".else",
    ".byte 0x6a, 0",
    ".endif",
    // `push vector` would be read as an access to memory: the immediate form, spelled out.
    ".byte 0x68",
    ".long vector",
    "jmp {common}",
    ".set vector, vector + 1",
    ".endr",
    common = sym trap_common,
);

unsafe extern "C" {
    #[link_name = "microkosm_stubs"]
    static STUBS: [[u8; 16]; 256];
}

/// Address of a vector's stub.
pub fn stub(vector: usize) -> u64 {
    // SAFETY: only the address is taken.
    unsafe { core::ptr::addr_of!(STUBS[vector % 256]) as u64 }
}

/// Stack: vector, error code, rip, cs, rflags, rsp, ss.
#[unsafe(naked)]
extern "C" fn trap_common() {
    naked_asm!(
        "test byte ptr [rsp + 24], 3",
        "jz 2f",
        // From user mode: into the thread's context.
        "swapgs",
        "push rax",
        "mov rax, gs:[0]",
        save_registers!("rax"),
        "mov [rax + 16], rcx",
        "mov [rax + 88], r11",
        "pop rbx",
        "mov [rax + 0], rbx",
        "pop rdi",
        "pop rsi",
        "pop rbx",
        "mov [rax + 128], rbx",
        "pop rbx",
        "pop rbx",
        "mov [rax + 136], rbx",
        "pop rbx",
        "mov [rax + 56], rbx",
        "mov rsp, gs:[8]",
        "xor ebp, ebp",
        "cld",
        "call {user}",
        "jmp {leave}",
        // From the kernel: an interrupt of the idle loop, or a bug.
        "2:",
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "mov rdi, rsp",
        "cld",
        "call {kernel}",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "add rsp, 16",
        "iretq",
        user = sym trap::from_user,
        kernel = sym trap::from_kernel,
        leave = sym leave,
    )
}

const _: () = {
    use core::mem::offset_of;
    use kernel_abi::process::Registers;
    assert!(offset_of!(Registers, rbx) == 8 && offset_of!(Registers, rsp) == 56);
    assert!(offset_of!(Registers, r15) == 120 && offset_of!(Registers, rip) == 128);
    assert!(offset_of!(Registers, rflags) == 136);
    assert!(offset_of!(kernel_core::machine::Context, registers) == 0);
    assert!(offset_of!(crate::cpu::CpuLocal, context) == 0);
    assert!(offset_of!(crate::cpu::CpuLocal, stack_top) == 8);
    assert!(offset_of!(crate::cpu::CpuLocal, user_stack) == 16);
    assert!(offset_of!(crate::cpu::CpuLocal, index) == 24);
    assert!(offset_of!(crate::cpu::CpuLocal, itself) == 32);
};
