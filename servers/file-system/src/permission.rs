//! Who may do what (POSIX "file access permissions").

use proto::types::{attribute_mask, file_type};
use proto::{Attributes, Credentials, Error};

/// Permission to read, as in `mode` and in `access`.
pub(crate) const READ: u32 = 4;
/// Permission to write.
pub(crate) const WRITE: u32 = 2;
/// Permission to execute or search.
pub(crate) const EXECUTE: u32 = 1;

const SET_USER: u32 = 0o4000;
const SET_GROUP: u32 = 0o2000;
const STICKY: u32 = 0o1000;

/// Whether `group` is among the caller's.
pub(crate) fn in_group(credentials: &Credentials, group: u32) -> bool {
    let count = (credentials.group_count as usize).min(credentials.groups.len());
    credentials.group == group || credentials.groups[..count].contains(&group)
}

/// Checks that all of `wanted` (`READ`, `WRITE`, `EXECUTE`) is allowed.
pub(crate) fn check(
    attributes: &Attributes,
    credentials: &Credentials,
    wanted: u32,
) -> Result<(), Error> {
    let mode = attributes.mode;
    if credentials.user == 0 {
        // The superuser may do everything, but execute only what somebody may execute.
        let executable = mode & 0o111 != 0 || mode & file_type::MASK == file_type::DIRECTORY;
        return if wanted & EXECUTE == 0 || executable {
            Ok(())
        } else {
            Err(Error::AccessDenied)
        };
    }
    let bits = if credentials.user == attributes.user {
        mode >> 6
    } else if in_group(credentials, attributes.group) {
        mode >> 3
    } else {
        mode
    };
    if bits & wanted == wanted {
        Ok(())
    } else {
        Err(Error::AccessDenied)
    }
}

/// Checks that an entry for `victim` may be removed from `directory`.
pub(crate) fn check_remove(
    directory: &Attributes,
    victim: &Attributes,
    credentials: &Credentials,
) -> Result<(), Error> {
    check(directory, credentials, WRITE | EXECUTE)?;
    let owner = [0, directory.user, victim.user].contains(&credentials.user);
    if directory.mode & STICKY != 0 && !owner {
        Err(Error::NotPermitted)
    } else {
        Ok(())
    }
}

/// Checks a change of attributes and returns it as it may happen: the mask and the values,
/// with set-id bits dropped where POSIX wants that.
pub(crate) fn check_change(
    now: &Attributes,
    credentials: &Credentials,
    mask: u64,
    values: &Attributes,
) -> Result<(u64, Attributes), Error> {
    let (mut mask, mut values) = (mask, *values);
    let superuser = credentials.user == 0;
    let owner = superuser || credentials.user == now.user;
    if mask & attribute_mask::MODE != 0 {
        if !owner {
            return Err(Error::NotPermitted);
        }
        values.mode &= 0o7777;
        let directory = now.mode & file_type::MASK == file_type::DIRECTORY;
        if !superuser && !directory && !in_group(credentials, now.group) {
            values.mode &= !SET_GROUP;
        }
    }
    check_owner_change(now, credentials, mask, &values)?;
    let chown = attribute_mask::USER | attribute_mask::GROUP;
    if mask & chown != 0 && mask & attribute_mask::MODE == 0 && !superuser {
        values.mode = now.mode & 0o7777 & !(SET_USER | SET_GROUP);
        mask |= attribute_mask::MODE;
    }
    let explicit = attribute_mask::ACCESS | attribute_mask::MODIFY;
    if mask & explicit != 0 && !owner {
        return Err(Error::NotPermitted);
    }
    let to_now = attribute_mask::ACCESS_NOW | attribute_mask::MODIFY_NOW;
    if mask & to_now != 0 && !owner {
        check(now, credentials, WRITE)?;
    }
    Ok((mask, values))
}

fn check_owner_change(
    now: &Attributes,
    credentials: &Credentials,
    mask: u64,
    values: &Attributes,
) -> Result<(), Error> {
    if credentials.user == 0 {
        return Ok(());
    }
    let owner = credentials.user == now.user;
    if mask & attribute_mask::USER != 0 && !(owner && values.user == now.user) {
        return Err(Error::NotPermitted);
    }
    if mask & attribute_mask::GROUP != 0 && !(owner && in_group(credentials, values.group)) {
        return Err(Error::NotPermitted);
    }
    Ok(())
}

/// Owner, group and mode of a node created in `directory`.
pub(crate) fn inherited(
    directory: &Attributes,
    credentials: &Credentials,
    mode: u32,
) -> (u32, u32, u32) {
    if directory.mode & SET_GROUP == 0 {
        return (credentials.user, credentials.group, mode);
    }
    let is_directory = mode & file_type::MASK == file_type::DIRECTORY;
    let mode = if is_directory { mode | SET_GROUP } else { mode };
    (credentials.user, directory.group, mode)
}
