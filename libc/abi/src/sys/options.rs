//! Which options of POSIX for threads and real time there are, and their limits.

use core::ffi::c_long;

/// What `sysconf` tells of one of them; `None` for all other names.
pub(super) const fn value(name: i32) -> Option<c_long> {
    const OFFERED: c_long = 200_809;
    Some(match name {
        10 => OFFERED,              // PRIORITY_SCHEDULING
        12 => OFFERED,              // ASYNCHRONOUS_IO
        19 | 20 | 22 => OFFERED,    // MEMORY_PROTECTION, MESSAGE_PASSING, SHARED_MEMORY_OBJECTS
        23 => 64,                   // AIO_LISTIO_MAX
        24 => 1024,                 // AIO_MAX
        25 => 20,                   // AIO_PRIO_DELTA_MAX
        28 => 32768,                // MQ_PRIO_MAX
        68 => OFFERED,              // THREAD_SAFE_FUNCTIONS
        79..=82 => OFFERED, // THREAD_PRIORITY_SCHEDULING, _PRIO_INHERIT, _PRIO_PROTECT, _PROCESS_SHARED
        94 => 1,            // XOPEN_SHM
        133 => OFFERED,     // BARRIERS
        153 | 154 | 164 => OFFERED, // READER_WRITER_LOCKS, SPIN_LOCKS, TIMEOUTS
        247 | 248 => OFFERED, // THREAD_ROBUST_PRIO_INHERIT, THREAD_ROBUST_PRIO_PROTECT
        _ => return None,
    })
}
