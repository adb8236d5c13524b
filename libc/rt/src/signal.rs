//! Signals: the upcall entry, the table of handlers, the frames that handlers see.

use crate::thread;
use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use kernel_abi::process::{
    FLOATING_POINT_SIZE, UpcallAction, UpcallFrame, fault_kind, process_property, thread_property,
    upcall_flags,
};
use kernel_abi::{Call, Error, Handle};
use kernel_stubs::{raw, safe};
use proto::types::SignalInformation;

/// Highest signal number.
pub const SIGNALS: usize = 64;
/// `SIG_DFL`.
pub const DEFAULT: usize = 0;
/// `SIG_IGN`.
pub const IGNORE: usize = 1;

/// Flags of `struct sigaction`, those that change what happens here.
pub mod flags {
    /// `SA_NOCLDSTOP`.
    pub const NO_CHILD_STOP: u64 = 1;
    /// `SA_NOCLDWAIT`.
    pub const NO_CHILD_WAIT: u64 = 2;
    /// `SA_SIGINFO`.
    pub const INFORMATION: u64 = 4;
    /// `SA_ONSTACK`.
    pub const ON_STACK: u64 = 0x0800_0000;
    /// `SA_RESTART`.
    pub const RESTART: u64 = 0x1000_0000;
    /// `SA_NODEFER`.
    pub const NO_DEFER: u64 = 0x4000_0000;
    /// `SA_RESETHAND`.
    pub const RESET: u64 = 0x8000_0000;
}

/// What a program wants to happen on a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// [`DEFAULT`], [`IGNORE`] or a function.
    pub handler: usize,
    /// [`flags`], as the program gave them.
    pub flags: u64,
    /// Signals blocked meanwhile; bit `N - 1` is signal N.
    pub mask: u64,
}

struct Slot {
    handler: AtomicUsize,
    flags: AtomicU64,
    mask: AtomicU64,
}

static SLOTS: [Slot; SIGNALS] = [const {
    Slot {
        handler: AtomicUsize::new(DEFAULT),
        flags: AtomicU64::new(0),
        mask: AtomicU64::new(0),
    }
}; SIGNALS];
static ENTRY_INSTALLED: AtomicBool = AtomicBool::new(false);

/// `si_code` values.
pub mod code {
    /// `SI_USER`: by `kill`.
    pub const USER: i32 = 0;
    /// `SI_KERNEL`: by the system.
    pub const KERNEL: i32 = 0x80;
    /// `SI_QUEUE`: by `sigqueue`.
    pub const QUEUE: i32 = -1;
    /// `SI_TIMER`: by a timer of `timer_create`.
    pub const TIMER: i32 = -2;
    /// `SI_TKILL`: to a thread.
    pub const THREAD: i32 = -6;
}

/// `siginfo_t`, 128 bytes.
#[derive(Clone, Copy)]
#[repr(C)]
#[allow(missing_docs, reason = "named as POSIX names them")]
pub struct SignalInfo {
    pub si_signo: i32,
    pub si_errno: i32,
    pub si_code: i32,
    pub padding: i32,
    /// The union: sender and user, or an address; then value or status.
    pub fields: [u64; 14],
}

/// `ucontext_t` as musl lays it out on this architecture.
#[repr(C)]
struct UserContext {
    flags: u64,
    link: *mut c_void,
    stack: [u64; 3],
    registers: [u64; 23],
    floating_point: *mut c_void,
    reserved: [u64; 8],
    mask: [u64; 16],
    floating_point_area: [u64; 64],
}

