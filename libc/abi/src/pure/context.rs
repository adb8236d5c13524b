//! User contexts (`<ucontext.h>`): what a call must preserve, the stack, and the mask.

use core::arch::naked_asm;
use core::ffi::{c_int, c_void};

unsafe extern "C" {
    fn pthread_sigmask(how: c_int, set: *const c_void, old: *mut c_void) -> c_int;
    fn exit(status: c_int) -> !;
}

/// Byte offsets in a `ucontext_t`: link, stack, registers by their number, then the mask.
const LINK: usize = 8;
const STACK: usize = 16;
const STACK_SIZE: usize = 32;
const REGISTERS: usize = 40;
const R8: usize = REGISTERS;
const R9: usize = REGISTERS + 8;
const R12: usize = REGISTERS + 32;
const R13: usize = REGISTERS + 40;
const R14: usize = REGISTERS + 48;
const R15: usize = REGISTERS + 56;
const RDI: usize = REGISTERS + 64;
const RSI: usize = REGISTERS + 72;
const RBP: usize = REGISTERS + 80;
const RBX: usize = REGISTERS + 88;
const RDX: usize = REGISTERS + 96;
const RCX: usize = REGISTERS + 112;
const RSP: usize = REGISTERS + 120;
const RIP: usize = REGISTERS + 128;
const MASK: usize = 296;
const SIG_SETMASK: c_int = 2;

unsafe extern "C" fn save_mask(context: *mut c_void) {
    // SAFETY: the context has room for a mask.
    unsafe { pthread_sigmask(SIG_SETMASK, core::ptr::null(), context.byte_add(MASK)) };
}

unsafe extern "C" fn load_mask(context: *const c_void) {
    // SAFETY: the context's mask was saved.
    unsafe { pthread_sigmask(SIG_SETMASK, context.byte_add(MASK), core::ptr::null_mut()) };
}

/// Saves the present context; going there later returns from this call again.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn getcontext(context: *mut c_void) -> c_int {
    naked_asm!(
        "mov [rdi + {rbx}], rbx", "mov [rdi + {rbp}], rbp", "mov [rdi + {r12}], r12", "mov [rdi + {r13}], r13",
        "mov [rdi + {r14}], r14", "mov [rdi + {r15}], r15",
        "lea rax, [rsp + 8]", "mov [rdi + {rsp}], rax", "mov rax, [rsp]", "mov [rdi + {rip}], rax",
        "sub rsp, 8", "call {save_mask}", "add rsp, 8", "xor eax, eax", "ret",
        rbx = const RBX, rbp = const RBP, r12 = const R12, r13 = const R13, r14 = const R14, r15 = const R15,
        rsp = const RSP, rip = const RIP, save_mask = sym save_mask,
    )
}

/// Goes on in a saved context.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn setcontext(context: *const c_void) -> c_int {
    naked_asm!(
        "mov rbx, rdi", "sub rsp, 8", "call {load_mask}", "mov rax, rbx",
        "mov rsp, [rax + {rsp}]", "mov rbx, [rax + {rbx}]", "mov rbp, [rax + {rbp}]",
        "mov r12, [rax + {r12}]", "mov r13, [rax + {r13}]", "mov r14, [rax + {r14}]", "mov r15, [rax + {r15}]",
        "mov rdi, [rax + {rdi}]", "mov rsi, [rax + {rsi}]", "mov rdx, [rax + {rdx}]", "mov rcx, [rax + {rcx}]",
        "mov r8, [rax + {r8}]", "mov r9, [rax + {r9}]", "mov r11, [rax + {rip}]", "xor eax, eax", "jmp r11",
        rsp = const RSP, rbx = const RBX, rbp = const RBP, r12 = const R12, r13 = const R13, r14 = const R14,
        r15 = const R15, rdi = const RDI, rsi = const RSI, rdx = const RDX, rcx = const RCX, r8 = const R8, r9 = const R9,
        rip = const RIP, load_mask = sym load_mask,
    )
}

/// Saves the present context and goes on in another.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn swapcontext(old: *mut c_void, new: *const c_void) -> c_int {
    naked_asm!(
        "mov [rdi + {rbx}], rbx", "mov [rdi + {rbp}], rbp", "mov [rdi + {r12}], r12", "mov [rdi + {r13}], r13",
        "mov [rdi + {r14}], r14", "mov [rdi + {r15}], r15",
        "lea rax, [rsp + 8]", "mov [rdi + {rsp}], rax", "mov rax, [rsp]", "mov [rdi + {rip}], rax",
        "push rsi", "call {save_mask}", "pop rdi", "jmp {setcontext}",
        rbx = const RBX, rbp = const RBP, r12 = const R12, r13 = const R13, r14 = const R14, r15 = const R15,
        rsp = const RSP, rip = const RIP, save_mask = sym save_mask, setcontext = sym setcontext,
    )
}

/// Where a made context's function returns to: its successor is on top of the stack.
#[unsafe(naked)]
unsafe extern "C" fn return_to_link() {
    naked_asm!(
        "pop rdi", "and rsp, -16", "test rdi, rdi", "jz 2f", "sub rsp, 8", "jmp {setcontext}",
        "2:", "call {exit}",
        setcontext = sym setcontext, exit = sym exit,
    )
}

/// Makes a saved context call `function` with up to six `int` arguments on its own stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn makecontext(
    context: *mut c_void,
    function: *const c_void,
    count: c_int,
    mut list: ...
) {
    // SAFETY: the context's stack fields are the caller's; offsets as above.
    unsafe {
        let at = |offset: usize| context.byte_add(offset).cast::<u64>();
        let top = (at(STACK).read() + at(STACK_SIZE).read()) & !15;
        let place = core::ptr::with_exposed_provenance_mut::<u64>(top as usize).sub(3);
        // At the function's entry rsp is 8 below a multiple of 16, as after a call.
        place.write(return_to_link as *const () as u64);
        place.add(1).write(at(LINK).read());
        at(RSP).write(place as u64);
        at(RIP).write(function as u64);
        for offset in [RDI, RSI, RDX, RCX, R8, R9]
            .into_iter()
            .take(usize::try_from(count).unwrap_or(0))
        {
            at(offset).write(list.arg::<u64>());
        }
    }
}
