//! Resource limits (`RLIMIT_*`, numbers of `<sys/resource.h>`).

use kernel_abi::process::{DEFAULT_QUEUED_UPCALLS, MAX_QUEUED_UPCALLS, process_property};
use proto::Error;

/// No limit.
pub const INFINITY: u64 = u64::MAX;
/// How many kinds there are.
pub const COUNT: usize = 16;

const CPU: usize = 0;
const FILE: usize = 1;
const DATA: usize = 2;
/// `RLIMIT_STACK`.
pub const STACK: usize = 3;
const CORE: usize = 4;
/// `RLIMIT_NPROC`.
pub const PROCESSES: usize = 6;
const DESCRIPTORS: usize = 7;
const ADDRESS_SPACE: usize = 9;
const PENDING_SIGNALS: usize = 11;

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

    /// Sets one; only root may raise a maximum (POSIX `setrlimit`). Returns what the kernel must
    /// enforce: a property and its value.
    pub fn set(
        &mut self,
        resource: u32,
        current: u64,
        maximum: u64,
        privileged: bool,
    ) -> Result<Option<(u64, u64)>, Error> {
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
        Ok(property(resource as usize).map(|property| {
            let value = match property {
                process_property::LIMIT_CPU_NS => current.saturating_mul(1_000_000_000),
                _ => current,
            };
            (property, value)
        }))
    }
}

fn property(resource: usize) -> Option<u64> {
    match resource {
        CPU => Some(process_property::LIMIT_CPU_NS),
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
        assert_eq!(limits.set(7, 100, 200, false), Ok(Some((3, 100))));
        assert_eq!(limits.set(7, 100, 300, false), Err(Error::NotPermitted));
        assert_eq!(limits.set(7, 100, 300, true), Ok(Some((3, 100))));
        assert_eq!(limits.set(7, 400, 300, true), Err(Error::BadArgument));
        assert_eq!(limits.set(16, 0, 0, true), Err(Error::BadArgument));
    }
}