/// Sets (`Some`) and reads a signal's action.
pub fn action(signal: u32, new: Option<Action>) -> Result<Action, Error> {
    let index = (signal as usize).wrapping_sub(1);
    let slot = SLOTS.get(index).ok_or(Error::BadArgument)?;
    let before = Action {
        handler: slot.handler.load(Ordering::Relaxed),
        flags: slot.flags.load(Ordering::Relaxed),
        mask: slot.mask.load(Ordering::Relaxed),
    };
    let mut old = UpcallAction::default();
    let new_action = new.map(|new| kernel_action(slot, &new)).transpose()?;
    let new_address = new_action
        .as_ref()
        .map_or(0, |action| core::ptr::from_ref(action) as u64);
    // SAFETY: the kernel reads the new action and writes the old one, both on this stack.
    unsafe {
        raw::call3(
            Call::UpcallAction,
            index as u64,
            new_address,
            core::ptr::from_mut(&mut old) as u64,
        )?;
    }
    // The kernel knows what this table does not: what was inherited over exec, and that a
    // one-shot handler has been used.
    let handler = match old.flags {
        flags if flags & upcall_flags::CAUGHT != 0 => before.handler,
        flags if flags & upcall_flags::IGNORED != 0 => IGNORE,
        _ => DEFAULT,
    };
    Ok(if handler == before.handler {
        before
    } else {
        Action {
            handler,
            ..Action::default()
        }
    })
}

/// Flags that the kernel keeps for the process server (`proc`'s `signal::kept`).
const KEPT: [(u64, u64); 2] = [
    (flags::NO_CHILD_STOP, upcall_flags::FIRST_KEPT),
    (flags::NO_CHILD_WAIT, upcall_flags::FIRST_KEPT << 1),
];
/// Flags that the kernel is told of for a handler.
const SHARED: [(u64, u64); 6] = [
    (flags::ON_STACK, upcall_flags::ALTERNATE_STACK),
    (flags::NO_DEFER, upcall_flags::NO_DEFER),
    (flags::RESTART, upcall_flags::RESTART),
    (flags::RESET, upcall_flags::RESET),
    KEPT[0],
    KEPT[1],
];

/// Stores a handler and says what the kernel has to know of it.
fn kernel_action(slot: &Slot, new: &Action) -> Result<UpcallAction, Error> {
    let mut kernel = UpcallAction {
        flags: 0,
        mask: new.mask,
    };
    let shared: &[(u64, u64)] = match new.handler {
        DEFAULT => &KEPT,
        IGNORE => {
            kernel.flags = upcall_flags::IGNORED;
            &KEPT
        }
        _ => {
            install_entry()?;
            kernel.flags = upcall_flags::CAUGHT;
            &SHARED
        }
    };
    slot.handler.store(new.handler, Ordering::Relaxed);
    slot.flags.store(new.flags, Ordering::Relaxed);
    slot.mask.store(new.mask, Ordering::Relaxed);
    for (ours, theirs) in shared {
        if new.flags & ours != 0 {
            kernel.flags |= theirs;
        }
    }
    Ok(kernel)
}

/// Names the upcall entry, on the first use of a handler: most programs never need it.
fn install_entry() -> Result<(), Error> {
    if ENTRY_INSTALLED.load(Ordering::Relaxed) {
        return Ok(());
    }
    let entry = upcall_entry as *const () as u64;
    safe::process_set(Handle::SELF, process_property::UPCALL_ENTRY, entry)?;
    ENTRY_INSTALLED.store(true, Ordering::Relaxed);
    Ok(())
}

/// A function that does what a Linux system call of this number does: `rax`, arguments → result.
pub type ForeignCalls = unsafe extern "C" fn(u64, &[u64; 6]) -> i64;

/// The number of the upcall for call numbers that the kernel does not know.
const FOREIGN_CALL: u32 = 64;

#[cfg(target_vendor = "microkosm")]
fn foreign_calls() -> Option<ForeignCalls> {
    // The table of Linux calls would drag the whole library into every program. So it stands in
    // a section of its own that is linked only when the program names `__microkosm_linux_calls`
    // (the Rust target does); these two symbols are then its bounds, and otherwise null.
    unsafe extern "C" {
        #[linkage = "extern_weak"]
        #[link_name = "__start_microkosm_linux_calls"]
        static FIRST: *const ForeignCalls;
    }
    // SAFETY: the linker's symbol is null or the address of the section's one word.
    unsafe { if FIRST.is_null() { None } else { Some(*FIRST) } }
}

