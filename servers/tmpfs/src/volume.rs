//! Names and attributes in the heap, written down for the next instance (`record.rs`).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use file_system::{Entry, NewNode, Volume};
use kernel_abi::PAGE_SIZE;
use kernel_abi::message::WORDS;
use proto::types::{FileSystemStatus, attribute_mask, file_type};
use proto::{Attributes, Error};

use crate::node::{Body, Directory, Node};
use crate::record::Keeper;

pub(crate) const ROOT: u64 = 1;
/// Device number of the file system: there is one, and 1 is the disk's.
const DEVICE: u64 = 2;
/// `f_type` that programs know a file system in memory by.
const MAGIC: u64 = 0x0102_1994;
const MAXIMUM_NAME: usize = 255;
/// A node costs the heap about this much.
const NODE_BYTES: u64 = 512;
/// Its record and that of its name take about this much.
const RECORD_BYTES: u64 = 640;
/// Most subdirectories and links.
const MAXIMUM_LINKS: u32 = 32_000;

/// A file system in memory, bounded in bytes and in nodes.
pub struct TemporaryVolume {
    pub(crate) nodes: BTreeMap<u64, Node>,
    next_node: u64,
    /// Nodes that another file system is mounted on.
    pub(crate) covered: BTreeSet<u64>,
    /// The last call that changed something, and its answer.
    pub(crate) last: Option<(u64, [u64; WORDS])>,
    pub(crate) keeper: Option<Keeper>,
    /// Pages that files may have, and have.
    pages_limit: u64,
    pages_used: u64,
    nodes_limit: u64,
}

fn pages(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_SIZE)
}

fn check_name(name: &[u8]) -> Result<(), Error> {
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') {
        return Err(Error::BadArgument);
    }
    if name.contains(&0) {
        return Err(Error::BadArgument);
    }
    if name.len() > MAXIMUM_NAME {
        Err(Error::NameTooLong)
    } else {
        Ok(())
    }
}

impl TemporaryVolume {
    /// An empty file system for at most `limit_bytes` of content.
    pub fn new(limit_bytes: u64, now_ns: i64) -> TemporaryVolume {
        let attributes = Attributes {
            node: ROOT,
            mode: file_type::DIRECTORY | 0o1777,
            links: 2,
            access_ns: now_ns,
            modify_ns: now_ns,
            change_ns: now_ns,
            ..Attributes::default()
        };
        let body = Body::Directory(Directory::new(ROOT));
        let root = Node {
            attributes,
            generation: 0,
            body,
            content: None,
        };
        TemporaryVolume {
            nodes: BTreeMap::from([(ROOT, root)]),
            next_node: ROOT + 1,
            covered: BTreeSet::new(),
            last: None,
            keeper: None,
            pages_limit: pages(limit_bytes),
            pages_used: 0,
            // A sixteenth of the limit may be spent on nodes.
            nodes_limit: (limit_bytes / 16 / NODE_BYTES).max(1024),
        }
    }

    /// A volume of the same bounds without even a root.
    pub(crate) fn emptied(&self) -> TemporaryVolume {
        TemporaryVolume {
            nodes: BTreeMap::new(),
            next_node: ROOT + 1,
            covered: BTreeSet::new(),
            last: None,
            keeper: None,
            ..*self
        }
    }

    /// After nodes came from records: what follows from them. `None` without a root.
    pub(crate) fn settle(mut self) -> Option<TemporaryVolume> {
        self.directory(ROOT).ok()?;
        self.next_node = self.nodes.last_key_value().map_or(ROOT, |(last, _)| *last) + 1;
        let files = self.nodes.values().filter(|node| node.is_regular());
        self.pages_used = files.map(|node| pages(node.attributes.size)).sum();
        Some(self)
    }

    /// Bytes of memory in which a volume of this size can be written down, twice.
    pub fn journal_bytes(&self) -> u64 {
        2 * (self.nodes_limit * RECORD_BYTES + (1 << 20))
    }

    fn account(&mut self, old_bytes: u64, new_bytes: u64) {
        self.pages_used = self.pages_used.saturating_sub(pages(old_bytes)) + pages(new_bytes);
    }
}

impl Volume for TemporaryVolume {
    const PAGED: bool = false;

    fn root(&self) -> u64 {
        ROOT
    }

    fn device(&self) -> u64 {
        DEVICE
    }

    fn attributes(&mut self, node: u64) -> Result<Attributes, Error> {
        let found = self.node(node)?;
        let mut attributes = found.attributes;
        attributes.block_size = PAGE_SIZE;
        attributes.blocks = if found.is_regular() {
            pages(attributes.size) * 8
        } else {
            0
        };
        Ok(attributes)
    }

    fn generation(&mut self, node: u64) -> Result<u32, Error> {
        Ok(self.node(node)?.generation)
    }

