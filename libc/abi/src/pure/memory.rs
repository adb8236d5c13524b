//! `memcpy` and its relatives, in as few instructions as SSE2 allows.
//!
//! Assembly, because a compiler recognizes a copying loop and turns it into a call to the
//! very function that it is in. No `rep movs`: its start-up costs more than a short copy,
//! and machines that are emulated pay for every byte of it.
//!
//! Every size below 65 is a fixed sequence of loads followed by stores, so it works for
//! overlapping blocks too; larger ones load the end that the loop would destroy first.

use core::arch::naked_asm;
use core::arch::x86_64::{
    _mm_cmpeq_epi8, _mm_load_si128, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8,
};
use core::ffi::{c_int, c_void};

/// C 7.24.2.1.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn memcpy(to: *mut c_void, from: *const c_void, size: usize) -> *mut c_void {
    naked_asm!(
        "mov rax, rdi",
        "cmp rdx, 64",
        "jbe {short}",
        "jmp {forward}",
        short = sym copy_short,
        forward = sym copy_forward,
    )
}

/// C 7.24.2.2.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn memmove(to: *mut c_void, from: *const c_void, size: usize) -> *mut c_void {
    naked_asm!(
        "mov rax, rdi",
        "cmp rdx, 64",
        "jbe {short}",
        "mov rcx, rdi",
        "sub rcx, rsi",
        "cmp rcx, rdx",
        "jae {forward}",
        // The target begins inside the source: copy from the end.
        "movups xmm4, [rsi]",
        "movups xmm5, [rsi + 16]",
        "movups xmm6, [rsi + 32]",
        "movups xmm7, [rsi + 48]",
        "2:",
        "movups xmm0, [rsi + rdx - 16]",
        "movups xmm1, [rsi + rdx - 32]",
        "movups xmm2, [rsi + rdx - 48]",
        "movups xmm3, [rsi + rdx - 64]",
        "movups [rdi + rdx - 16], xmm0",
        "movups [rdi + rdx - 32], xmm1",
        "movups [rdi + rdx - 48], xmm2",
        "movups [rdi + rdx - 64], xmm3",
        "sub rdx, 64",
        "cmp rdx, 64",
        "ja 2b",
        "movups [rdi], xmm4",
        "movups [rdi + 16], xmm5",
        "movups [rdi + 32], xmm6",
        "movups [rdi + 48], xmm7",
        "ret",
        short = sym copy_short,
        forward = sym copy_forward,
    )
}

/// More than 64 bytes, lowest first; returns what is in rax.
#[unsafe(naked)]
unsafe extern "C" fn copy_forward() {
    naked_asm!(
        "lea r8, [rsi + rdx - 64]",
        "lea r9, [rdi + rdx - 64]",
        "movups xmm4, [r8]",
        "movups xmm5, [r8 + 16]",
        "movups xmm6, [r8 + 32]",
        "movups xmm7, [r8 + 48]",
        "mov ecx, 64",
        "sub rcx, rdx",
        "2:",
        "movups xmm0, [r8 + rcx]",
        "movups xmm1, [r8 + rcx + 16]",
        "movups xmm2, [r8 + rcx + 32]",
        "movups xmm3, [r8 + rcx + 48]",
        "movups [r9 + rcx], xmm0",
        "movups [r9 + rcx + 16], xmm1",
        "movups [r9 + rcx + 32], xmm2",
        "movups [r9 + rcx + 48], xmm3",
        "add rcx, 64",
        "js 2b",
        "movups [r9], xmm4",
        "movups [r9 + 16], xmm5",
        "movups [r9 + 32], xmm6",
        "movups [r9 + 48], xmm7",
        "ret",
    )
}

/// At most 64 bytes; returns what is in rax.
#[unsafe(naked)]
unsafe extern "C" fn copy_short() {
    naked_asm!(
        "cmp edx, 16",
        "jb 3f",
        "cmp edx, 32",
        "ja 2f",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + rdx - 16]",
        "movups [rdi], xmm0",
        "movups [rdi + rdx - 16], xmm1",
        "ret",
        "2:",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + 16]",
        "movups xmm2, [rsi + rdx - 32]",
        "movups xmm3, [rsi + rdx - 16]",
        "movups [rdi], xmm0",
        "movups [rdi + 16], xmm1",
        "movups [rdi + rdx - 32], xmm2",
        "movups [rdi + rdx - 16], xmm3",
        "ret",
        "3:",
        "cmp edx, 8",
        "jb 4f",
        "mov rcx, [rsi]",
        "mov r8, [rsi + rdx - 8]",
        "mov [rdi], rcx",
        "mov [rdi + rdx - 8], r8",
        "ret",
        "4:",
        "cmp edx, 4",
        "jb 5f",
        "mov ecx, [rsi]",
        "mov r8d, [rsi + rdx - 4]",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], r8d",
        "ret",
        "5:",
        "test edx, edx",
        "jz 6f",
        "movzx ecx, byte ptr [rsi]",
        "movzx r8d, byte ptr [rsi + rdx - 1]",
        "cmp edx, 2",
        "jbe 7f",
        "movzx r9d, byte ptr [rsi + 1]",
        "mov [rdi + 1], r9b",
        "7:",
        "mov [rdi], cl",
        "mov [rdi + rdx - 1], r8b",
        "6:",
        "ret",
    )
}