#[cfg(not(target_vendor = "microkosm"))]
fn foreign_calls() -> Option<ForeignCalls> {
    None
}

/// Runs a Linux system call by number, when the program was linked with the table of them.
///
/// # Safety
/// As for the C function of the same meaning.
pub unsafe fn foreign_call(number: u64, arguments: &[u64; 6]) -> Option<i64> {
    // SAFETY: the caller's.
    foreign_calls().map(|calls| unsafe { calls(number, arguments) })
}

/// Has the kernel hand over calls with numbers that it does not know.
pub(crate) fn install_foreign_calls() {
    if foreign_calls().is_none() {
        return;
    }
    let entry = upcall_entry as *const () as u64;
    // Without it such programs get ENOSYS, as they do from a kernel that lacks the call.
    let _ = safe::process_set(Handle::SELF, process_property::UNKNOWN_CALL_ENTRY, entry);
}

/// Where the kernel enters the process. The stack is as after a call, so that a plain function
/// serves; it goes back through the kernel, never by returning.
extern "C" fn upcall_entry(frame: *mut UpcallFrame) -> ! {
    // SAFETY: the kernel built the frame above this function's stack frame; it is this
    // function's alone until it is given back.
    let upcall = unsafe { &mut *frame };
    if upcall.upcall == FOREIGN_CALL {
        serve_foreign_call(upcall);
    } else {
        deliver(upcall);
    }
    loop {
        // SAFETY: the frame is the kernel's own, changed only as a handler may change it.
        let _ = unsafe { raw::call1(Call::UpcallReturn, frame as u64) };
    }
}

fn serve_foreign_call(frame: &mut UpcallFrame) {
    const ENOSYS: i64 = 38;
    let registers = &frame.registers;
    let arguments = [
        registers.rdi,
        registers.rsi,
        registers.rdx,
        registers.r10,
        registers.r8,
        registers.r9,
    ];
    // SAFETY: the program executed the instruction, and answers for its arguments.
    let result = unsafe { foreign_call(registers.rax, &arguments) };
    frame.registers.rax = result.unwrap_or(-ENOSYS) as u64;
}

fn deliver(frame: &mut UpcallFrame) {
    let Some(slot) = SLOTS.get(frame.upcall as usize) else {
        return;
    };
    let signal = frame.upcall as i32 + 1;
    let handler = slot.handler.load(Ordering::Relaxed);
    if handler == DEFAULT || handler == IGNORE {
        return;
    }
    let disarmed = disarm_alternate_stack(frame);
    if slot.flags.load(Ordering::Relaxed) & flags::INFORMATION == 0 {
        // SAFETY: the program registered a function of this type under this signal.
        let handler: extern "C" fn(i32) = unsafe { core::mem::transmute(handler) };
        handler(signal);
    } else {
        call_with_information(frame, signal, handler);
    }
    if let Some((base, size)) = disarmed {
        // It was accepted when it was set.
        let _ = set_alternate_stack(base, size);
    }
}

/// Sets the calling thread's alternate signal stack; of size 0: none.
pub fn set_alternate_stack(base: usize, size: usize) -> Result<(), Error> {
    safe::thread_set(0, thread_property::ALTERNATE_STACK_SIZE, size as u64)?;
    safe::thread_set(0, thread_property::ALTERNATE_STACK, base as u64)?;
    // SAFETY: the current block lives.
    unsafe { (*thread::current()).alternate_stack = (base, size) };
    Ok(())
}