    fn lookup(&mut self, directory: u64, name: &[u8]) -> Result<u64, Error> {
        let found = self.directory(directory)?;
        match name {
            b"." => Ok(directory),
            b".." => Ok(found.parent),
            name if name.len() > MAXIMUM_NAME => Err(Error::NameTooLong),
            name => found.get(name).ok_or(Error::NotFound),
        }
    }

    fn read_directory(
        &mut self,
        directory: u64,
        cursor: u64,
        visit: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<(), Error> {
        let found = self.directory(directory)?;
        if self.node(directory)?.attributes.links == 0 {
            return Ok(());
        }
        let kind = file_type::DIRECTORY;
        let dots = [(1, &b"."[..], directory), (2, &b".."[..], found.parent)];
        for (at, name, node) in dots {
            if at > cursor
                && !visit(Entry {
                    node,
                    kind,
                    name,
                    next_cursor: at,
                })
            {
                return Ok(());
            }
        }
        for (at, name, node) in found.from(cursor.saturating_add(1)) {
            let kind = self.node(node)?.attributes.mode & file_type::MASK;
            if !visit(Entry {
                node,
                kind,
                name,
                next_cursor: at,
            }) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn create(&mut self, directory: u64, name: &[u8], new: &NewNode<'_>) -> Result<u64, Error> {
        check_name(name)?;
        if self.live_directory(directory)?.get(name).is_some() {
            return Err(Error::Exists);
        }
        if self.nodes.len() as u64 >= self.nodes_limit {
            return Err(Error::NoSpace);
        }
        let kind = new.mode & file_type::MASK;
        let is_directory = kind == file_type::DIRECTORY;
        if is_directory && self.node(directory)?.attributes.links >= MAXIMUM_LINKS {
            return Err(Error::TooManyLinks);
        }
        let body = match kind {
            file_type::DIRECTORY => Body::Directory(Directory::new(directory)),
            file_type::SYMLINK if new.target.is_empty() => return Err(Error::BadArgument),
            file_type::SYMLINK => Body::Symlink(new.target.to_vec()),
            file_type::REGULAR
            | file_type::FIFO
            | file_type::SOCKET
            | file_type::CHARACTER
            | file_type::BLOCK => Body::Other,
            _ => return Err(Error::BadArgument),
        };
        let node = self.next_node;
        self.next_node += 1;
        let attributes = Attributes {
            node,
            mode: new.mode,
            links: if is_directory { 2 } else { 1 },
            user: new.user,
            group: new.group,
            special_device: new.special_device,
            size: new.target.len() as u64,
            access_ns: new.now_ns,
            modify_ns: new.now_ns,
            change_ns: new.now_ns,
            ..Attributes::default()
        };
        self.nodes.insert(
            node,
            Node {
                attributes,
                generation: 0,
                body,
                content: None,
            },
        );
        self.note_node(node);
        self.add_entry(directory, name, node)?;
        self.touch(directory, i32::from(is_directory), new.now_ns)?;
        Ok(node)
    }

    fn link(&mut self, node: u64, directory: u64, name: &[u8], now_ns: i64) -> Result<(), Error> {
        check_name(name)?;
        if self.live_directory(directory)?.get(name).is_some() {
            return Err(Error::Exists);
        }
        let found = self.node_mut(node)?;
        match found.attributes.links {
            _ if found.is_directory() => return Err(Error::NotPermitted),
            0 => return Err(Error::NotFound),
            MAXIMUM_LINKS.. => return Err(Error::TooManyLinks),
            _ => {}
        }
        found.attributes.links += 1;
        found.attributes.change_ns = now_ns;
        self.note_node(node);
        self.add_entry(directory, name, node)?;
        self.touch(directory, 0, now_ns)
    }

    fn unlink(&mut self, directory: u64, name: &[u8], now_ns: i64) -> Result<Option<u64>, Error> {
        check_name(name)?;
        let node = self
            .directory(directory)?
            .get(name)
            .ok_or(Error::NotFound)?;
        if self.node(node)?.is_directory() {
            return Err(Error::IsDirectory);
        }
        self.remove_entry(directory, name)?;
        self.touch(directory, 0, now_ns)?;
        self.drop_link(node, now_ns)
    }

    fn remove_directory(
        &mut self,
        directory: u64,
        name: &[u8],
        now_ns: i64,
    ) -> Result<Option<u64>, Error> {
        check_name(name)?;
        let node = self
            .directory(directory)?
            .get(name)
            .ok_or(Error::NotFound)?;
        if !self.directory(node)?.is_empty() {
            return Err(Error::NotEmpty);
        }
        self.remove_entry(directory, name)?;
        self.touch(directory, -1, now_ns)?;
        self.drop_link(node, now_ns)
    }

    fn rename(
        &mut self,
        (from, old): (u64, &[u8]),
        (to, new): (u64, &[u8]),
        no_replace: bool,
        now_ns: i64,
    ) -> Result<Option<u64>, Error> {
        check_name(old)?;
        check_name(new)?;
        let node = self.directory(from)?.get(old).ok_or(Error::NotFound)?;
        let target = self.live_directory(to)?.get(new);
        let is_directory = self.node(node)?.is_directory();
        if is_directory && from != to && self.is_inside(to, node)? {
            return Err(Error::BadArgument);
        }
        match target {
            Some(_) if no_replace => return Err(Error::Exists),
            Some(target) if target == node => return Ok(None),
            Some(target) => self.check_replace(node, target)?,
            None => {}
        }
        self.remove_entry(from, old)?;
        self.add_entry(to, new, node)?;
        if let Body::Directory(moved) = &mut self.node_mut(node)?.body {
            moved.parent = to;
        }
        self.node_mut(node)?.attributes.change_ns = now_ns;
        self.note_node(node);
        let moved = i32::from(is_directory);
        self.touch(from, -moved, now_ns)?;
        // A directory that was replaced takes its `..` with it.
        self.touch(to, if target.is_some() { 0 } else { moved }, now_ns)?;
        match target {
            Some(target) => self.drop_link(target, now_ns),
            None => Ok(None),
        }
    }

    fn read_symlink(&mut self, node: u64) -> Result<Vec<u8>, Error> {
        match &self.node(node)?.body {
            Body::Symlink(target) => Ok(target.clone()),
            _ => Err(Error::BadArgument),
        }
    }

    fn set_attributes(
        &mut self,
        node: u64,
        mask: u64,
        values: &Attributes,
        now_ns: i64,
    ) -> Result<(), Error> {
        let attributes = &mut self.node_mut(node)?.attributes;
        let asked = |bit| mask & bit != 0;
        if asked(attribute_mask::MODE) {
            attributes.mode = attributes.mode & file_type::MASK | values.mode & 0o7777;
        }
        if asked(attribute_mask::USER) {
            attributes.user = values.user;
        }
        if asked(attribute_mask::GROUP) {
            attributes.group = values.group;
        }
        if asked(attribute_mask::ACCESS) {
            attributes.access_ns = values.access_ns;
        }
        if asked(attribute_mask::MODIFY) {
            attributes.modify_ns = values.modify_ns;
        }
        attributes.change_ns = now_ns;
        self.note_node(node);
        Ok(())
    }

    fn reserve(&mut self, node: u64, _start: u64, end: u64) -> Result<u64, Error> {
        let size = self.node(node)?.attributes.size;
        let free = self.pages_limit.saturating_sub(self.pages_used);
        let reach = pages(size).saturating_add(free).saturating_mul(PAGE_SIZE);
        Ok(end.min(reach))
    }

    fn set_size(&mut self, node: u64, size: u64, now_ns: i64) -> Result<(), Error> {
        let old = self.node(node)?.attributes.size;
        let growth = pages(size).saturating_sub(pages(old));
        if growth > self.pages_limit.saturating_sub(self.pages_used) {
            return Err(Error::NoSpace);
        }
        self.account(old, size);
        let attributes = &mut self.node_mut(node)?.attributes;
        attributes.size = size;
        attributes.modify_ns = now_ns;
        attributes.change_ns = now_ns;
        self.note_node(node);
        Ok(())
    }

    fn release(&mut self, node: u64) -> Result<(), Error> {
        let found = self.nodes.remove(&node).ok_or(Error::NotFound)?;
        self.note_released(node);
        if found.is_regular() {
            self.account(found.attributes.size, 0);
        }
        Ok(())
    }

    fn status(&mut self) -> FileSystemStatus {
        let free = self.pages_limit.saturating_sub(self.pages_used);
        FileSystemStatus {
            kind: MAGIC,
            block_size: PAGE_SIZE,
            blocks: self.pages_limit,
            blocks_free: free,
            blocks_available: free,
            files: self.nodes_limit,
            files_free: self.nodes_limit.saturating_sub(self.nodes.len() as u64),
            identifier: DEVICE,
            name_length: MAXIMUM_NAME as u64,
            flags: 0,
        }
    }

    fn sync(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn unmount(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn commit(&mut self, call: Option<(u64, [u64; WORDS])>) {
        self.finish_step(call);
    }

    fn last_commit(&self) -> Option<(u64, [u64; WORDS])> {
        self.last
    }

    fn covered(&self) -> Vec<u64> {
        self.covered.iter().copied().collect()
    }

    fn note_covered(&mut self, node: u64, covered: bool) {
        match covered {
            true => self.covered.insert(node),
            false => self.covered.remove(&node),
        };
        self.note_cover(node, covered);
    }

    fn content_slot(&self, node: u64) -> Option<u32> {
        self.nodes.get(&node)?.content
    }

    fn set_content_slot(&mut self, node: u64, slot: u32) {
        if let Ok(found) = self.node_mut(node) {
            found.content = Some(slot);
            self.note_node(node);
        }
    }

    fn content_slots(&self) -> Vec<u32> {
        let slots = self.nodes.values().filter_map(|node| node.content);
        slots.collect()
    }
}
