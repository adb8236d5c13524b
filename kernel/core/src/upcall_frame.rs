//! The frame that a handler runs on: written on the way in, taken back on the way out.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::marks::SYSCALL_LENGTH;
use crate::pending::Raised;
use crate::thread::{INITIAL_RFLAGS, Step, Stop, Thread, user_address};
use crate::upcall::Due;
use kernel_abi::Error;
use kernel_abi::process::{
    FLOATING_POINT_SIZE, Registers, UpcallAction, UpcallFrame, upcall_flags,
};

/// Number of the upcall that hands over an unknown system call.
const UNKNOWN_CALL: u32 = 64;
/// Bytes below the stack pointer that a leaf function may use.
const RED_ZONE: u64 = 128;
/// Words of `kernel_abi::process::UpcallFrame` behind the floating-point registers, which are
/// copied from and to where they are: the registers, then the others in their order.
const REGISTER_WORDS: usize = size_of::<Registers>() / 8;
const WORDS: usize = REGISTER_WORDS + 6;
const MASK_WORD: usize = REGISTER_WORDS;
const _: () = assert!(FLOATING_POINT_SIZE + WORDS * 8 == size_of::<UpcallFrame>());
/// The words as bytes.
type Words = [[u8; 8]; WORDS];
/// Status flags that user code may set: carry, parity, adjust, zero, sign, trap, direction,
/// overflow, alignment check, identification.
const USER_RFLAGS: u64 = 0x24_0dd5;
/// Bits of MXCSR that exist; loading others faults.
const MXCSR_BITS: u32 = 0xffff;

impl<M: Machine> Kernel<M> {
    /// Writes the frame on the stack and points the registers at the entry. Nothing is changed
    /// when the stack cannot be written.
    pub(crate) fn push_frame(
        &mut self,
        cpu: Cpu,
        thread: ThreadId,
        due: Due,
        entry: u64,
    ) -> Result<(), Stop> {
        let found = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        if found.is_rewound() {
            found.interrupt();
        }
        self.machine.save_floating_point(cpu, &mut found.context);
        let stack = found.handler_stack(due.action.flags);
        let frame_size = size_of::<UpcallFrame>() as u64;
        let address = stack.checked_sub(frame_size).ok_or(Error::BadAddress)? & !15;
        let words = frame_words(found, &due);
        let space = self.thread_space(thread)?;
        let found = self.threads.get(thread).ok_or(Error::NoProcess)?;
        let pieces: [&[u8]; 2] = [&found.context.floating_point, words.as_flattened()];
        let written = (self.memory).copy_out_joined(&mut self.machine, space, address, pieces);
        self.settle_memory();
        written?;
        let found = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        found.saved_mask = None;
        found.interrupted = None;
        found.progress = 0;
        let registers = &mut found.context.registers;
        registers.rip = entry;
        registers.rdi = address;
        registers.rsp = address - 8;
        registers.rflags = INITIAL_RFLAGS;
        Ok(())
    }

    /// UpcallReturn.
    pub(crate) fn upcall_return(&mut self, cpu: Cpu, thread: ThreadId, address: u64) -> Step {
        let space = self.thread_space(thread)?;
        let mut words: Words = [[0; 8]; WORDS];
        let found = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        let image = &mut found.context.floating_point;
        // In place. When that fails in the middle the call is executed again, or the program has lost
        // them by its own doing; what the processor would refuse to load is taken out in any case.
        let pieces: [&mut [u8]; 2] = [image, words.as_flattened_mut()];
        let read = (self.memory).copy_in_joined(&mut self.machine, space, address, pieces);
        sanitize_floating_point(&mut found.context.floating_point);
        self.settle_memory();
        read?;
        let mut registers = registers_from(&words);
        user_address(registers.rip)?;
        user_address(registers.fs_base)?;
        user_address(registers.gs_base)?;
        registers.rflags = (registers.rflags & USER_RFLAGS) | INITIAL_RFLAGS;
        let found = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        found.context.registers = registers;
        found.mask = u64::from_le_bytes(words[MASK_WORD]);
        found.call_attention();
        self.machine.restore_floating_point(cpu, &found.context);
        Err(Stop::Done)
    }

