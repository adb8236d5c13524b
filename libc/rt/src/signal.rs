//! Signals: the upcall entry, the table of handlers, the frames that handlers see.

use crate::session::Session;
use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use kernel_abi::process::{
    FLOATING_POINT_SIZE, UpcallAction, UpcallFrame, fault_kind, process_property, upcall_flags,
};
use kernel_abi::{Call, Error, Handle};
use kernel_stubs::{raw, safe};
use proto::types::{Plain, SignalInformation};

/// Highest signal number.
pub const SIGNALS: usize = 64;
/// `SIG_DFL`.
pub const DEFAULT: usize = 0;
/// `SIG_IGN`.
pub const IGNORE: usize = 1;

/// Flags of `struct sigaction`, those that change what happens here.
pub mod flags {
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

/// Word that comes with a signal which the process raised itself (`raise`, `pthread_kill`): the
/// process server, which never saw it, need not be asked who sent it.
pub const RAISED_HERE: u64 = 0x6865_7265_6865_7265;

/// Word that comes with a signal which the process sent itself with `kill`.
pub const SENT_HERE: u64 = 0x746e_6573_746e_6573;

/// `si_code` of a signal that the process raised or sent itself, by the word that came with it.
fn own_code(value: u64) -> Option<i32> {
    const SI_TKILL: i32 = -6;
    const SI_USER: i32 = 0;
    match value {
        RAISED_HERE => Some(SI_TKILL),
        SENT_HERE => Some(SI_USER),
        _ => None,
    }
}

/// What a handler is told of a signal that the process raised or sent itself.
pub fn own_information(signal: u32, value: u64) -> Option<SignalInfo> {
    let told = SignalInformation {
        signal,
        code: own_code(value)?,
        process: crate::identity::process(),
        user: crate::identity::real_user(),
        ..SignalInformation::default()
    };
    Some(signal_info(signal, &told))
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
    Ok(match old.flags {
        flags if flags & upcall_flags::CAUGHT != 0 => before,
        flags if flags & upcall_flags::IGNORED != 0 => Action {
            handler: IGNORE,
            ..Action::default()
        },
        _ => Action::default(),
    })
}

/// Stores a handler and says what the kernel has to know of it.
fn kernel_action(slot: &Slot, new: &Action) -> Result<UpcallAction, Error> {
    let mut kernel = UpcallAction {
        flags: 0,
        mask: new.mask,
    };
    match new.handler {
        DEFAULT => {}
        IGNORE => kernel.flags = upcall_flags::IGNORED,
        handler => {
            install_entry()?;
            slot.handler.store(handler, Ordering::Relaxed);
            slot.flags.store(new.flags, Ordering::Relaxed);
            slot.mask.store(new.mask, Ordering::Relaxed);
            kernel.flags = upcall_flags::CAUGHT;
            for (ours, theirs) in [
                (flags::ON_STACK, upcall_flags::ALTERNATE_STACK),
                (flags::NO_DEFER, upcall_flags::NO_DEFER),
                (flags::RESTART, upcall_flags::RESTART),
                (flags::RESET, upcall_flags::RESET),
            ] {
                if new.flags & ours != 0 {
                    kernel.flags |= theirs;
                }
            }
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

/// First upcall of the signals that queue (`SIGRTMIN` and above, and the library's own).
const FIRST_QUEUED: u32 = 31;

fn deliver(frame: &mut UpcallFrame) {
    let Some(slot) = SLOTS.get(frame.upcall as usize) else {
        return;
    };
    let signal = frame.upcall as i32 + 1;
    let handler = slot.handler.load(Ordering::Relaxed);
    if handler == DEFAULT || handler == IGNORE {
        return;
    }
    if slot.flags.load(Ordering::Relaxed) & flags::INFORMATION == 0 {
        if frame.upcall >= FIRST_QUEUED && own_code(frame.value).is_none() {
            // Takes this signal's information off the queue, lest the next one's handler gets it.
            query(signal as u32);
        }
        // SAFETY: the program registered a function of this type under this signal.
        let handler: extern "C" fn(i32) = unsafe { core::mem::transmute(handler) };
        handler(signal);
        return;
    }
    let mut information = information(frame, signal as u32);
    let mut context = context(frame);
    // SAFETY: as above, with SA_SIGINFO.
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
fn fault_code(fault: u32) -> i32 {
    match fault {
        fault_kind::NOT_MAPPED | fault_kind::ILLEGAL_INSTRUCTION => 1,
        fault_kind::DIVIDE | fault_kind::TRAP | fault_kind::ALIGNMENT => 1,
        fault_kind::PROTECTION | fault_kind::BUS => 2,
        fault_kind::FLOATING_POINT => 3,
        _ => 0x80,
    }
}

fn information(frame: &UpcallFrame, signal: u32) -> SignalInfo {
    if frame.fault != 0 {
        let mut fields = [0; 14];
        fields[0] = frame.address;
        return SignalInfo {
            si_signo: signal as i32,
            si_errno: 0,
            si_code: fault_code(frame.fault),
            padding: 0,
            fields,
        };
    }
    own_information(signal, frame.value).unwrap_or_else(|| query(signal))
}

/// What the process server knows of a signal that was delivered to this process.
pub fn query(signal: u32) -> SignalInfo {
    let mut bytes = [0; SignalInformation::SIZE];
    let told = proto::process::signal_information(&Session::PROCESS, signal, &mut bytes, &[])
        .ok()
        .and_then(|_| SignalInformation::decode(&bytes))
        // A signal that the process raised itself never met the server.
        .unwrap_or(SignalInformation {
            signal,
            ..SignalInformation::default()
        });
    signal_info(signal, &told)
}

/// `siginfo_t` from its travelling form.
pub fn signal_info(signal: u32, told: &SignalInformation) -> SignalInfo {
    const CHILD: u32 = 17;
    let mut fields = [0; 14];
    fields[0] = told.process & 0xffff_ffff | (told.user as u64) << 32;
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
}
