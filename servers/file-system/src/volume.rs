//! Where nodes and names are kept: what differs between file systems.

use alloc::vec::Vec;

use kernel_abi::Handle;
use kernel_abi::message::WORDS;
use proto::types::FileSystemStatus;
use proto::{Attributes, Error};

/// A directory entry as a volume reports it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The node it names.
    pub node: u64,
    /// Its `S_IFMT` bits, 0 = unknown.
    pub kind: u32,
    /// The name.
    pub name: &'a [u8],
    /// The cursor that continues behind it.
    pub next_cursor: u64,
}

/// What a new node starts with.
#[derive(Clone, Copy, Debug)]
pub struct NewNode<'a> {
    /// Type and permissions.
    pub mode: u32,
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// Device number of a special file.
    pub special_device: u64,
    /// Target of a symbolic link.
    pub target: &'a [u8],
    /// All times, ns since 1970.
    pub now_ns: i64,
}

/// A file system's nodes. Permission has been checked by the caller; names are checked by the
/// volume, `.` and `..` included. A node without links stays until [`Volume::release`].
pub trait Volume {
    /// Whether content is on a disk: then its Memory has a pager, and `read_pages` and
    /// `write_pages` move it.
    const PAGED: bool;

    /// The root directory's node.
    fn root(&self) -> u64;
    /// The file system's device number.
    fn device(&self) -> u64;
    /// A node's attributes.
    fn attributes(&mut self, node: u64) -> Result<Attributes, Error>;
    /// A number that differs when the node's number is used again.
    fn generation(&mut self, node: u64) -> Result<u32, Error>;
    /// Finds a name, `.` and `..` included.
    fn lookup(&mut self, directory: u64, name: &[u8]) -> Result<u64, Error>;
    /// Visits entries from a cursor (0 = start) on until `visit` returns false.
    fn read_directory(
        &mut self,
        directory: u64,
        cursor: u64,
        visit: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<(), Error>;
    /// Creates a node of any type.
    fn create(&mut self, directory: u64, name: &[u8], new: &NewNode<'_>) -> Result<u64, Error>;
    /// Gives a node another name.
    fn link(&mut self, node: u64, directory: u64, name: &[u8], now_ns: i64) -> Result<(), Error>;
    /// Removes the name of what is no directory. Returns the node if it has no name left.
    fn unlink(&mut self, directory: u64, name: &[u8], now_ns: i64) -> Result<Option<u64>, Error>;
    /// Removes an empty directory. Returns it.
    fn remove_directory(
        &mut self,
        directory: u64,
        name: &[u8],
        now_ns: i64,
    ) -> Result<Option<u64>, Error>;
    /// Renames as POSIX says. Returns the node that was replaced, if it has no name left.
    fn rename(
        &mut self,
        from: (u64, &[u8]),
        to: (u64, &[u8]),
        no_replace: bool,
        now_ns: i64,
    ) -> Result<Option<u64>, Error>;
    /// A symbolic link's target.
    fn read_symlink(&mut self, node: u64) -> Result<Vec<u8>, Error>;
    /// Sets those of mode, owner, group and the two times that `mask` names
    /// (`proto::types::attribute_mask`).
    fn set_attributes(
        &mut self,
        node: u64,
        mask: u64,
        values: &Attributes,
        now_ns: i64,
    ) -> Result<(), Error>;
    /// Finds room for bytes `start..end` of a regular file, before they are written. Returns how
    /// far the room reaches: less than `end` when the volume is nearly full.
    fn reserve(&mut self, node: u64, start: u64, end: u64) -> Result<u64, Error>;
    /// Sets a regular file's size; what is cut off is freed.
    fn set_size(&mut self, node: u64, size: u64, now_ns: i64) -> Result<(), Error>;
    /// Frees a node that has no name and no user.
    fn release(&mut self, node: u64) -> Result<(), Error>;
    /// Figures.
    fn status(&mut self) -> FileSystemStatus;
    /// Makes names and attributes durable; content has been written before.
    fn sync(&mut self) -> Result<(), Error>;
    /// Marks the volume as cleanly left. No changes follow.
    fn unmount(&mut self) -> Result<(), Error>;

    /// Called after every change, with the call that made it and the words it is answered with:
    /// a volume that survives its server brings both where the next instance finds them.
    fn commit(&mut self, call: Option<(u64, [u64; WORDS])>) {
        let _ = call;
    }
    /// Keys of the contents that this instance or one before it has parked.
    fn parked(&self) -> Vec<u64> {
        Vec::new()
    }
    /// Notes, where the next instance finds it, that a content is parked, or is not any more.
    /// False when that cannot be noted: then it need not be parked either.
    fn note_parked(&mut self, key: u64, parked: bool) -> bool {
        let _ = (key, parked);
        false
    }
    /// Nodes that another file system is mounted on, as noted by an instance before this one.
    fn covered(&self) -> Vec<u64> {
        Vec::new()
    }
    /// Notes, where the next instance finds it, that a node is covered, or is not any more.
    fn note_covered(&mut self, node: u64, covered: bool) {
        let _ = (node, covered);
    }
    /// The last call that an instance before this one committed.
    fn last_commit(&self) -> Option<(u64, [u64; WORDS])> {
        None
    }

    /// Where the kernel side keeps a file's content for the next instance (`Kernel::keep`): for a volume that is
    /// not paged, whose contents are nowhere else.
    fn content_slot(&self, node: u64) -> Option<u32> {
        let _ = node;
        None
    }
    /// Notes it.
    fn set_content_slot(&mut self, node: u64, slot: u32) {
        let _ = (node, slot);
    }
    /// All of them.
    fn content_slots(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Reads pages of a file into a Memory of the volume's own, from its offset 0 on, and names
    /// that Memory; its pages are then moved away. Holes and what lies beyond the end are zeros.
    fn read_pages(&mut self, node: u64, offset: u64, length: u64) -> Result<Handle, Error> {
        let _ = (node, offset, length);
        Err(Error::Unsupported)
    }
    /// Writes pages of a file from the Memory of its content, at the same offsets.
    fn write_pages(
        &mut self,
        node: u64,
        memory: Handle,
        offset: u64,
        length: u64,
    ) -> Result<(), Error> {
        let _ = (node, memory, offset, length);
        Err(Error::Unsupported)
    }
}
