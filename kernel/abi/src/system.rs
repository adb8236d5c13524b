//! Time, boot and the machine.

/// Clocks.
pub mod clock {
    /// Since boot, never set.
    pub const MONOTONIC: u64 = 0;
    /// Since 1970-01-01T00:00:00Z, set by its owner.
    pub const REALTIME: u64 = 1;
    /// CPU time of the calling process.
    pub const PROCESS_CPU: u64 = 2;
    /// CPU time of the calling thread.
    pub const THREAD_CPU: u64 = 3;
}

/// Flags of [`crate::Call::TimerSet`].
pub mod timer_flags {
    /// The deadline is a monotonic time though the clock is the real-time one, and does not move
    /// when that is set.
    pub const MONOTONIC_DEADLINE: u64 = 1;
}

/// The page at [`crate::CLOCK_PAGE`]. Monotonic time in ns is
/// `((rdtsc - tsc_base) * multiplier) >> shift` (128-bit product); real time adds
/// `realtime_offset_ns`. `sequence` is odd while the kernel writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ClockPage {
    /// Even when the rest is consistent.
    pub sequence: u64,
    /// Time-stamp counter at monotonic 0.
    pub tsc_base: u64,
    /// Factor.
    pub multiplier: u64,
    /// Shift.
    pub shift: u64,
    /// Real time minus monotonic time.
    pub realtime_offset_ns: u64,
    /// Number of CPUs.
    pub cpus: u64,
    /// Bytes of physical memory.
    pub memory_bytes: u64,
}

/// What [`crate::Call::TimerState`] writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TimerState {
    /// Next expiry; `u64::MAX`: none.
    pub deadline_ns: u64,
    /// Now, on the clock that the deadline was given on.
    pub now_ns: u64,
    /// Between expiries; 0: once.
    pub interval_ns: u64,
    /// Expiries that the last upcall delivered stood for beside its own.
    pub overrun: u64,
}

/// What [`crate::Call::SystemInfo`] writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs, reason = "counters named by what they count")]
pub struct SystemInfo {
    pub memory_total_bytes: u64,
    pub memory_free_bytes: u64,
    pub kernel_heap_bytes: u64,
    pub cpus: u64,
    pub uptime_ns: u64,
    pub processes: u64,
    pub threads: u64,
    pub handles: u64,
    pub memories: u64,
    pub endpoints: u64,
    pub sessions: u64,
    pub streams: u64,
    pub context_switches: u64,
    pub interrupts: u64,
    pub system_calls: u64,
    pub page_faults: u64,
    pub idle_ns: u64,
    /// Threads that ran or were ready to, in 1 / [`LOAD_UNIT`], averaged over 1, 5 and 15 minutes.
    pub load_1: u64,
    pub load_5: u64,
    pub load_15: u64,
    /// Threads that run or are ready to now.
    pub runnable: u64,
    /// Bytes of pages that pagers have supplied.
    pub cached_bytes: u64,
    /// Processes ever made.
    pub processes_made: u64,
    /// Of each CPU: time idle, and time in the kernel (as in [`crate::process::ProcessInfo`]).
    pub processor_idle_ns: [u64; MAX_PROCESSORS],
    pub processor_kernel_ns: [u64; MAX_PROCESSORS],
}

/// Most CPUs.
pub const MAX_PROCESSORS: usize = 8;

/// A load of one.
pub const LOAD_UNIT: u64 = 1 << 16;

/// Commands of [`crate::Call::SystemControl`].
pub mod control {
    /// Switch the machine off.
    pub const POWER_OFF: u64 = 1;
    /// Reset the machine.
    pub const REBOOT: u64 = 2;
    /// Stop with a status for a test harness (`isa-debug-exit`): argument = status.
    pub const TEST_EXIT: u64 = 3;
    /// Set the real-time clock's offset: argument = realtime_offset_ns.
    pub const SET_REALTIME_OFFSET_NS: u64 = 4;
    /// Return 1 when a key of the kernel's command line is present (address, length in the
    /// arguments), else 0.
    pub const HAS_OPTION: u64 = 5;
}

/// How the kernel starts the first process, and `svc` every server: `rdi` = address of this
/// block in the new process's memory (read-only), followed by `entry_count` [`StartEntry`]s and
/// `argument_bytes` bytes of NUL-ended arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct StartBlock {
    /// [`START_MAGIC`].
    pub magic: u64,
    /// How many entries follow.
    pub entry_count: u64,
    /// How many bytes of arguments follow the entries.
    pub argument_bytes: u64,
    /// How often this server has been started before.
    pub restarts: u64,
}

/// First word of a [`StartBlock`].
pub const START_MAGIC: u64 = 0x5452_4154_534b_4d00;

/// A named handle in a [`StartBlock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct StartEntry {
    /// UTF-8, NUL padded.
    pub name: [u8; 32],
    /// The handle's slot.
    pub handle: u32,
    /// [`crate::ObjectKind`] as a number.
    pub kind: u32,
    /// A number that goes with it (a badge, a size).
    pub value: u64,
}

/// Arguments of [`crate::Call::InterruptCreate`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct InterruptArguments {
    /// Legacy interrupt line (ISA IRQ or global system interrupt), or `u32::MAX` for a message
    /// interrupt.
    pub line: u32,
    /// Bit 0: level triggered. Bit 1: active low. (Lines only.)
    pub flags: u32,
    /// Written by the kernel: address a device writes to raise a message interrupt ...
    pub message_address: u64,
    /// ... and the datum.
    pub message_data: u64,
}
