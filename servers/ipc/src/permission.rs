//! Who owns an object and what others may do with it (POSIX `<sys/ipc.h>`).

use proto::Identity;

use crate::record::{Reader, Writer};

/// Reading, in the lowest digit of a mode.
pub const READ: u32 = 4;
/// Writing ("alter", for semaphores).
pub const WRITE: u32 = 2;

/// `struct ipc_perm` without its key and number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    pub user: u32,
    pub group: u32,
    pub creator_user: u32,
    pub creator_group: u32,
    /// The nine permission bits.
    pub mode: u32,
}

fn is_member(identity: &Identity, group: u32) -> bool {
    let credentials = &identity.credentials;
    let count = credentials.group_count as usize;
    credentials.group == group
        || credentials
            .groups
            .iter()
            .take(count)
            .any(|other| *other == group)
}

/// Whether the caller may do everything.
pub fn is_root(identity: &Identity) -> bool {
    identity.credentials.user == 0
}

impl Permission {
    /// Of an object that the caller makes.
    pub fn new(identity: &Identity, mode: u32) -> Permission {
        let (user, group) = (identity.credentials.user, identity.credentials.group);
        Permission {
            user,
            group,
            creator_user: user,
            creator_group: group,
            mode: mode & 0o777,
        }
    }

    /// Whether the caller has all of the wanted bits ([`READ`], [`WRITE`]).
    pub fn allows(&self, identity: &Identity, wanted: u32) -> bool {
        let user = identity.credentials.user;
        let shift = if user == self.user || user == self.creator_user {
            6
        } else if is_member(identity, self.group) || is_member(identity, self.creator_group) {
            3
        } else {
            0
        };
        is_root(identity) || wanted & !(self.mode >> shift) & 7 == 0
    }

    /// Whether the caller has what the nine bits of `flags` ask for, wherever they stand.
    pub fn allows_mode(&self, identity: &Identity, flags: u32) -> bool {
        self.allows(identity, (flags >> 6 | flags >> 3 | flags) & (READ | WRITE))
    }

    /// Whether the caller may remove or change it.
    pub fn controls(&self, identity: &Identity) -> bool {
        let user = identity.credentials.user;
        is_root(identity) || user == self.user || user == self.creator_user
    }

    pub(crate) fn encode(&self, out: &mut Writer) {
        for word in [
            self.user,
            self.group,
            self.creator_user,
            self.creator_group,
            self.mode,
        ] {
            out.u32(word);
        }
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Permission> {
        Some(Permission {
            user: from.u32()?,
            group: from.u32()?,
            creator_user: from.u32()?,
            creator_group: from.u32()?,
            mode: from.u32()?,
        })
    }
}