/// C 7.24.6.1.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn memset(to: *mut c_void, byte: c_int, size: usize) -> *mut c_void {
    naked_asm!(
        "mov rax, rdi",
        "movzx ecx, sil",
        "imul ecx, ecx, 0x01010101",
        "cmp rdx, 16",
        "jb {short}",
        "movd xmm0, ecx",
        "pshufd xmm0, xmm0, 0",
        "movups [rdi], xmm0",
        "movups [rdi + rdx - 16], xmm0",
        "cmp rdx, 32",
        "jbe 9f",
        "movups [rdi + 16], xmm0",
        "movups [rdi + rdx - 32], xmm0",
        "cmp rdx, 64",
        "jbe 9f",
        // Both ends are done; the middle in aligned blocks may write some of them again.
        "movups [rdi + 32], xmm0",
        "movups [rdi + 48], xmm0",
        "movups [rdi + rdx - 48], xmm0",
        "movups [rdi + rdx - 64], xmm0",
        "lea rsi, [rdi + rdx - 64]",
        "add rdi, 64",
        "and rdi, -16",
        "cmp rdi, rsi",
        "jae 9f",
        "2:",
        "movaps [rdi], xmm0",
        "movaps [rdi + 16], xmm0",
        "movaps [rdi + 32], xmm0",
        "movaps [rdi + 48], xmm0",
        "add rdi, 64",
        "cmp rdi, rsi",
        "jb 2b",
        "9:",
        "ret",
        short = sym set_short,
    )
}

/// The end of `memset` for less than 16 bytes: four times the byte is in ecx, the size in edx.
#[unsafe(naked)]
unsafe extern "C" fn set_short() {
    naked_asm!(
        "cmp edx, 8",
        "jb 4f",
        "mov [rdi], ecx",
        "mov [rdi + 4], ecx",
        "mov [rdi + rdx - 8], ecx",
        "mov [rdi + rdx - 4], ecx",
        "ret",
        "4:",
        "cmp edx, 4",
        "jb 5f",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], ecx",
        "ret",
        "5:",
        "test edx, edx",
        "jz 6f",
        "mov [rdi], cl",
        "mov [rdi + rdx - 1], cl",
        "cmp edx, 3",
        "jb 6f",
        "mov [rdi + 1], cl",
        "6:",
        "ret",
    )
}

/// The first difference of two blocks, as bytes; equal blocks have none.
unsafe fn first_difference(left: *const u8, right: *const u8, size: usize) -> Option<(u8, u8)> {
    let mut index = 0;
    // SAFETY: every access stays below `size`, which both blocks have.
    unsafe {
        while size - index >= 16 {
            let equal = _mm_cmpeq_epi8(
                _mm_loadu_si128(left.add(index).cast()),
                _mm_loadu_si128(right.add(index).cast()),
            );
            let mask = _mm_movemask_epi8(equal) as u32 ^ 0xffff;
            if mask != 0 {
                let at = index + mask.trailing_zeros() as usize;
                return Some((*left.add(at), *right.add(at)));
            }
            index += 16;
        }
        while index < size {
            let pair = (*left.add(index), *right.add(index));
            if pair.0 != pair.1 {
                return Some(pair);
            }
            index += 1;
        }
    }
    None
}

/// C 7.24.4.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(left: *const c_void, right: *const c_void, size: usize) -> c_int {
    // SAFETY: the caller gives two blocks of `size` bytes.
    match unsafe { first_difference(left.cast(), right.cast(), size) } {
        Some((left, right)) => c_int::from(left) - c_int::from(right),
        None => 0,
    }
}

/// As `memcmp`; only equality is promised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(left: *const c_void, right: *const c_void, size: usize) -> c_int {
    // SAFETY: as for `memcmp`.
    unsafe { memcmp(left, right, size) }
}

