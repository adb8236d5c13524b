//! Structures that travel in buffers: `repr(C)`, no padding, little endian.

/// Most supplementary groups of a process (`NGROUPS_MAX`).
pub const MAX_GROUPS: usize = 32;

/// What a process may do to files, as servers that check permissions need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Credentials {
    /// Effective user.
    pub user: u32,
    /// Effective group.
    pub group: u32,
    /// How many of `groups` count.
    pub group_count: u32,
    /// File-mode creation mask.
    pub umask: u32,
    /// Supplementary groups.
    pub groups: [u32; MAX_GROUPS],
}

/// The identity page (see `kernel_abi::IDENTITY_PAGE`): written only by the process server,
/// read by the process itself and by every server it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Identity {
    /// Process id; also the label of the process's calls.
    pub process: u64,
    /// Parent's id.
    pub parent: u64,
    /// Process group.
    pub group: u64,
    /// Session.
    pub session: u64,
    /// Real user.
    pub real_user: u32,
    /// Saved user.
    pub saved_user: u32,
    /// Real group.
    pub real_group: u32,
    /// Saved group.
    pub saved_group: u32,
    /// Effective ids, groups, umask.
    pub credentials: Credentials,
    /// Device number of the controlling terminal, 0 = none.
    pub terminal: u64,
    /// Bit 0: the program was executed set-id (`AT_SECURE`).
    pub flags: u64,
}

/// A file's attributes: what `stat` tells (POSIX `<sys/stat.h>`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Attributes {
    /// Device the file is on.
    pub device: u64,
    /// Serial number.
    pub node: u64,
    /// Type and permissions (`S_IFMT` and mode bits).
    pub mode: u32,
    /// Links.
    pub links: u32,
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// Device number of a special file.
    pub special_device: u64,
    /// Length in bytes.
    pub size: u64,
    /// Preferred block size.
    pub block_size: u64,
    /// Blocks of 512 bytes.
    pub blocks: u64,
    /// Last access, ns since 1970.
    pub access_ns: i64,
    /// Last change of the data.
    pub modify_ns: i64,
    /// Last change of the attributes.
    pub change_ns: i64,
}

/// Bits that say which fields of [`Attributes`] to set.
pub mod attribute_mask {
    /// Permissions.
    pub const MODE: u64 = 1;
    /// Owner.
    pub const USER: u64 = 2;
    /// Group.
    pub const GROUP: u64 = 4;
    /// Length.
    pub const SIZE: u64 = 8;
    /// Access time.
    pub const ACCESS: u64 = 16;
    /// Modification time.
    pub const MODIFY: u64 = 32;
    /// Access time = now (needs only write permission).
    pub const ACCESS_NOW: u64 = 64;
    /// Modification time = now.
    pub const MODIFY_NOW: u64 = 128;
}

/// A file system's figures (POSIX `<sys/statvfs.h>`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs, reason = "named as statvfs names them")]
pub struct FileSystemStatus {
    pub kind: u64,
    pub block_size: u64,
    pub blocks: u64,
    pub blocks_free: u64,
    pub blocks_available: u64,
    pub files: u64,
    pub files_free: u64,
    pub identifier: u64,
    pub name_length: u64,
    pub flags: u64,
}

/// What `wait` tells of a child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct WaitStatus {
    /// The child.
    pub process: u64,
    /// Its real user.
    pub user: u32,
    /// `CLD_EXITED` (1), `CLD_KILLED` (2), `CLD_DUMPED` (3), `CLD_STOPPED` (5), `CLD_CONTINUED` (6).
    pub code: u32,
    /// Exit status or signal.
    pub status: u32,
    /// Zero.
    pub reserved: u32,
    /// CPU time in user mode of the child and of the children it waited for.
    pub user_ns: u64,
    /// CPU time in the kernel.
    pub kernel_ns: u64,
}

/// What a spawned child is to be, beside its program (`posix_spawnattr_t`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SpawnAttributes {
    /// Its process group, 0 = its own (with [`spawn_flags::SET_GROUP`]).
    pub group: u64,
    /// Blocked signals, or `kernel_abi::process::SPAWN_MASK_OF_CALLER`.
    pub mask: u64,
    /// Signals to set to their default though the parent ignores them.
    pub defaults: u64,
    /// `kernel_abi::process::priority` (with [`spawn_flags::SET_PRIORITY`]).
    pub priority: u64,
}

