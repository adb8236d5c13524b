//! `/etc/passwd` and `/etc/group`, line by line.

/// A line of `/etc/passwd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User<'a> {
    /// Login name.
    pub name: &'a [u8],
    /// Password or placeholder.
    pub password: &'a [u8],
    /// Id.
    pub id: u32,
    /// Group id.
    pub group: u32,
    /// Comment (GECOS).
    pub comment: &'a [u8],
    /// Home directory.
    pub home: &'a [u8],
    /// Shell.
    pub shell: &'a [u8],
}

/// A line of `/etc/group`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// Name.
    pub name: &'a [u8],
    /// Password or placeholder.
    pub password: &'a [u8],
    /// Id.
    pub id: u32,
    /// Members' names, separated by commas.
    pub members: &'a [u8],
}

/// Parses a line; `None` for what is no entry.
pub fn user(line: &[u8]) -> Option<User<'_>> {
    let mut fields = line.split(|byte| *byte == b':');
    let user = User {
        name: fields.next().filter(|name| !name.is_empty())?,
        password: fields.next()?,
        id: number(fields.next()?)?,
        group: number(fields.next()?)?,
        comment: fields.next()?,
        home: fields.next()?,
        shell: fields.next()?,
    };
    fields.next().is_none().then_some(user)
}

/// Parses a line; `None` for what is no entry.
pub fn group(line: &[u8]) -> Option<Group<'_>> {
    let mut fields = line.split(|byte| *byte == b':');
    let group = Group {
        name: fields.next().filter(|name| !name.is_empty())?,
        password: fields.next()?,
        id: number(fields.next()?)?,
        members: fields.next()?,
    };
    fields.next().is_none().then_some(group)
}

/// The names in a group's member list.
pub fn members<'a>(group: &Group<'a>) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
    let names = group.members.split(|byte| *byte == b',');
    names.filter(|name| !name.is_empty())
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| (digit - b'0') as u32)?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_passwd_line_has_seven_fields() {
        let user = user(b"root:x:0:0:Super User:/root:/bin/sh").unwrap();
        assert_eq!(
            (user.name, user.id, user.shell),
            (&b"root"[..], 0, &b"/bin/sh"[..])
        );
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for line in [
            &b""[..],
            b"root:x:0:0:c:/root",
            b"root:x:0:0:c:/root:/bin/sh:more",
            b":x:0:0:c:/root:/bin/sh",
            b"a:x:-1:0:c:/:/",
            b"a:x:4294967296:0:c:/:/",
        ] {
            assert_eq!(user(line), None);
        }
        assert_eq!(group(b"wheel:x:ten:"), None);
    }

    #[test]
    fn members_are_separated_by_commas() {
        let group = group(b"wheel:x:10:ann,,bob").unwrap();
        assert_eq!(members(&group).collect::<Vec<_>>(), [&b"ann"[..], b"bob"]);
    }
}