/// The index of the first byte that is `wanted` or (with `or_zero`) zero, looking at
/// `limit` bytes at most. Aligned blocks never reach into a page that the string is not in.
#[inline]
pub(crate) unsafe fn find(
    text: *const u8,
    wanted: u8,
    or_zero: bool,
    limit: usize,
) -> Option<usize> {
    if limit == 0 {
        return None;
    }
    let offset = text.addr() & 15;
    let mut block = text.wrapping_sub(offset);
    // SAFETY: SSE2 belongs to the architecture.
    let (needle, zero) = unsafe { (_mm_set1_epi8(wanted as i8), _mm_set1_epi8(0)) };
    let mut skip = offset;
    let mut seen = 0usize;
    loop {
        // SAFETY: an aligned block that holds a byte that may be read is in that byte's page.
        let mask = unsafe {
            let data = _mm_load_si128(block.cast());
            let matching = _mm_movemask_epi8(_mm_cmpeq_epi8(data, needle)) as u32;
            if or_zero {
                matching | _mm_movemask_epi8(_mm_cmpeq_epi8(data, zero)) as u32
            } else {
                matching
            }
        } >> skip;
        if mask != 0 {
            let found = seen + mask.trailing_zeros() as usize;
            return (found < limit).then_some(found);
        }
        seen += 16 - skip;
        skip = 0;
        if seen >= limit {
            return None;
        }
        block = block.wrapping_add(16);
    }
}

/// C 7.24.5.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memchr(block: *const c_void, byte: c_int, size: usize) -> *mut c_void {
    // SAFETY: `memchr` may assume bytes up to the first match only.
    match unsafe { find(block.cast(), byte as u8, false, size) } {
        Some(index) => block.wrapping_byte_add(index).cast_mut(),
        None => core::ptr::null_mut(),
    }
}

/// GNU: `memchr` for a byte that is known to be there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rawmemchr(block: *const c_void, byte: c_int) -> *mut c_void {
    // SAFETY: the caller knows that the byte is there.
    unsafe { memchr(block, byte, usize::MAX) }
}

/// GNU: the last match.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memrchr(block: *const c_void, byte: c_int, size: usize) -> *mut c_void {
    // SAFETY: the caller gives `size` readable bytes.
    let bytes = unsafe { core::slice::from_raw_parts(block.cast::<u8>(), size) };
    match bytes.iter().rposition(|&found| found == byte as u8) {
        Some(index) => block.wrapping_byte_add(index).cast_mut(),
        None => core::ptr::null_mut(),
    }
}

/// POSIX: copies up to and including `byte`; returns what is behind it, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memccpy(
    to: *mut c_void,
    from: *const c_void,
    byte: c_int,
    size: usize,
) -> *mut c_void {
    // SAFETY: the source is readable up to the match or `size`, the target has room for it.
    unsafe {
        match find(from.cast(), byte as u8, false, size) {
            Some(index) => memcpy(to, from, index + 1).byte_add(index + 1),
            None => {
                memcpy(to, from, size);
                core::ptr::null_mut()
            }
        }
    }
}

/// GNU: `memcpy` that returns the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mempcpy(to: *mut c_void, from: *const c_void, size: usize) -> *mut c_void {
    // SAFETY: as for `memcpy`.
    unsafe { memcpy(to, from, size).byte_add(size) }
}

/// `memset` that is never left out (C23 `memset_explicit`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset_explicit(to: *mut c_void, byte: c_int, size: usize) -> *mut c_void {
    // SAFETY: as for `memset`; the empty assembly makes the compiler believe in a reader.
    unsafe {
        memset(to, byte, size);
        core::arch::asm!("/* {0} */", in(reg) to, options(nostack, preserves_flags));
    }
    to
}

/// BSD: clears memory, never left out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn explicit_bzero(to: *mut c_void, size: usize) {
    // SAFETY: as for `memset`.
    unsafe { memset_explicit(to, 0, size) };
}

/// The old `memset` to zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bzero(to: *mut c_void, size: usize) {
    // SAFETY: as for `memset`.
    unsafe { memset(to, 0, size) };
}

/// The old `memmove`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcopy(from: *const c_void, to: *mut c_void, size: usize) {
    // SAFETY: as for `memmove`.
    unsafe { memmove(to, from, size) };
}

/// XSI: copies with each pair of bytes exchanged; an odd last byte is left alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn swab(from: *const c_void, to: *mut c_void, size: isize) {
    let (from, to) = (from.cast::<u8>(), to.cast::<u8>());
    for pair in 0..usize::try_from(size).unwrap_or(0) / 2 {
        // SAFETY: both indices are below `size`.
        unsafe {
            let (first, second) = (*from.add(2 * pair), *from.add(2 * pair + 1));
            *to.add(2 * pair) = second;
            *to.add(2 * pair + 1) = first;
        }
    }
}

/// POSIX.1-2024: the first place where `needle` is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmem(
    block: *const c_void,
    size: usize,
    needle: *const c_void,
    needle_size: usize,
) -> *mut c_void {
    if needle_size == 0 {
        return block.cast_mut();
    }
    // SAFETY: the caller gives both blocks with their sizes.
    let (haystack, needle) = unsafe {
        (
            core::slice::from_raw_parts(block.cast::<u8>(), size),
            core::slice::from_raw_parts(needle.cast::<u8>(), needle_size),
        )
    };
    match libc_algo::search::find(haystack, needle) {
        Some(index) => block.wrapping_byte_add(index).cast_mut(),
        None => core::ptr::null_mut(),
    }
}
