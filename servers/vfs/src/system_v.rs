//! `/proc/sysvipc`: the System V objects, which the server of `/dev/ipc` keeps.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use proto::types::{ObjectStatus, Plain, object_kind, open_flags};
use proto::{Error, ipc};

use crate::descriptors::Once;
use crate::devices;
use crate::kernel::Kernel;
use crate::server::{OWN_IDENTITY, Server};

/// `/dev/ipc`.
const DEVICE: u64 = devices::number(10, 240);
/// `ipc::status` by the place in the table, of objects of anybody.
const BY_PLACE: u32 = 2;

impl<K: Kernel> Server<K> {
    /// The text about the objects of a kind (`proto::types::object_kind`).
    pub(crate) fn system_v_text(&self, kind: u32) -> Result<Vec<u8>, Error> {
        let handle = self
            .devices
            .open(DEVICE, open_flags::READ_WRITE, &OWN_IDENTITY)?;
        let text = system_v_table(&Once(&self.kernel, handle), kind);
        self.kernel.close(handle);
        Ok(text?.into_bytes())
    }
}

fn system_v_table<T: proto::Transport>(session: &T, kind: u32) -> Result<String, Error> {
    let figures = ipc::figures(session, kind, &[])?;
    let (highest, count) = (figures.words[0], figures.words[1]);
    let mut text = String::from(head(kind));
    if count == 0 {
        return Ok(text);
    }
    for place in 0..=highest {
        let mut bytes = [0; ObjectStatus::SIZE];
        // A place may be empty.
        if ipc::status(session, kind, place, BY_PLACE, &mut bytes, &[]).is_ok()
            && let Some(status) = ObjectStatus::decode(&bytes)
        {
            text.push_str(&line(kind, &status));
        }
    }
    Ok(text)
}

fn head(kind: u32) -> &'static str {
    match kind {
        object_kind::SEGMENT => {
            "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      \
             atime      dtime      ctime                   rss                  swap\n"
        }
        object_kind::SEMAPHORES => {
            "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"
        }
        _ => {
            "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      \
             stime      rtime      ctime\n"
        }
    }
}

fn line(kind: u32, status: &ObjectStatus) -> String {
    /// Keys are shown signed.
    fn key(status: &ObjectStatus) -> i32 {
        status.key.cast_signed()
    }
    let ids = format!(
        "{:5} {:5} {:5} {:5}",
        status.user, status.group, status.creator_user, status.creator_group
    );
    let named = format!("{:10} {:10}  {:4o}", key(status), status.id, status.mode);
    let (first, second, changed) = (status.first_s, status.second_s, status.changed_s);
    let (creator, last) = (status.first_process, status.second_process);
    let (bytes, count, limit) = (status.bytes, status.count, status.limit);
    match kind {
        // Pages that are there are not told.
        object_kind::SEGMENT => format!(
            "{named} {bytes:21} {creator:5} {last:5}  {limit:5} {ids} {first:10} {second:10} {changed:10} \
             {:21} {:21}\n",
            0, 0
        ),
        object_kind::SEMAPHORES => format!("{named} {count:10} {ids} {first:10} {changed:10}\n"),
        _ => format!(
            "{named}  {bytes:10} {count:10} {creator:5} {last:5} {ids} {first:10} {second:10} {changed:10}\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_as_many_columns_as_its_head() {
        let status = ObjectStatus {
            key: u32::MAX,
            mode: 0o600,
            ..Default::default()
        };
        for kind in [
            object_kind::SEGMENT,
            object_kind::SEMAPHORES,
            object_kind::MESSAGES,
        ] {
            let columns = |text: &str| text.split_ascii_whitespace().count();
            let text = line(kind, &status);
            assert_eq!(columns(&text), columns(head(kind)), "{text}");
            assert!(text.starts_with("        -1 "), "{text}");
        }
    }
}
