//! The frame that a handler runs on: written on the way in, taken back on the way out.

use crate::kernel::{Kernel, ProcessId, ThreadId};
use crate::machine::{Cpu, Machine};
use crate::pending::Raised;
use crate::thread::{INITIAL_RFLAGS, Step, Stop, Thread, user_address};
use crate::upcall::Due;
use crate::user_memory::Fields;
use kernel_abi::Error;
use kernel_abi::process::{
    FLOATING_POINT_SIZE, Registers, UpcallAction, UpcallFrame, upcall_flags,
};

/// Number of the upcall that hands over an unknown system call.
const UNKNOWN_CALL: u32 = 64;
/// Bytes below the stack pointer that a leaf function may use.
const RED_ZONE: u64 = 128;
/// Size of `kernel_abi::process::UpcallFrame`, and its fields after the floating-point registers,
/// which are copied from and to where they are.
const FRAME_SIZE: usize = size_of::<UpcallFrame>();
const FIELDS_SIZE: usize = FRAME_SIZE - FLOATING_POINT_SIZE;
const FRAME_REGISTERS: usize = 0;
const FRAME_MASK: usize = FRAME_REGISTERS + 160;
const FRAME_UPCALL: usize = FRAME_MASK + 8;
const FRAME_FAULT: usize = FRAME_UPCALL + 4;
const FRAME_ADDRESS: usize = FRAME_FAULT + 4;
const FRAME_VALUE: usize = FRAME_ADDRESS + 8;
const FRAME_DETAILS: usize = FRAME_VALUE + 8;
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
        let mut registers = found.context.registers;
        if found.interrupted == Some(true) && due.action.flags & upcall_flags::RESTART != 0 {
            found.rewind_into(&mut registers);
        }
        let stack = found.handler_stack(due.action.flags);
        let frame_size = FRAME_SIZE as u64;
        let address = stack.checked_sub(frame_size).ok_or(Error::BadAddress)? & !15;
        let mut fields = Fields::<FIELDS_SIZE>::zero();
        for (index, register) in register_words(&registers).iter().enumerate() {
            fields.set_u64(FRAME_REGISTERS + index * 8, *register);
        }
        fields.set_u64(FRAME_MASK, found.saved_mask.unwrap_or(found.mask));
        fields.set_u32(FRAME_UPCALL, due.raised.upcall);
        fields.set_u32(FRAME_FAULT, due.fault.0);
        fields.set_u64(FRAME_ADDRESS, due.fault.1);
        fields.set_u64(FRAME_VALUE, due.raised.value);
        for (index, word) in due.raised.details.iter().enumerate() {
            fields.set_u64(FRAME_DETAILS + index * 8, *word);
        }
        self.write_floating_point(thread, address)?;
        self.write_user(thread, address + FLOATING_POINT_SIZE as u64, &fields.0)?;
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
        let rest = address.checked_add(FLOATING_POINT_SIZE as u64);
        let rest = rest.ok_or(Error::BadAddress)?;
        let fields: Fields<FIELDS_SIZE> = self.read_fields(thread, rest)?;
        let mut words = [0; 20];
        for (index, word) in words.iter_mut().enumerate() {
            *word = fields.u64(FRAME_REGISTERS + index * 8);
        }
        let mut registers = registers_from(&words);
        user_address(registers.rip)?;
        user_address(registers.fs_base)?;
        user_address(registers.gs_base)?;
        registers.rflags = (registers.rflags & USER_RFLAGS) | INITIAL_RFLAGS;
        self.read_floating_point(thread, address)?;
        let found = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        found.context.registers = registers;
        found.mask = fields.u64(FRAME_MASK);
        found.call_attention();
        self.machine.restore_floating_point(cpu, &found.context);
        Err(Stop::Done)
    }

    /// Writes the saved floating-point registers to a frame.
    fn write_floating_point(&mut self, thread: ThreadId, address: u64) -> Result<(), Stop> {
        let space = self.thread_space(thread)?;
        let found = self.threads.get(thread).ok_or(Error::NoProcess)?;
        let image = &found.context.floating_point;
        let written = self
            .memory
            .copy_out(&mut self.machine, space, address, image);
        self.settle_memory();
        Ok(written?)
    }

    /// Reads the saved floating-point registers from a frame, in place. When that fails in the
    /// middle the call is executed again, or the program has lost them by its own doing; what the
    /// processor would refuse to load is taken out in any case.
    fn read_floating_point(&mut self, thread: ThreadId, address: u64) -> Result<(), Stop> {
        let space = self.thread_space(thread)?;
        let found = self.threads.get_mut(thread).ok_or(Error::NoProcess)?;
        let image = &mut found.context.floating_point;
        let read = self
            .memory
            .copy_in(&mut self.machine, space, address, image);
        sanitize_floating_point(image);
        self.settle_memory();
        Ok(read?)
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
    /// Sets a copy of the registers back to execute the interrupted call again.
    pub(crate) fn rewind_into(&self, registers: &mut Registers) {
        registers.rip = registers.rip.wrapping_sub(2);
        registers.rax = self.call_number;
    }

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

/// Registers in the order of the structure.
fn register_words(r: &Registers) -> [u64; 20] {
    [
        r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9, r.r10, r.r11, r.r12,
        r.r13, r.r14, r.r15, r.rip, r.rflags, r.fs_base, r.gs_base,
    ]
}

fn registers_from(words: &[u64; 20]) -> Registers {
    let [
        rax,
        rbx,
        rcx,
        rdx,
        rsi,
        rdi,
        rbp,
        rsp,
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
        rip,
        rflags,
        fs_base,
        gs_base,
    ] = *words;
    Registers {
        rax,
        rbx,
        rcx,
        rdx,
        rsi,
        rdi,
        rbp,
        rsp,
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
        rip,
        rflags,
        fs_base,
        gs_base,
    }
}
