//! Resource limits (`RLIMIT_*`, numbers of `<sys/resource.h>`).

use kernel_abi::process::{DEFAULT_QUEUED_UPCALLS, MAX_QUEUED_UPCALLS, priority, process_property};
use proto::Error;

const NS_PER_SECOND: u64 = 1_000_000_000;

/// No limit.
pub const INFINITY: u64 = u64::MAX;
/// How many kinds there are.
pub const COUNT: usize = 16;

const CPU: usize = 0;
const FILE: usize = 1;
const DATA: usize = 2;
/// `RLIMIT_STACK`.
pub const STACK: usize = 3;
/// `RLIMIT_CORE`.
pub const CORE: usize = 4;
/// `RLIMIT_NPROC`.
pub const PROCESSES: usize = 6;
const DESCRIPTORS: usize = 7;
const ADDRESS_SPACE: usize = 9;
const PENDING_SIGNALS: usize = 11;
/// `RLIMIT_RTPRIO`.
pub const REAL_TIME: usize = 14;

/// Descriptors a process may have by default, and at most.
const DEFAULT_DESCRIPTORS: u64 = 1024;
const MAX_DESCRIPTORS: u64 = 65536;
const DEFAULT_STACK: u64 = 8 << 20;
/// Memory for each process that users may have by default.
const BYTES_PER_PROCESS: u64 = 256 << 10;
const LEAST_PROCESSES: u64 = 32;
const MOST_PROCESSES: u64 = 1024;

/// Current and maximum values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits([(u64, u64); COUNT]);

impl Default for Limits {
    fn default() -> Limits {
        let mut limits = [(INFINITY, INFINITY); COUNT];
        limits[STACK].0 = DEFAULT_STACK;
        limits[CORE].0 = 0;
        limits[DESCRIPTORS] = (DEFAULT_DESCRIPTORS, MAX_DESCRIPTORS);
        limits[PROCESSES] = (MOST_PROCESSES, MOST_PROCESSES);
        limits[REAL_TIME] = (0, 0);
        limits[PENDING_SIGNALS] = (DEFAULT_QUEUED_UPCALLS, MAX_QUEUED_UPCALLS);
        Limits(limits)
    }
}

impl Limits {
    /// Fits the number of processes of a user to the machine's memory.
    pub fn fit_processes(&mut self, memory_bytes: u64) {
        let most = (memory_bytes / BYTES_PER_PROCESS).clamp(LEAST_PROCESSES, MOST_PROCESSES);
        self.0[PROCESSES] = (most, most);
    }

    /// Current and maximum of a resource.
    pub fn get(&self, resource: u32) -> Result<(u64, u64), Error> {
        self.0
            .get(resource as usize)
            .copied()
            .ok_or(Error::BadArgument)
    }

    /// Sets one; only root may raise a maximum (POSIX `setrlimit`).
    pub fn set(
        &mut self,
        resource: u32,
        current: u64,
        maximum: u64,
        privileged: bool,
    ) -> Result<(), Error> {
        let slot = self
            .0
            .get_mut(resource as usize)
            .ok_or(Error::BadArgument)?;
        if current > maximum {
            return Err(Error::BadArgument);
        }
        let too_many = resource as usize == DESCRIPTORS && maximum > MAX_DESCRIPTORS;
        if (maximum > slot.1 && !privileged) || too_many {
            return Err(Error::NotPermitted);
        }
        *slot = (current, maximum);
        Ok(())
    }

    /// What the kernel must enforce of a resource: properties and their values.
    pub fn enforced(&self, resource: u32) -> impl Iterator<Item = (u64, u64)> {
        let (current, maximum) = self.get(resource).unwrap_or_default();
        let ns = |seconds: u64| seconds.saturating_mul(NS_PER_SECOND);
        let properties = match resource as usize {
            CPU => [
                Some((process_property::LIMIT_CPU_END_NS, ns(maximum))),
                Some((process_property::LIMIT_CPU_NS, ns(current))),
            ],
            resource => [property(resource).map(|property| (property, current)), None],
        };
        properties.into_iter().flatten()
    }

    /// The most urgent level of real time that a process of a user may take (`RLIMIT_RTPRIO`; root
    /// any).
    pub fn real_time(&self, user: u32) -> u64 {
        match user {
            0 => priority::LEVELS,
            _ => self.0[REAL_TIME].0.min(priority::LEVELS - 1),
        }
    }
}

fn property(resource: usize) -> Option<u64> {
    match resource {
        FILE => Some(process_property::LIMIT_FILE),
        DATA => Some(process_property::LIMIT_DATA),
        STACK => Some(process_property::LIMIT_STACK),
        DESCRIPTORS => Some(process_property::LIMIT_DESCRIPTORS),
        PENDING_SIGNALS => Some(process_property::LIMIT_QUEUED_UPCALLS),
        ADDRESS_SPACE => Some(process_property::LIMIT_ADDRESS_SPACE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_raises_a_maximum() {
        let mut limits = Limits::default();
        assert_eq!(limits.set(7, 100, 200, false), Ok(()));
        assert_eq!(limits.set(7, 100, 300, false), Err(Error::NotPermitted));
        assert_eq!(limits.set(7, 100, 300, true), Ok(()));
        assert_eq!(limits.set(7, 400, 300, true), Err(Error::BadArgument));
        assert_eq!(limits.set(16, 0, 0, true), Err(Error::BadArgument));
        assert_eq!(limits.get(7), Ok((100, 300)));
    }

    #[test]
    fn the_kernel_enforces_both_limits_of_cpu_time() {
        let mut limits = Limits::default();
        limits.set(0, 2, 5, true).unwrap();
        let enforced: alloc::vec::Vec<_> = limits.enforced(0).collect();
        let second = 1_000_000_000;
        assert_eq!(enforced, [(11, 5 * second), (8, 2 * second)]);
        limits.set(0, INFINITY, INFINITY, true).unwrap();
        assert!(limits.enforced(0).all(|(_, value)| value == u64::MAX));
        assert_eq!(limits.enforced(4).count(), 0);
    }

    #[test]
    fn users_get_no_real_time_unless_a_limit_allows_it() {
        let mut limits = Limits::default();
        assert_eq!((limits.real_time(0), limits.real_time(5)), (100, 0));
        limits.set(REAL_TIME as u32, 10, 10, true).unwrap();
        assert_eq!(limits.real_time(5), 10);
    }
}