/// Takes the alternate stack away while a handler runs on it, if it was set so: the handler may
/// leave by another way than by returning, and signals meanwhile may use the stack anew.
fn disarm_alternate_stack(frame: &UpcallFrame) -> Option<(usize, usize)> {
    // SAFETY: the current block lives.
    let block = unsafe { &*thread::current() };
    let (base, size) = block.alternate_stack;
    let here = core::ptr::from_ref(frame) as usize;
    if !block.alternate_disarms || here.wrapping_sub(base) >= size {
        return None;
    }
    set_alternate_stack(0, 0).ok()?;
    Some((base, size))
}

/// Calls a handler that was set with `SA_SIGINFO`, and takes back what it changed.
fn call_with_information(frame: &mut UpcallFrame, signal: i32, handler: usize) {
    let mut information = information(frame, signal as u32);
    let mut context = context(frame);
    // SAFETY: the program registered a function of this type under this signal.
    let handler: extern "C" fn(i32, *mut SignalInfo, *mut c_void) =
        unsafe { core::mem::transmute(handler) };
    handler(
        signal,
        &mut information,
        core::ptr::from_mut(&mut context).cast(),
    );
    accept(frame, &context);
}

/// `si_code` of faults.
fn fault_code(frame: &UpcallFrame) -> i32 {
    const INTEGER_DIVISION: i32 = 1;
    const ILLEGAL_OPERAND: i32 = 2;
    match frame.fault {
        fault_kind::DIVIDE => INTEGER_DIVISION,
        fault_kind::ILLEGAL_INSTRUCTION => ILLEGAL_OPERAND,
        fault_kind::NOT_MAPPED | fault_kind::ALIGNMENT => 1,
        fault_kind::PROTECTION | fault_kind::BUS => 2,
        fault_kind::FLOATING_POINT => floating_point_code(&frame.floating_point),
        _ => code::KERNEL,
    }
}

/// `si_code` of a floating-point exception, from the exceptions that the saved state has raised
/// and does not mask: the SSE unit's, or else the x87's.
fn floating_point_code(state: &[u8; FLOATING_POINT_SIZE]) -> i32 {
    let half = |at: usize| u32::from(state[at]) | u32::from(state[at + 1]) << 8;
    let (control, status, sse) = (half(0), half(2), half(24));
    let raised = match sse & !(sse >> 7) & 0x3f {
        0 => status & !control & 0x3f,
        raised => raised,
    };
    // Invalid operation, denormal operand, division by zero, overflow, underflow, precision.
    match raised.trailing_zeros() {
        0 => 7,
        1 | 4 => 5,
        2 => 3,
        3 => 4,
        5 => 6,
        _ => code::KERNEL,
    }
}

fn information(frame: &UpcallFrame, signal: u32) -> SignalInfo {
    if frame.fault != 0 {
        let mut fields = [0; 14];
        fields[0] = match frame.fault {
            // These name the instruction, not memory.
            fault_kind::DIVIDE | fault_kind::FLOATING_POINT | fault_kind::ILLEGAL_INSTRUCTION => {
                frame.registers.rip
            }
            _ => frame.address,
        };
        return SignalInfo {
            si_signo: signal as i32,
            si_errno: 0,
            si_code: fault_code(frame),
            padding: 0,
            fields,
        };
    }
    let [first, second] = frame.details;
    told(signal, [frame.value, first, second])
}

/// `siginfo_t` from the words that came with a signal.
pub fn told(signal: u32, words: [u64; 3]) -> SignalInfo {
    let mut told = SignalInformation::from_words(signal, words);
    // Only the kernel itself sends without saying who.
    if told.code == code::USER && told.process == 0 {
        told.code = code::KERNEL;
    }
    signal_info(signal, &told)
}

/// The words that go with a signal which the process raises in itself.
pub fn own_words(code: i32, value: u64) -> [u64; 3] {
    let own = SignalInformation {
        code,
        process: crate::identity::process(),
        user: crate::identity::real_user(),
        value,
        ..SignalInformation::default()
    };
    own.words()
}