/// Flags of `process::spawn`.
pub mod spawn_flags {
    /// The effective ids are the real ones (`POSIX_SPAWN_RESETIDS`).
    pub const RESET_IDS: u32 = 1;
    /// In another group (`POSIX_SPAWN_SETPGROUP`).
    pub const SET_GROUP: u32 = 2;
    /// In a session of its own (`POSIX_SPAWN_SETSID`).
    pub const SET_SESSION: u32 = 4;
    /// With another priority.
    pub const SET_PRIORITY: u32 = 8;
}

/// One of the changes, in order, that are made to a spawned child's handles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SpawnAction {
    /// A descriptor of the child, or its `Handle::WORKING_DIRECTORY`.
    pub target: u32,
    /// A handle of the parent that is put there, or [`SpawnAction::CLOSE`] or
    /// [`SpawnAction::CLOSE_FROM`].
    pub source: u32,
}

impl SpawnAction {
    /// Closes the target.
    pub const CLOSE: u32 = u32::MAX;
    /// Closes the target and all descriptors above.
    pub const CLOSE_FROM: u32 = u32::MAX - 1;
}

/// `siginfo_t` in the form it travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SignalInformation {
    /// Signal number.
    pub signal: u32,
    /// `si_code`.
    pub code: i32,
    /// Sender.
    pub process: u64,
    /// Sender's real user.
    pub user: u32,
    /// Status (`SIGCHLD`).
    pub status: u32,
    /// Value.
    pub value: u64,
}

impl SignalInformation {
    /// The three words that go with an upcall (`kernel_abi::Call::UpcallRaise`): the value; code
    /// and status; sender and user.
    pub fn words(&self) -> [u64; 3] {
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        [
            self.value,
            pair(self.code as u32, self.status),
            pair(self.process as u32, self.user),
        ]
    }

    /// The same, taken apart. The status of a timer's signal is its overrun, the sender its id.
    pub fn from_words(signal: u32, [value, first, second]: [u64; 3]) -> SignalInformation {
        SignalInformation {
            signal,
            code: first as i32,
            process: second & 0xffff_ffff,
            user: (second >> 32) as u32,
            status: (first >> 32) as u32,
            value,
        }
    }
}

/// What is to be told of a System V object (`struct shmid_ds`, `semid_ds`, `msqid_ds`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ObjectStatus {
    /// Its id.
    pub id: u32,
    /// Its key, 0 = `IPC_PRIVATE`.
    pub key: u32,
    /// Owner.
    pub user: u32,
    /// Owner's group.
    pub group: u32,
    /// Who made it.
    pub creator_user: u32,
    /// Maker's group.
    pub creator_group: u32,
    /// Permissions, and `SHM_DEST`.
    pub mode: u32,
    /// Semaphores of a set, messages in a queue.
    pub count: u32,
    /// Time of the last attach, operation or send; s since 1970, 0 = never.
    pub first_s: i64,
    /// Time of the last detach or receive.
    pub second_s: i64,
    /// Time of the last change.
    pub changed_s: i64,
    /// Bytes of a segment, bytes in a queue.
    pub bytes: u64,
    /// Most bytes in a queue; times that a segment is mapped.
    pub limit: u64,
    /// The process that made a segment, that sent last.
    pub first_process: u64,
    /// The process that attached or detached last, that received last.
    pub second_process: u64,
}

/// Kinds of System V objects (`ipc`).
pub mod object_kind {
    /// Shared memory.
    pub const SEGMENT: u32 = 0;
    /// Semaphores.
    pub const SEMAPHORES: u32 = 1;
    /// Message queues.
    pub const MESSAGES: u32 = 2;
}

