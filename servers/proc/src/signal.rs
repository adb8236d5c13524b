//! Signals: numbers, default actions, and the permission to send one.

use proto::Identity;

/// Largest signal number.
pub const LAST: u32 = 64;

#[allow(missing_docs, reason = "named as POSIX names them")]
pub mod number {
    pub const HUP: u32 = 1;
    pub const QUIT: u32 = 3;
    pub const ILL: u32 = 4;
    pub const TRAP: u32 = 5;
    pub const ABRT: u32 = 6;
    pub const BUS: u32 = 7;
    pub const FPE: u32 = 8;
    pub const KILL: u32 = 9;
    pub const SEGV: u32 = 11;
    pub const ALRM: u32 = 14;
    pub const CHLD: u32 = 17;
    pub const CONT: u32 = 18;
    pub const STOP: u32 = 19;
    pub const TSTP: u32 = 20;
    pub const TTIN: u32 = 21;
    pub const TTOU: u32 = 22;
    pub const URG: u32 = 23;
    pub const XCPU: u32 = 24;
    pub const XFSZ: u32 = 25;
    pub const WINCH: u32 = 28;
    pub const SYS: u32 = 31;
}

/// `si_code` values.
#[allow(missing_docs, reason = "named as POSIX names them")]
pub mod code {
    pub const USER: i32 = 0;
    pub const QUEUE: i32 = -1;
    pub const MESSAGE_QUEUE: i32 = -3;
    pub const THREAD: i32 = -6;
    pub const KERNEL: i32 = 128;
    pub const CHILD_EXITED: i32 = 1;
    pub const CHILD_KILLED: i32 = 2;
    pub const CHILD_DUMPED: i32 = 3;
    pub const CHILD_STOPPED: i32 = 5;
    pub const CHILD_CONTINUED: i32 = 6;
}

/// Flags of `sigaction` that the C library has the kernel keep for this server.
pub mod kept {
    use kernel_abi::process::upcall_flags::FIRST_KEPT;
    /// `SA_NOCLDSTOP`: SIGCHLD tells only of ends.
    pub const NO_CHILD_STOP: u64 = FIRST_KEPT;
    /// `SA_NOCLDWAIT`: children leave no zombies.
    pub const NO_CHILD_WAIT: u64 = FIRST_KEPT << 1;
}

/// The signals that stop a process unless it catches them, and SIGSTOP.
pub const STOPS: u64 = 1 << (number::STOP - 1)
    | 1 << (number::TSTP - 1)
    | 1 << (number::TTIN - 1)
    | 1 << (number::TTOU - 1);

/// Bit of a status word: ended by a signal.
pub const STATUS_KILLED: u64 = 1 << 31;
/// Bit of a status word: with a core dump.
pub const STATUS_CORE: u64 = 1 << 30;

/// What a signal does when the process did not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    /// Ends the process.
    Terminate,
    /// Ends it with a core dump.
    Core,
    /// Stops it.
    Stop,
    /// Lets it go on.
    Continue,
    /// Nothing.
    Ignore,
}

/// The default action of a signal (POSIX `<signal.h>`).
pub fn default_action(signal: u32) -> DefaultAction {
    use number as n;
    match signal {
        n::CHLD | n::URG | n::WINCH => DefaultAction::Ignore,
        n::CONT => DefaultAction::Continue,
        n::STOP | n::TSTP | n::TTIN | n::TTOU => DefaultAction::Stop,
        n::QUIT
        | n::ILL
        | n::TRAP
        | n::ABRT
        | n::BUS
        | n::FPE
        | n::SEGV
        | n::XCPU
        | n::XFSZ
        | n::SYS => DefaultAction::Core,
        _ => DefaultAction::Terminate,
    }
}

/// Status word of a process that a signal ends, without a core.
pub fn killed_status(signal: u32) -> u64 {
    STATUS_KILLED | u64::from(signal)
}

/// The bit of a signal in a set.
pub fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

/// Whether `sender` may signal `target` (POSIX `kill`).
pub fn may_signal(sender: &Identity, target: &Identity, signal: u32) -> bool {
    let (real, effective) = (sender.real_user, sender.credentials.user);
    effective == 0
        || [real, effective]
            .iter()
            .any(|user| [target.real_user, target.saved_user].contains(user))
        || (signal == number::CONT && sender.session == target.session)
}
