//! Voids: the data objects of `/dev/null` and `/dev/zero`. They have no state, so that they need
//! no table: a handle says all.

use crate::bytes::Access;
use crate::kernel::{Kernel, ProcessId};
use crate::machine::Machine;
use crate::object::Object;
use crate::stream::total;
use crate::thread::{Step, Stop};
use crate::user_memory::STEP_BYTES;
use kernel_abi::{Error, Rights, Signals};

/// What a void reads as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Void {
    /// The end of a file.
    End,
    /// Zeros without end.
    Zeros,
}

/// It never keeps anybody waiting.
pub(crate) const VOID_SIGNALS: Signals = Signals(Signals::READABLE.0 | Signals::WRITABLE.0);

impl<M: Machine> Kernel<M> {
    /// VoidCreate.
    pub(crate) fn void_create(&mut self, process: ProcessId, zeros: u64) -> Step {
        let void = match zeros {
            0 => Void::End,
            _ => Void::Zeros,
        };
        Ok(self.place_new(process, Object::Void(void), Rights::ALL)?)
    }

    /// Read of a void; long ones in steps.
    pub(crate) fn void_read(&mut self, void: Void, access: &Access<'_>) -> Step {
        if void == Void::End {
            return Ok(0);
        }
        let length = total(access.segments)?;
        let done = self.progress(access.thread).min(length);
        let step = (length - done).min(STEP_BYTES as u64);
        self.fill_segments(access, done, step)?;
        if let Some(found) = self.threads.get_mut(access.thread) {
            found.progress = done + step;
        }
        if done + step < length {
            Err(Stop::Again)
        } else {
            Ok(length)
        }
    }

    /// Writes zeros to `count` bytes of the segments, after the first `skip`.
    fn fill_segments(&mut self, access: &Access<'_>, skip: u64, count: u64) -> Result<(), Stop> {
        const ZEROS: [u8; 4096] = [0; 4096];
        let (mut skip, mut left) = (skip, count);
        for &(address, length) in access.segments {
            let skipped = skip.min(length);
            skip -= skipped;
            let end = length.min(skipped.saturating_add(left));
            let mut at = skipped;
            while at < end {
                let piece = (end - at).min(ZEROS.len() as u64);
                let place = address.checked_add(at).ok_or(Error::BadAddress)?;
                let zeros = ZEROS.get(..piece as usize).unwrap_or(&ZEROS);
                self.write_user(access.thread, place, zeros)?;
                at += piece;
            }
            left -= end - skipped;
        }
        Ok(())
    }
}
