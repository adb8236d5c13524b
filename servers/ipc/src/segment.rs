//! Shared memory segments (POSIX `<sys/shm.h>`).

use crate::object::Object;
use crate::permission::Permission;
use crate::record::{Reader, Writer};

/// A segment. Its memory is the kernel's.
pub struct Segment {
    pub permission: Permission,
    pub bytes: u64,
    /// Goes with its last user (`SHM_DEST`).
    pub is_removed: bool,
    pub attached_s: i64,
    pub detached_s: i64,
    pub changed_s: i64,
    pub creator: u64,
    pub last_process: u64,
}

impl Object for Segment {
    fn permission(&self) -> &Permission {
        &self.permission
    }

    fn permission_mut(&mut self) -> &mut Permission {
        &mut self.permission
    }

    fn encode(&self, out: &mut Writer) {
        self.permission.encode(out);
        out.u32(u32::from(self.is_removed));
        for time in [self.attached_s, self.detached_s, self.changed_s] {
            out.u64(time as u64);
        }
        for word in [self.bytes, self.creator, self.last_process] {
            out.u64(word);
        }
    }

    fn decode(from: &mut Reader<'_>) -> Option<Segment> {
        Some(Segment {
            permission: Permission::decode(from)?,
            is_removed: from.u32()? != 0,
            attached_s: from.u64()? as i64,
            detached_s: from.u64()? as i64,
            changed_s: from.u64()? as i64,
            bytes: from.u64()?,
            creator: from.u64()?,
            last_process: from.u64()?,
        })
    }
}
