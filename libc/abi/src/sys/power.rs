//! `<sys/reboot.h>`.

use super::support::{Error, fail, status};
use core::ffi::c_int;
use libc_posix::power::{ShutDown, shut_down};

/// Values of `<sys/reboot.h>`.
mod command {
    pub const RESTART: u32 = 0x0123_4567;
    pub const POWER_OFF: u32 = 0x4321_fedc;
    pub const HALT: u32 = 0xcdef_0123;
    pub const DISABLE_KEYS: u32 = 0;
    pub const ENABLE_KEYS: u32 = 0x89ab_cdef;
}

/// Linux: stops the machine. There is no key combination to switch off or on.
#[unsafe(no_mangle)]
pub extern "C" fn reboot(what: c_int) -> c_int {
    match what as u32 {
        command::RESTART => status(shut_down(ShutDown::Restart)),
        command::POWER_OFF | command::HALT => status(shut_down(ShutDown::PowerOff)),
        command::DISABLE_KEYS | command::ENABLE_KEYS => 0,
        _ => fail(Error::BadArgument as c_int),
    }
}
