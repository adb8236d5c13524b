//! How a program wants to be told of something (POSIX `struct sigevent`).

use super::pthread::{
    Attributes, pthread_attr_destroy, pthread_attr_init, pthread_attr_setdetachstate,
    pthread_create,
};
use super::support::{Error, Result};
use core::ffi::{c_int, c_void};
use kernel_abi::process::mask_how;
use libc_posix::process;
use libc_rt::{identity, kernel};

/// Values of [`SignalEvent::way`].
pub(super) mod way {
    pub const SIGNAL: i32 = 0;
    pub const NOTHING: i32 = 1;
    pub const THREAD: i32 = 2;
}

/// `struct sigevent`, 64 bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SignalEvent {
    value: usize,
    signal: c_int,
    notify: c_int,
    function: Option<unsafe extern "C" fn(usize)>,
    attributes: *const Attributes,
    reserved: [u64; 4],
}

const _: () = assert!(size_of::<SignalEvent>() == 64);

impl SignalEvent {
    /// Not at all.
    pub(super) const fn nothing() -> SignalEvent {
        SignalEvent {
            value: 0,
            signal: 0,
            notify: way::NOTHING,
            function: None,
            attributes: core::ptr::null(),
            reserved: [0; 4],
        }
    }

    /// By a signal, a thread, or not at all.
    pub(super) fn way(&self) -> c_int {
        self.notify
    }

    /// The value that goes along.
    pub(super) fn value(&self) -> usize {
        self.value
    }

    /// The signal.
    pub(super) fn signal(&self) -> Result<u32> {
        match self.signal {
            signal @ 1..=64 => Ok(signal as u32),
            _ => Err(Error::BadArgument),
        }
    }

    /// Whether its signal is none at all.
    pub(super) fn is_silent(&self) -> bool {
        self.signal == 0
    }

    /// Calls the program's function.
    pub(super) fn call(&self) {
        if let Some(function) = self.function {
            // SAFETY: the program's.
            unsafe { function(self.value) };
        }
    }

    /// Tells the program, in the calling thread if it is to be a thread. `code` is the signal's
    /// `si_code`.
    pub(super) fn tell(&self, code: i64) {
        match self.notify {
            way::SIGNAL if !self.is_silent() => {
                let own = identity::process() as i64;
                // A signal that cannot be queued is lost; nobody can be told.
                let _ = process::kill(own, self.signal as u32, code, self.value as u64);
            }
            way::THREAD => self.call(),
            _ => {}
        }
    }
}

type Routine = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

/// Starts a thread of the library's with the attributes that the program wants, detached, which
/// takes none of the program's signals.
///
/// # Safety
/// As for `pthread_create`.
pub(super) unsafe fn start(
    event: &SignalEvent,
    routine: Routine,
    argument: *mut c_void,
) -> Result<()> {
    let mut attributes = core::mem::MaybeUninit::<Attributes>::uninit();
    let mut thread = core::ptr::null_mut();
    // SAFETY: the attributes are initialised here; the caller's for the rest.
    let result = unsafe {
        match event.attributes.as_ref() {
            Some(wanted) if event.notify == way::THREAD => {
                attributes.write(*wanted);
            }
            _ => {
                pthread_attr_init(attributes.as_mut_ptr());
            }
        }
        pthread_attr_setdetachstate(attributes.as_mut_ptr(), 1);
        let before = kernel::upcall_mask(mask_how::SET, u64::MAX)?;
        let result = pthread_create(&mut thread, attributes.as_ptr(), routine, argument);
        kernel::upcall_mask(mask_how::SET, before)?;
        pthread_attr_destroy(attributes.as_mut_ptr());
        result
    };
    match result {
        0 => Ok(()),
        _ => Err(Error::WouldBlock),
    }
}
