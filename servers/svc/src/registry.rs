//! What the supervisor knows of each server.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use kernel_abi::Handle;

use crate::policy::Policy;

/// Bit of an exit status that says "killed by signal".
pub const KILLED: u64 = 1 << 31;

/// A server's condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Runs.
    Running,
    /// Waits for its next start (monotonic ns).
    Waiting(u64),
    /// Could not be started, or died too often.
    Failed,
}

/// Why a server ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Never did.
    None,
    /// Exited with this status.
    Exit(u64),
    /// Panicked (its message is in the log).
    Panic,
    /// A fault: signal number, address, instruction.
    Fault(u64, u64, u64),
    /// Killed by an operator.
    Killed,
    /// Could not be started, or said itself that it cannot start.
    Start(String),
}

impl Reason {
    /// What a process's exit status tells.
    pub fn of_status(status: u64) -> Reason {
        match status {
            server_rt::PANIC_STATUS => Reason::Panic,
            status if status & KILLED != 0 && status & 0xff == 9 => Reason::Killed,
            status if status & KILLED != 0 => Reason::Fault(status & 0xff, 0, 0),
            status => Reason::Exit(status),
        }
    }
}

/// A handle given to every instance of a server.
pub struct Given {
    /// Its name in the start block.
    pub name: String,
    /// The supervisor's own copy.
    pub handle: Handle,
    /// The number that goes with it.
    pub value: u64,
}

/// One server.
pub struct Entry {
    /// Its endpoint, which outlives every instance.
    pub endpoint: Handle,
    /// The running instance.
    pub process: Handle,
    /// Handles that every instance is given; kept here, so that sessions outlive instances.
    pub given: Vec<Given>,
    /// Its condition.
    pub state: State,
    /// Why it ended last.
    pub reason: Reason,
    /// When the running instance was started.
    pub started_ns: u64,
    /// How often it was started again.
    pub restarts: u64,
    /// Whether it said that it is up.
    pub ready: bool,
    /// Its recent deaths.
    pub policy: Policy,
}

impl Entry {
    /// A server that has not been started.
    pub fn new(endpoint: Handle) -> Entry {
        Entry {
            endpoint,
            process: Handle::NONE,
            given: Vec::new(),
            state: State::Failed,
            reason: Reason::None,
            started_ns: 0,
            restarts: 0,
            ready: false,
            policy: Policy::default(),
        }
    }

    /// Its line of `svc status`.
    pub fn line(&self, name: &str, now_ns: u64, out: &mut String) {
        let state = match self.state {
            State::Running if self.ready => "running",
            State::Running => "starting",
            State::Waiting(_) => "waiting",
            State::Failed => "failed",
        };
        let up_ms = match self.state {
            State::Running => now_ns.saturating_sub(self.started_ns) / 1_000_000,
            _ => 0,
        };
        let (seconds, milliseconds) = (up_ms / 1000, up_ms % 1000);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "{name:<16} {state:<9} {seconds:>6}.{milliseconds:03} s"
        );
        let _ = write!(out, " {:>4} restarts  ", self.restarts);
        let _ = match &self.reason {
            Reason::None => writeln!(out, "-"),
            Reason::Exit(status) => writeln!(out, "exited with status {status}"),
            Reason::Panic => writeln!(out, "panicked"),
            Reason::Fault(signal, address, instruction) => {
                writeln!(
                    out,
                    "signal {signal} at {address:#x}, instruction {instruction:#x}"
                )
            }
            Reason::Killed => writeln!(out, "killed"),
            Reason::Start(reason) => writeln!(out, "cannot start: {reason}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_tells_state_uptime_and_the_last_reason() {
        let mut entry = Entry::new(Handle(1));
        entry.state = State::Running;
        entry.started_ns = 1_000_000_000;
        entry.restarts = 2;
        entry.reason = Reason::Fault(11, 0x10, 0x20_0000);
        let mut text = String::new();
        entry.line("ext2", 3_500_000_000, &mut text);
        assert!(
            text.starts_with("ext2             starting       2.500 s    2 restarts"),
            "{text}"
        );
        assert!(
            text.ends_with("signal 11 at 0x10, instruction 0x200000\n"),
            "{text}"
        );
    }
}
