//! Attributes and permission of what a path names.

use proto::types::{Plain, file_type};
use proto::{Attributes, Call, Error, Output};

use crate::backend::Backend;
use crate::kernel::Kernel;
use crate::permission::{Caller, WRITE};
use crate::server::Server;
use crate::walk::{Place, View};

/// `AT_SYMLINK_NOFOLLOW`.
pub(crate) const NO_FOLLOW: u32 = 0x100;
/// `AT_EACCESS`.
const EFFECTIVE: u32 = 0x200;
/// `AT_EMPTY_PATH`.
const EMPTY_PATH: u32 = 0x1000;

impl<K: Kernel> Server<K> {
    /// What a path names, with the `AT_` flags that say how to look.
    pub(crate) fn look_up(
        &self,
        view: View,
        path: &[u8],
        at: u32,
        caller: &Caller,
    ) -> Result<(Place, Attributes), Error> {
        if path.is_empty() && at & EMPTY_PATH != 0 {
            let backend = &self.mounted(view.start.mount)?.backend;
            return Ok((view.start, backend.status(view.start.node)?));
        }
        self.resolve(view, path, at & NO_FOLLOW == 0, caller)?
            .existing()
    }

    /// Sets attributes of a file.
    pub(crate) fn set_attributes_of(
        &mut self,
        place: Place,
        mask: u64,
        attributes: &[u8],
        caller: &Caller,
    ) -> Result<(), Error> {
        let now_ns = self.kernel.realtime_ns();
        let backend = &self.mounted(place.mount)?.backend;
        backend.set_attributes(place.node, mask, attributes, caller, now_ns)?;
        if matches!(backend, Backend::Tree(_)) {
            // Trees are part of what this server keeps.
            self.opened.set_changed();
        }
        Ok(())
    }

    /// `access`.
    pub(crate) fn check_access(
        &self,
        view: View,
        path: &[u8],
        mode: u32,
        at: u32,
        caller: &Caller,
    ) -> Result<(), Error> {
        if mode > 7 || at & !(EFFECTIVE | NO_FOLLOW | EMPTY_PATH) != 0 {
            return Err(Error::BadArgument);
        }
        let caller = if at & EFFECTIVE != 0 {
            *caller
        } else {
            caller.real()
        };
        let (place, attributes) = self.look_up(view, path, at, &caller)?;
        caller.check(&attributes, mode)?;
        let is_special = matches!(
            attributes.mode & file_type::MASK,
            file_type::CHARACTER | file_type::BLOCK | file_type::FIFO | file_type::SOCKET
        );
        let read_only = matches!(self.mounted(place.mount)?.backend, Backend::Tree(_));
        if mode & WRITE != 0 && read_only && !is_special {
            return Err(Error::ReadOnly);
        }
        Ok(())
    }
}

/// Writes attributes into an output.
pub(crate) fn write_attributes<C: Call + ?Sized>(
    call: &C,
    output: Output,
    attributes: &Attributes,
) -> Result<(), Error> {
    let mut bytes = [0; Attributes::SIZE];
    attributes.encode(&mut bytes).ok_or(Error::BadArgument)?;
    call.write(output, 0, &bytes)?;
    Ok(())
}
