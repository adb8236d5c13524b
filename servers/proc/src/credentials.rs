//! User and group ids (POSIX `setuid` and its relatives; `setresuid` as other systems have it).

use proto::types::MAX_GROUPS;
use proto::{Error, Identity};

/// Leaves an id as it is.
const KEEP: u32 = u32::MAX;

/// Kinds of `process::set_ids`.
mod kind {
    pub const USER: u32 = 0;
    pub const GROUP: u32 = 1;
    pub const REAL_EFFECTIVE_USER: u32 = 2;
    pub const REAL_EFFECTIVE_GROUP: u32 = 3;
    pub const ALL_USER: u32 = 4;
    pub const ALL_GROUP: u32 = 5;
    pub const EFFECTIVE_USER: u32 = 6;
    pub const EFFECTIVE_GROUP: u32 = 7;
}

/// Real, effective and saved id.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ids {
    real: u32,
    effective: u32,
    saved: u32,
}

impl Ids {
    fn may_become(&self, id: u32) -> bool {
        id == KEEP || [self.real, self.effective, self.saved].contains(&id)
    }

    fn set(&mut self, real: u32, effective: u32, saved: u32) {
        for (slot, id) in [
            (&mut self.real, real),
            (&mut self.effective, effective),
            (&mut self.saved, saved),
        ] {
            if id != KEEP {
                *slot = id;
            }
        }
    }

    fn set_one(&mut self, id: u32, privileged: bool) -> Result<(), Error> {
        if id == KEEP {
            return Err(Error::BadArgument);
        }
        if privileged {
            self.set(id, id, id);
            return Ok(());
        }
        if id != self.real && id != self.saved {
            return Err(Error::NotPermitted);
        }
        self.effective = id;
        Ok(())
    }

    fn set_real_effective(&mut self, real: u32, effective: u32, root: bool) -> Result<(), Error> {
        let before = *self;
        if !root && (!self.may_become(real) || !self.may_become(effective)) {
            return Err(Error::NotPermitted);
        }
        self.set(real, effective, KEEP);
        // POSIX leaves it open; every system saves the new effective id in these cases.
        if real != KEEP || (effective != KEEP && effective != before.real) {
            self.saved = self.effective;
        }
        Ok(())
    }

    fn set_all(&mut self, ids: [u32; 3], privileged: bool) -> Result<(), Error> {
        if !privileged && !ids.iter().all(|id| self.may_become(*id)) {
            return Err(Error::NotPermitted);
        }
        self.set(ids[0], ids[1], ids[2]);
        Ok(())
    }
}

/// Carries out `process::set_ids` on an identity.
pub fn set_ids(identity: &mut Identity, which: u32, a: u32, b: u32, c: u32) -> Result<(), Error> {
    let privileged = identity.credentials.user == 0;
    let is_user = which.is_multiple_of(2);
    let mut ids = if is_user {
        Ids {
            real: identity.real_user,
            effective: identity.credentials.user,
            saved: identity.saved_user,
        }
    } else {
        Ids {
            real: identity.real_group,
            effective: identity.credentials.group,
            saved: identity.saved_group,
        }
    };
    match which {
        kind::USER | kind::GROUP => ids.set_one(a, privileged)?,
        kind::REAL_EFFECTIVE_USER | kind::REAL_EFFECTIVE_GROUP => {
            ids.set_real_effective(a, b, privileged)?
        }
        kind::ALL_USER | kind::ALL_GROUP => ids.set_all([a, b, c], privileged)?,
        kind::EFFECTIVE_USER | kind::EFFECTIVE_GROUP => ids.set_all([KEEP, a, KEEP], privileged)?,
        _ => return Err(Error::BadArgument),
    }
    if is_user {
        identity.real_user = ids.real;
        identity.credentials.user = ids.effective;
        identity.saved_user = ids.saved;
    } else {
        identity.real_group = ids.real;
        identity.credentials.group = ids.effective;
        identity.saved_group = ids.saved;
    }
    Ok(())
}

/// Sets the supplementary groups (`setgroups`; only root).
pub fn set_groups(identity: &mut Identity, groups: &[u32]) -> Result<(), Error> {
    if identity.credentials.user != 0 {
        return Err(Error::NotPermitted);
    }
    if groups.len() > MAX_GROUPS {
        return Err(Error::BadArgument);
    }
    identity.credentials.groups = [0; MAX_GROUPS];
    identity.credentials.groups[..groups.len()].copy_from_slice(groups);
    identity.credentials.group_count = groups.len() as u32;
    Ok(())
}

/// Whether the holder of `identity` is in a group.
pub fn in_group(identity: &Identity, group: u32) -> bool {
    let count = (identity.credentials.group_count as usize).min(MAX_GROUPS);
    identity.credentials.group == group || identity.credentials.groups[..count].contains(&group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Process;
    use kernel_abi::Handle;

    fn user(id: u32) -> Identity {
        let mut identity = Process::first(Handle(0), 0).identity;
        set_ids(&mut identity, kind::USER, id, 0, 0).unwrap();
        identity
    }

    #[test]
    fn root_that_sets_its_user_gives_up_all_three_ids() {
        let identity = user(1000);
        assert_eq!(
            (
                identity.real_user,
                identity.credentials.user,
                identity.saved_user
            ),
            (1000, 1000, 1000)
        );
    }

    #[test]
    fn an_ordinary_user_cannot_become_another_one() {
        let mut identity = user(1000);
        for which in [kind::USER, kind::EFFECTIVE_USER, kind::ALL_USER] {
            assert_eq!(
                set_ids(&mut identity, which, 0, KEEP, KEEP),
                Err(Error::NotPermitted)
            );
        }
        assert_eq!(set_groups(&mut identity, &[0]), Err(Error::NotPermitted));
    }

    #[test]
    fn a_set_id_program_can_switch_to_its_real_id_and_back() {
        let mut identity = user(1000);
        identity.credentials.user = 5;
        identity.saved_user = 5;
        set_ids(&mut identity, kind::EFFECTIVE_USER, 1000, 0, 0).unwrap();
        assert_eq!(identity.credentials.user, 1000);
        set_ids(&mut identity, kind::EFFECTIVE_USER, 5, 0, 0).unwrap();
        assert_eq!(identity.credentials.user, 5);
    }
}