/// `siginfo_t` from its travelling form.
pub fn signal_info(signal: u32, told: &SignalInformation) -> SignalInfo {
    const CHILD: u32 = 17;
    let mut fields = [0; 14];
    let second = match told.code {
        // The overrun count.
        code::TIMER => told.status,
        _ => told.user,
    };
    fields[0] = told.process & 0xffff_ffff | u64::from(second) << 32;
    fields[1] = if signal == CHILD {
        told.status as u64
    } else {
        told.value
    };
    SignalInfo {
        si_signo: signal as i32,
        si_errno: 0,
        si_code: told.code,
        padding: 0,
        fields,
    }
}

fn context(frame: &mut UpcallFrame) -> UserContext {
    let r = &frame.registers;
    let mut context = UserContext {
        flags: 0,
        link: core::ptr::null_mut(),
        stack: [0; 3],
        // The order of Linux's `gregs`; the last words are segment, error, trap, old mask, address.
        registers: [
            r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rdi, r.rsi, r.rbp, r.rbx,
            r.rdx, r.rax, r.rcx, r.rsp, r.rip, r.rflags, 0, 0, 0, 0, 0,
        ],
        floating_point: frame.floating_point.as_mut_ptr().cast(),
        reserved: [0; 8],
        mask: [0; 16],
        floating_point_area: [0; FLOATING_POINT_SIZE / 8],
    };
    context.registers[21] = frame.mask;
    context.registers[22] = frame.address;
    context.mask[0] = frame.mask;
    context
}

/// Takes back what a handler changed.
fn accept(frame: &mut UpcallFrame, context: &UserContext) {
    let g = &context.registers;
    let r = &mut frame.registers;
    [r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15] =
        [g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7]];
    [r.rdi, r.rsi, r.rbp, r.rbx, r.rdx, r.rax, r.rcx, r.rsp] =
        [g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]];
    [r.rip, r.rflags] = [g[16], g[17]];
    frame.mask = context.mask[0];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_sizes_of_the_c_headers() {
        assert_eq!(core::mem::size_of::<SignalInfo>(), 128);
        assert_eq!(core::mem::size_of::<UserContext>(), 936);
    }

    #[test]
    fn a_handler_can_change_where_the_program_goes_on() {
        let mut frame = UpcallFrame {
            floating_point: [0; FLOATING_POINT_SIZE],
            registers: Default::default(),
            mask: 4,
            upcall: 10,
            fault: fault_kind::NOT_MAPPED,
            address: 0x1234,
            value: 0,
            details: [0; 2],
        };
        frame.registers.rip = 0x1000;
        let mut context = context(&mut frame);
        assert_eq!(context.registers[16], 0x1000);
        context.registers[16] = 0x2000;
        context.mask[0] = 0;
        accept(&mut frame, &context);
        assert_eq!((frame.registers.rip, frame.mask), (0x2000, 0));
        let information = information(&frame, 11);
        assert_eq!((information.si_code, information.fields[0]), (1, 0x1234));
    }

    #[test]
    fn floating_point_exceptions_are_told_apart() {
        let mut state = [0; FLOATING_POINT_SIZE];
        let mut code = |control: u16, status: u16, sse: u16| {
            state[..2].copy_from_slice(&control.to_le_bytes());
            state[2..4].copy_from_slice(&status.to_le_bytes());
            state[24..26].copy_from_slice(&sse.to_le_bytes());
            floating_point_code(&state)
        };
        let all_masked = 0x1f80;
        assert_eq!(code(0x37f, 0, 0x1d80 | 4), 3, "SSE division by zero");
        assert_eq!(
            code(0x37f, 0, all_masked | 1),
            super::code::KERNEL,
            "masked"
        );
        assert_eq!(code(0x37e, 1, all_masked), 7, "x87 invalid operation");
        assert_eq!(code(0x377, 8, all_masked), 4, "x87 overflow");
    }
}