/// Flags of `open` on the wire: those of `<fcntl.h>` on x86-64 Linux, which our headers share.
pub mod open_flags {
    /// Mask of the access mode.
    pub const ACCESS_MODE: u32 = 3;
    /// Write only.
    pub const WRITE_ONLY: u32 = 1;
    /// Read and write.
    pub const READ_WRITE: u32 = 2;
    /// Create.
    pub const CREATE: u32 = 0o100;
    /// Fail if it exists.
    pub const EXCLUSIVE: u32 = 0o200;
    /// Do not make it the controlling terminal.
    pub const NO_CONTROLLING_TERMINAL: u32 = 0o400;
    /// Cut to length 0.
    pub const TRUNCATE: u32 = 0o1000;
    /// Append.
    pub const APPEND: u32 = 0o2000;
    /// Never wait.
    pub const NONBLOCK: u32 = 0o4000;
    /// Synchronous writes.
    pub const SYNCHRONOUS: u32 = 0o4010000;
    /// Only a directory.
    pub const DIRECTORY: u32 = 0o200000;
    /// No symbolic link at the end.
    pub const NO_FOLLOW: u32 = 0o400000;
    /// Close on exec.
    pub const CLOSE_ON_EXEC: u32 = 0o2000000;
    /// Close in children (`O_CLOFORK`): the C library's alone, no server sees it.
    pub const CLOSE_ON_FORK: u32 = 0o200000000;
    /// Only a place in the tree (`O_PATH`); with `ACCESS_MODE` 3: to execute (`O_EXEC`).
    pub const PATH: u32 = 0o10000000;
    /// A file without a name (`O_TMPFILE`, with `DIRECTORY`).
    pub const TEMPORARY: u32 = 0o20000000;
}

/// Kinds of file in `mode` (`S_IFMT`).
pub mod file_type {
    /// Mask.
    pub const MASK: u32 = 0o170000;
    /// Named pipe.
    pub const FIFO: u32 = 0o010000;
    /// Character special.
    pub const CHARACTER: u32 = 0o020000;
    /// Directory.
    pub const DIRECTORY: u32 = 0o040000;
    /// Block special.
    pub const BLOCK: u32 = 0o060000;
    /// Regular.
    pub const REGULAR: u32 = 0o100000;
    /// Symbolic link.
    pub const SYMLINK: u32 = 0o120000;
    /// Socket.
    pub const SOCKET: u32 = 0o140000;
}

/// Structures that may be read from and written to buffers as bytes.
pub trait Plain: Sized + Copy {
    /// Its bytes.
    const SIZE: usize = core::mem::size_of::<Self>();
    /// Name and type of every field in order, pinned by `interfaces.lock`.
    const FIELDS: &'static [(&'static str, &'static str)];
    /// Appends fields to bytes; returns `None` when `bytes` is shorter than [`Plain::SIZE`].
    fn encode(&self, bytes: &mut [u8]) -> Option<usize>;
    /// Reads it; `None` when `bytes` is not exactly [`Plain::SIZE`] long.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// One field's place in a [`Plain`] structure.
trait Field: Sized {
    const NAME: &'static str;
    fn put(&self, bytes: &mut [u8], at: &mut usize) -> Option<()>;
    fn take(bytes: &[u8], at: &mut usize) -> Option<Self>;
}

macro_rules! field {
    ($($type:ty),*) => {$(
        impl Field for $type {
            const NAME: &'static str = stringify!($type);
            fn put(&self, bytes: &mut [u8], at: &mut usize) -> Option<()> {
                let end = *at + core::mem::size_of::<$type>();
                bytes.get_mut(*at..end)?.copy_from_slice(&self.to_le_bytes());
                *at = end;
                Some(())
            }
            fn take(bytes: &[u8], at: &mut usize) -> Option<$type> {
                let end = *at + core::mem::size_of::<$type>();
                let value = <$type>::from_le_bytes(bytes.get(*at..end)?.try_into().ok()?);
                *at = end;
                Some(value)
            }
        }
    )*};
}
field!(u32, i32, u64, i64);

impl Field for [u32; MAX_GROUPS] {
    const NAME: &'static str = "[u32; 32]";
    fn put(&self, bytes: &mut [u8], at: &mut usize) -> Option<()> {
        self.iter().try_for_each(|group| group.put(bytes, at))
    }
    fn take(bytes: &[u8], at: &mut usize) -> Option<Self> {
        let mut groups = [0; MAX_GROUPS];
        for group in &mut groups {
            *group = u32::take(bytes, at)?;
        }
        Some(groups)
    }
}

impl Field for Credentials {
    const NAME: &'static str = "Credentials";
    fn put(&self, bytes: &mut [u8], at: &mut usize) -> Option<()> {
        let end = *at + Credentials::SIZE;
        self.encode(bytes.get_mut(*at..end)?)?;
        *at = end;
        Some(())
    }
    fn take(bytes: &[u8], at: &mut usize) -> Option<Self> {
        let end = *at + Credentials::SIZE;
        let value = Credentials::decode(bytes.get(*at..end)?)?;
        *at = end;
        Some(value)
    }
}

/// The name of the type of a structure's field.
const fn type_of<S, F: Field>(_: fn(&S) -> &F) -> &'static str {
    F::NAME
}

