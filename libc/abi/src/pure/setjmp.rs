//! Non-local jumps (C 7.13). The buffer holds rbx, rbp, r12 to r15, rsp and the return
//! address, then the flag and the mask of `sigsetjmp`.

use core::arch::naked_asm;
use core::ffi::{c_int, c_void};

unsafe extern "C" {
    fn pthread_sigmask(how: c_int, set: *const c_void, old: *mut c_void) -> c_int;
}

const SIG_SETMASK: c_int = 2;
/// Byte offsets in a `jmp_buf`.
const SAVED: usize = 64;
const MASK: usize = 72;

/// C 7.13.1.1: the signal mask is not saved.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn setjmp(buffer: *mut c_void) -> c_int {
    naked_asm!(
        "mov [rdi], rbx",
        "mov [rdi + 8], rbp",
        "mov [rdi + 16], r12",
        "mov [rdi + 24], r13",
        "mov [rdi + 32], r14",
        "mov [rdi + 40], r15",
        "lea rdx, [rsp + 8]",
        "mov [rdi + 48], rdx",
        "mov rdx, [rsp]",
        "mov [rdi + 56], rdx",
        "xor eax, eax",
        "ret",
    )
}

/// As `setjmp`.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn _setjmp(buffer: *mut c_void) -> c_int {
    naked_asm!("jmp {setjmp}", setjmp = sym setjmp)
}

/// As `setjmp`.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn __setjmp(buffer: *mut c_void) -> c_int {
    naked_asm!("jmp {setjmp}", setjmp = sym setjmp)
}

/// C 7.13.2.1: a value of 0 arrives as 1.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn longjmp(buffer: *mut c_void, value: c_int) -> ! {
    naked_asm!(
        "xor eax, eax",
        "cmp esi, 1",
        "adc eax, esi",
        "mov rbx, [rdi]",
        "mov rbp, [rdi + 8]",
        "mov r12, [rdi + 16]",
        "mov r13, [rdi + 24]",
        "mov r14, [rdi + 32]",
        "mov r15, [rdi + 40]",
        "mov rsp, [rdi + 48]",
        "jmp [rdi + 56]",
    )
}

/// As `longjmp`.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn _longjmp(buffer: *mut c_void, value: c_int) -> ! {
    naked_asm!("jmp {longjmp}", longjmp = sym longjmp)
}

unsafe extern "C" fn save_mask(buffer: *mut c_void) {
    // SAFETY: the buffer has room for a mask behind its registers.
    unsafe { pthread_sigmask(SIG_SETMASK, core::ptr::null(), buffer.byte_add(MASK)) };
}

/// POSIX: saves the signal mask where `save` is not zero.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn sigsetjmp(buffer: *mut c_void, save: c_int) -> c_int {
    naked_asm!(
        "movsxd rax, esi",
        "mov [rdi + {saved}], rax",
        "test esi, esi",
        "jz 2f",
        "push rdi",
        "call {save_mask}",
        "pop rdi",
        "2:",
        "jmp {setjmp}",
        saved = const SAVED,
        save_mask = sym save_mask,
        setjmp = sym setjmp,
    )
}

/// As `sigsetjmp`.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn __sigsetjmp(buffer: *mut c_void, save: c_int) -> c_int {
    naked_asm!("jmp {sigsetjmp}", sigsetjmp = sym sigsetjmp)
}

/// POSIX: restores the signal mask where it was saved.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn siglongjmp(buffer: *mut c_void, value: c_int) -> ! {
    // SAFETY: the buffer was filled by `sigsetjmp` in a caller that is still active.
    unsafe {
        if *buffer.byte_add(SAVED).cast::<i64>() != 0 {
            pthread_sigmask(SIG_SETMASK, buffer.byte_add(MASK), core::ptr::null_mut());
        }
        longjmp(buffer, value)
    }
}
