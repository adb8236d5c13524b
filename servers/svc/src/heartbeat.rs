//! Heartbeats: a server that serves no more, without having ended, is ended.

use kernel_abi::Signals;
use proto::request;
use server_rt::stubs::safe;

use crate::registry::{KILLED, Reason, State};
use crate::service::Supervisor;

/// Time between two looks.
pub(crate) const PERIOD_NS: u64 = 2_500_000_000;

impl Supervisor {
    /// Raises and lowers requests to a server's running instance.
    pub(crate) fn ask(&mut self, index: usize, clear: Signals, set: Signals) {
        // Fails only where the instance has never had the session.
        let _ = safe::session_signal(self.endpoint, index as u64, clear, set);
    }

    /// Asks every server whether it still serves, and ends those that were asked as many looks ago as
    /// their deadline allows. Looks are counted, not time: where the whole machine stood still,
    /// the server did, too.
    pub(crate) fn look(&mut self) {
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            if entry.state != State::Running || !entry.ready {
                continue;
            }
            let deadline_s = self.system.servers[index].heartbeat_deadline_s();
            entry.unanswered += 1;
            if u64::from(entry.unanswered - 1) * PERIOD_NS < u64::from(deadline_s) * 1_000_000_000 {
                self.ask(index, Signals::NONE, request::HEARTBEAT);
                continue;
            }
            entry.reason = Reason::Hung;
            entry.died_ns = Some(safe::monotonic_ns());
            // One that has just ended is noticed by that.
            let _ = safe::process_kill(entry.process, KILLED | 9);
        }
    }

    /// A server says that it serves.
    pub(crate) fn heard(&mut self, index: usize) {
        self.ask(index, request::HEARTBEAT, Signals::NONE);
        let entry = &mut self.entries[index];
        entry.unanswered = 0;
        let first = !core::mem::replace(&mut entry.ready, true);
        if first {
            let pause_ns = entry
                .died_ns
                .take()
                .map_or(0, |died_ns| safe::monotonic_ns().saturating_sub(died_ns));
            entry.longest_pause_ns = entry.longest_pause_ns.max(pause_ns);
            self.tell(index, format_args!("serves, pause {pause_ns} ns"));
        }
        self.update_heard(index);
    }
}
