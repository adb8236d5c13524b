//! `ITIMER_REAL` and `alarm`.

use proto::Error;

use crate::kernel::Kernel;
use crate::server::{Server, TIMER_COOKIE};
use crate::signal::number;

/// `ITIMER_REAL`.
const REAL: u32 = 0;

impl<K: Kernel> Server<K> {
    /// Reads, and with a new (value, interval) sets, a timer. Returns the old remaining time and
    /// interval, in ns.
    pub(crate) fn interval_timer_of(
        &mut self,
        caller: u64,
        which: u32,
        new: Option<(u64, u64)>,
    ) -> Result<(u64, u64), Error> {
        if which != REAL {
            // The kernel tells CPU time but raises nothing by it, but for the CPU limit.
            return Err(Error::Unsupported);
        }
        let now = self.kernel.now_ns();
        let mut timer = self.table.get(caller)?.timer;
        let remaining = match timer.deadline_ns {
            0 => 0,
            deadline => deadline.saturating_sub(now).max(1),
        };
        let old = (remaining, timer.interval_ns);
        let Some((value, interval)) = new else {
            return Ok(old);
        };
        let handle = match timer.handle {
            Some(handle) => handle,
            None if value == 0 => return Ok(old),
            None => self.kernel.timer_create(TIMER_COOKIE | caller)?,
        };
        timer.handle = Some(handle);
        timer.interval_ns = if value == 0 { 0 } else { interval };
        timer.deadline_ns = if value == 0 {
            0
        } else {
            now.saturating_add(value)
        };
        self.table.get_mut(caller)?.timer = timer;
        let deadline = if value == 0 {
            u64::MAX
        } else {
            timer.deadline_ns
        };
        self.kernel.timer_set(handle, deadline, timer.interval_ns)?;
        Ok(old)
    }

    pub(crate) fn timer_expired(&mut self, id: u64) {
        let now = self.kernel.now_ns();
        let Ok(process) = self.table.get_mut(id) else {
            return;
        };
        let Some(handle) = process.timer.handle else {
            return;
        };
        let due = process.timer.deadline_ns != 0 && process.timer.deadline_ns <= now;
        if due {
            process.timer.deadline_ns = match process.timer.interval_ns {
                0 => 0,
                interval => now + interval,
            };
        }
        self.kernel.timer_rearm(handle, TIMER_COOKIE | id);
        // An expiry that was on its way when the timer was set anew is not told.
        if due {
            self.send_from_kernel(id, number::ALRM);
        }
    }
}