macro_rules! plain {
    ($($type:ident { $($field:ident),* })*) => {
        /// Every structure with its [`Plain::FIELDS`].
        pub const LAYOUTS: &[(&str, &[(&str, &str)])] =
            &[$((stringify!($type), $type::FIELDS)),*];

        $(
        impl Plain for $type {
            const FIELDS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($field), type_of(|value: &$type| &value.$field))),*];
            fn encode(&self, bytes: &mut [u8]) -> Option<usize> {
                let mut at = 0;
                $(self.$field.put(bytes, &mut at)?;)*
                Some(at)
            }
            fn decode(bytes: &[u8]) -> Option<$type> {
                if bytes.len() != Self::SIZE {
                    return None;
                }
                let mut at = 0;
                Some($type { $($field: Field::take(bytes, &mut at)?,)* })
            }
        }
    )*};
}

plain! {
    Credentials { user, group, group_count, umask, groups }
    Identity { process, parent, group, session, real_user, saved_user, real_group, saved_group, credentials, terminal, flags }
    Attributes { device, node, mode, links, user, group, special_device, size, block_size, blocks, access_ns, modify_ns, change_ns }
    FileSystemStatus { kind, block_size, blocks, blocks_free, blocks_available, files, files_free, identifier, name_length, flags }
    WaitStatus { process, user, code, status, reserved, user_ns, kernel_ns }
    SignalInformation { signal, code, process, user, status, value }
    SpawnAttributes { group, mask, defaults, priority }
    SpawnAction { target, source }
    ObjectStatus { id, key, user, group, creator_user, creator_group, mode, count, first_s, second_s, changed_s, bytes, limit, first_process, second_process }
}

const _: () = assert!(Identity::SIZE <= kernel_abi::message::IDENTITY_SIZE);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_travels_in_three_words() {
        let information = SignalInformation {
            signal: 17,
            code: -6,
            process: 4_000_000,
            user: 1000,
            status: 9,
            value: u64::MAX,
        };
        let words = information.words();
        assert_eq!(SignalInformation::from_words(17, words), information);
    }

    #[test]
    fn structures_have_no_padding_and_survive_a_round_trip() {
        let mut attributes = Attributes {
            device: 1,
            size: 1 << 40,
            change_ns: -5,
            ..Default::default()
        };
        attributes.mode = file_type::REGULAR | 0o644;
        let mut bytes = [0u8; Attributes::SIZE];
        assert_eq!(attributes.encode(&mut bytes), Some(Attributes::SIZE));
        assert_eq!(Attributes::decode(&bytes), Some(attributes));
        assert_eq!(Attributes::decode(&bytes[1..]), None);
        let mut page = [0xffu8; Identity::SIZE];
        let identity = Identity::decode(&page).unwrap();
        assert_eq!(identity.encode(&mut page), Some(Identity::SIZE));
    }
}

/// What a socket's session tells in the status flags that belong to its server.
pub mod socket_status {
    /// Four bits from here on: the type (`SOCK_STREAM` 1, `SOCK_DGRAM` 2, `SOCK_SEQPACKET` 5); 0: it is
    /// no socket.
    pub const KIND_SHIFT: u32 = kernel_abi::message::status_flags::SERVER_SHIFT;
    /// Who receives wants the sender's credentials (`SO_PASSCRED`).
    pub const PASS_CREDENTIALS: u32 = 1 << 20;
    /// What has no way through the session's streams is sent by `socket::send`.
    pub const SENDS_BY_CALL: u32 = 1 << 21;

    /// The type in a word of status flags.
    pub const fn kind(status: u32) -> u32 {
        status >> KIND_SHIFT & 0xf
    }
}

/// Slots of a process that are no descriptors, as `process_entry::descriptor` names them.
pub mod process_slot {
    use kernel_abi::Handle;
    /// The root directory.
    pub const ROOT: u32 = Handle::ROOT_DIRECTORY.0;
    /// The working directory.
    pub const WORKING_DIRECTORY: u32 = Handle::WORKING_DIRECTORY.0;
    /// The file that it executes.
    pub const EXECUTABLE: u32 = Handle::EXECUTABLE.0;
}
