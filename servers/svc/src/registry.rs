//! What the supervisor knows of each server.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use kernel_abi::Handle;

use crate::launch::{LaunchError, Program};
use crate::policy::Policy;
use crate::update::Update;

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
    /// Killed because it did not answer heartbeats.
    Hung,
    /// Ended as it was asked to, for another program.
    Stopped,
    /// Could not be started.
    Launch(LaunchError),
    /// Said itself that it cannot start.
    Start(String),
}

impl Reason {
    /// What a process's exit status tells.
    pub fn of_status(status: u64) -> Reason {
        match status {
            server_rt::PANIC_STATUS => Reason::Panic,
            server_rt::STOPPED_STATUS => Reason::Stopped,
            status if status & KILLED != 0 && status & 0xff == 9 => Reason::Killed,
            status if status & KILLED != 0 => Reason::Fault(status & 0xff, 0, 0),
            status => Reason::Exit(status),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::None => out.write_str("-"),
            Reason::Exit(status) => write!(out, "exited with status {status}"),
            Reason::Panic => out.write_str("panicked"),
            Reason::Fault(signal, address, instruction) => write!(
                out,
                "signal {signal} at {address:#x}, instruction {instruction:#x}"
            ),
            Reason::Killed => out.write_str("killed"),
            Reason::Hung => out.write_str("did not answer, killed"),
            Reason::Stopped => out.write_str("made way for another program"),
            Reason::Launch(error) => write!(out, "cannot start: {error}"),
            Reason::Start(reason) => write!(out, "cannot start: {reason}"),
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
    /// What it runs, once that was found and checked.
    pub program: Option<Program>,
    /// How its program is just being replaced.
    pub update: Option<Update>,
    /// When the instance before the running one ended, until that one serves.
    pub died_ns: Option<u64>,
    /// Longest time from an end to the next instance that serves.
    pub longest_pause_ns: u64,
    /// Whether an operator had the running instance end: no fault of its own.
    pub ended_by_operator: bool,
    /// Looks since it was asked whether it still serves.
    pub unanswered: u32,
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
            program: None,
            update: None,
            died_ns: None,
            longest_pause_ns: 0,
            ended_by_operator: false,
            unanswered: 0,
            policy: Policy::default(),
        }
    }

    /// Its line of `svc status`.
    pub fn line(&self, name: &str, now_ns: u64, out: &mut impl Write) {
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
        // Neither a String nor a Text fails.
        let _ = write!(
            out,
            "{name:<16} {state:<9} {seconds:>6}.{milliseconds:03} s"
        );
        let _ = write!(out, " {:>4} restarts  ", self.restarts);
        let _ = write!(out, "{}", self.reason);
        if self.longest_pause_ns > 0 {
            let us = self.longest_pause_ns / 1000;
            let _ = write!(out, ", longest pause {}.{:03} ms", us / 1000, us % 1000);
        }
        let _ = out.write_char('\n');
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
        entry.longest_pause_ns = 1_234_567;
        let mut text = String::new();
        entry.line("ext2", 3_500_000_000, &mut text);
        assert!(
            text.starts_with("ext2             starting       2.500 s    2 restarts"),
            "{text}"
        );
        assert!(
            text.ends_with("signal 11 at 0x10, instruction 0x200000, longest pause 1.234 ms\n"),
            "{text}"
        );
    }
}