    /// An unknown system call: the process's handler for them gets it, if there is one.
    pub(crate) fn unknown_call(&mut self, cpu: Cpu, thread: ThreadId, process: ProcessId) -> Step {
        let entry = self
            .processes
            .get(process)
            .map_or(0, |owner| owner.unknown_call_entry);
        if entry == 0 {
            return Err(Error::Unsupported.into());
        }
        let action = UpcallAction {
            flags: upcall_flags::NO_DEFER,
            mask: 0,
        };
        let due = Due {
            raised: Raised::plain(UNKNOWN_CALL),
            fault: (0, 0),
            action,
        };
        self.push_frame(cpu, thread, due, entry)?;
        Err(Stop::Done)
    }
}

impl Thread {
    /// Where a handler's frame goes: the alternate stack if asked for and not in use.
    pub(crate) fn handler_stack(&self, flags: u64) -> u64 {
        let stack = self.context.registers.rsp;
        let (base, size) = self.alternate_stack;
        let inside = stack >= base && stack - base <= size;
        if flags & upcall_flags::ALTERNATE_STACK != 0 && size > 0 && !inside {
            base.saturating_add(size)
        } else {
            stack.saturating_sub(RED_ZONE)
        }
    }
}

/// The image's control word for SSE must not have bits that the processor would fault on.
fn sanitize_floating_point(image: &mut [u8; FLOATING_POINT_SIZE]) {
    if let Some(place) = image
        .get_mut(24..)
        .and_then(|rest| rest.first_chunk_mut::<4>())
    {
        *place = (u32::from_le_bytes(*place) & MXCSR_BITS).to_le_bytes();
    }
}

/// The image that `FNINIT` and the System V ABI start with: all exceptions masked.
pub(crate) fn initial_floating_point() -> [u8; FLOATING_POINT_SIZE] {
    let mut image = [0; FLOATING_POINT_SIZE];
    // Control word 0x037f at 0, MXCSR 0x1f80 at 24.
    image[0] = 0x7f;
    image[1] = 0x03;
    image[24] = 0x80;
    image[25] = 0x1f;
    image
}

/// Registers in the order of the structure.
pub(crate) fn register_words(r: &Registers) -> [u64; 20] {
    [
        r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9, r.r10, r.r11, r.r12,
        r.r13, r.r14, r.r15, r.rip, r.rflags, r.fs_base, r.gs_base,
    ]
}

/// What a frame says beside the floating-point registers. With the RESTART flag the registers stand
/// before the interrupted call, to execute it again.
fn frame_words(thread: &Thread, due: &Due) -> Words {
    let r = &thread.context.registers;
    let restarts =
        thread.interrupted == Some(true) && due.action.flags & upcall_flags::RESTART != 0;
    let (rax, rip) = match restarts {
        true => (thread.call_number, r.rip.wrapping_sub(SYSCALL_LENGTH)),
        false => (r.rax, r.rip),
    };
    let mask = thread.saved_mask.unwrap_or(thread.mask);
    let numbers = u64::from(due.fault.0) << 32 | u64::from(due.raised.upcall);
    let [first, second] = due.raised.details;
    // As one array, not by a loop over `register_words`: handlers are entered often.
    [
        rax,
        r.rbx,
        r.rcx,
        r.rdx,
        r.rsi,
        r.rdi,
        r.rbp,
        r.rsp,
        r.r8,
        r.r9,
        r.r10,
        r.r11,
        r.r12,
        r.r13,
        r.r14,
        r.r15,
        rip,
        r.rflags,
        r.fs_base,
        r.gs_base,
        mask,
        numbers,
        due.fault.1,
        due.raised.value,
        first,
        second,
    ]
    .map(u64::to_le_bytes)
}

/// The registers of a frame, in the order of the structure.
fn registers_from(words: &Words) -> Registers {
    let word = |index: usize| u64::from_le_bytes(words[index]);
    Registers {
        rax: word(0),
        rbx: word(1),
        rcx: word(2),
        rdx: word(3),
        rsi: word(4),
        rdi: word(5),
        rbp: word(6),
        rsp: word(7),
        r8: word(8),
        r9: word(9),
        r10: word(10),
        r11: word(11),
        r12: word(12),
        r13: word(13),
        r14: word(14),
        r15: word(15),
        rip: word(16),
        rflags: word(17),
        fs_base: word(18),
        gs_base: word(19),
    }
}
