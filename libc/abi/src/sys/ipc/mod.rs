//! Communication between processes: System V objects and POSIX message queues.

mod messages;
mod posix_queue;
mod segments;
mod semaphores;

use crate::sys::support::{Error, Result};
use core::ffi::c_int;
use proto::types::ObjectStatus;

pub use messages::*;
pub use posix_queue::*;
pub use segments::*;
pub use semaphores::*;

/// Commands that all kinds have.
mod command {
    pub const REMOVE: i32 = 0;
    pub const SET: i32 = 1;
    pub const STAT: i32 = 2;
    pub const INFO: i32 = 3;
}

/// `struct ipc_perm`, 48 bytes.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Permission {
    key: c_int,
    user: u32,
    group: u32,
    creator_user: u32,
    creator_group: u32,
    mode: u32,
    sequence: c_int,
    reserved: [i64; 2],
}

const _: () = assert!(size_of::<Permission>() == 48);

impl Permission {
    fn of(status: &ObjectStatus) -> Permission {
        Permission {
            key: status.key as c_int,
            user: status.user,
            group: status.group,
            creator_user: status.creator_user,
            creator_group: status.creator_group,
            mode: status.mode,
            sequence: (status.id >> 15) as c_int,
            reserved: [0; 2],
        }
    }

    fn owner(&self) -> (u32, u32) {
        (self.user, self.group)
    }
}

/// Ids are not negative.
fn id_of(id: c_int) -> Result<u32> {
    u32::try_from(id).map_err(|_| Error::BadArgument)
}
