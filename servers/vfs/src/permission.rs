//! Permission by mode bits, and who asks.

use proto::types::{MAX_GROUPS, Plain};
use proto::{Attributes, Call, Credentials, Error, Identity};

/// May read.
pub const READ: u32 = 4;
/// May write.
pub const WRITE: u32 = 2;
/// May execute or search.
pub const EXECUTE: u32 = 1;

/// Who makes a call.
#[derive(Clone, Copy)]
pub struct Caller {
    /// As the process server says. All zero for servers: they act as root.
    pub identity: Identity,
    /// Token of the call.
    pub token: u64,
}

impl Caller {
    /// Reads it from a call.
    pub fn of<C: Call + ?Sized>(call: &C) -> Result<Caller, Error> {
        Ok(Caller {
            identity: call.identity()?,
            token: call.token(),
        })
    }

    /// The effective credentials.
    pub fn credentials(&self) -> &Credentials {
        &self.identity.credentials
    }

    /// The credentials as they travel to file systems.
    pub fn bytes(&self) -> [u8; Credentials::SIZE] {
        encode(self.credentials())
    }

    /// Whether it is the superuser.
    pub fn is_root(&self) -> bool {
        self.credentials().user == 0
    }

    /// Fails unless it is the superuser or the owner of something.
    pub fn require_owner(&self, attributes: &Attributes) -> Result<(), Error> {
        if self.is_root() || self.credentials().user == attributes.user {
            Ok(())
        } else {
            Err(Error::AccessDenied)
        }
    }

    /// Fails unless it is the superuser.
    pub fn require_root(&self) -> Result<(), Error> {
        if self.is_root() {
            Ok(())
        } else {
            Err(Error::NotPermitted)
        }
    }

    /// The same caller by its real ids (POSIX `access`).
    pub fn real(&self) -> Caller {
        let mut real = *self;
        real.identity.credentials.user = self.identity.real_user;
        real.identity.credentials.group = self.identity.real_group;
        real
    }

    /// Checks wanted bits against a file's mode (POSIX "file access permissions").
    pub fn check(&self, attributes: &Attributes, wanted: u32) -> Result<(), Error> {
        let credentials = self.credentials();
        let mode = attributes.mode;
        if self.is_root() {
            let is_directory = mode & 0o170000 == 0o040000;
            let refused = wanted & EXECUTE != 0 && mode & 0o111 == 0 && !is_directory;
            return if refused {
                Err(Error::AccessDenied)
            } else {
                Ok(())
            };
        }
        let in_group = self.is_in_group(attributes.group);
        let granted = if credentials.user == attributes.user {
            mode >> 6
        } else if in_group {
            mode >> 3
        } else {
            mode
        };
        if granted & wanted == wanted {
            Ok(())
        } else {
            Err(Error::AccessDenied)
        }
    }
}

impl Caller {
    /// A file's attributes after a change of owner, permissions and times by this caller (POSIX `chown`,
    /// `chmod`, `utimensat`).
    pub fn change(
        &self,
        before: &Attributes,
        mask: u64,
        wanted: &Attributes,
        now_ns: i64,
    ) -> Result<Attributes, Error> {
        use proto::types::attribute_mask as m;
        const PERMISSIONS: u32 = 0o7777;
        let mut after = *before;
        let owns = self.is_root() || self.credentials().user == before.user;
        let has = |bit: u64| mask & bit != 0;
        if has(m::SIZE) {
            return Err(Error::BadArgument);
        }
        let gives_away = has(m::USER) && wanted.user != before.user;
        if !self.is_root() && (gives_away || (has(m::GROUP) && !self.is_in_group(wanted.group))) {
            return Err(Error::NotPermitted);
        }
        let only_now = !has(m::ACCESS | m::MODIFY | m::MODE | m::USER | m::GROUP);
        if !owns && only_now {
            self.check(before, WRITE)?;
        } else if !owns {
            return Err(Error::NotPermitted);
        }
        if has(m::MODE) {
            after.mode = before.mode & !PERMISSIONS | wanted.mode & PERMISSIONS;
        }
        if has(m::USER) {
            after.user = wanted.user;
        }
        if has(m::GROUP) {
            after.group = wanted.group;
        }
        if has(m::ACCESS | m::ACCESS_NOW) {
            after.access_ns = if has(m::ACCESS_NOW) {
                now_ns
            } else {
                wanted.access_ns
            };
        }
        if has(m::MODIFY | m::MODIFY_NOW) {
            after.modify_ns = if has(m::MODIFY_NOW) {
                now_ns
            } else {
                wanted.modify_ns
            };
        }
        after.change_ns = now_ns;
        Ok(after)
    }

    fn is_in_group(&self, group: u32) -> bool {
        let credentials = self.credentials();
        let count = (credentials.group_count as usize).min(MAX_GROUPS);
        credentials.group == group || credentials.groups[..count].contains(&group)
    }
}

/// Credentials as bytes.
pub fn encode(credentials: &Credentials) -> [u8; Credentials::SIZE] {
    let mut bytes = [0; Credentials::SIZE];
    // The array has the structure's size, so this writes all of it.
    let _ = credentials.encode(&mut bytes);
    bytes
}

/// Bits that an open with these flags needs.
pub fn wanted_by(flags: u32) -> u32 {
    use proto::types::open_flags as o;
    if flags & o::PATH != 0 {
        let execute = flags & o::ACCESS_MODE == o::ACCESS_MODE;
        return if execute { EXECUTE } else { 0 };
    }
    let access = match flags & o::ACCESS_MODE {
        0 => READ,
        o::WRITE_ONLY => WRITE,
        _ => READ | WRITE,
    };
    access | if flags & o::TRUNCATE != 0 { WRITE } else { 0 }
}
