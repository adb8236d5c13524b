//! Nodes and the entries that name them: the steps that operations are made of, each noted for the journal.

use proto::Error;

use crate::node::{Body, Directory, Node};
use crate::volume::{ROOT, TemporaryVolume};

impl TemporaryVolume {
    pub(crate) fn add_entry(
        &mut self,
        directory: u64,
        name: &[u8],
        node: u64,
    ) -> Result<(), Error> {
        let cursor = self.directory_mut(directory)?.insert(name, node);
        self.note_entry(directory, cursor, name, node);
        Ok(())
    }

    pub(crate) fn remove_entry(&mut self, directory: u64, name: &[u8]) -> Result<(), Error> {
        self.directory_mut(directory)?.remove(name);
        self.note_no_entry(directory, name);
        Ok(())
    }

    pub(crate) fn node(&self, node: u64) -> Result<&Node, Error> {
        self.nodes.get(&node).ok_or(Error::NotFound)
    }

    pub(crate) fn node_mut(&mut self, node: u64) -> Result<&mut Node, Error> {
        self.nodes.get_mut(&node).ok_or(Error::NotFound)
    }

    pub(crate) fn directory(&self, node: u64) -> Result<&Directory, Error> {
        match &self.node(node)?.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Error::NotDirectory),
        }
    }

    pub(crate) fn directory_mut(&mut self, node: u64) -> Result<&mut Directory, Error> {
        match &mut self.node_mut(node)?.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Error::NotDirectory),
        }
    }

    /// Notes that a directory's entries changed, and its links by `links`.
    pub(crate) fn touch(&mut self, directory: u64, links: i32, now_ns: i64) -> Result<(), Error> {
        let attributes = &mut self.node_mut(directory)?.attributes;
        attributes.modify_ns = now_ns;
        attributes.change_ns = now_ns;
        attributes.links = attributes.links.saturating_add_signed(links);
        self.note_node(directory);
        Ok(())
    }

    /// Takes one link of a node (all of a directory's); the node if none is left.
    pub(crate) fn drop_link(&mut self, node: u64, now_ns: i64) -> Result<Option<u64>, Error> {
        let found = self.node_mut(node)?;
        let links = if found.is_directory() {
            0
        } else {
            found.attributes.links.saturating_sub(1)
        };
        found.attributes.links = links;
        found.attributes.change_ns = now_ns;
        self.note_node(node);
        Ok((links == 0).then_some(node))
    }

    /// A directory that takes new entries.
    pub(crate) fn live_directory(&self, node: u64) -> Result<&Directory, Error> {
        let directory = self.directory(node)?;
        if self.node(node)?.attributes.links == 0 {
            Err(Error::NotFound)
        } else {
            Ok(directory)
        }
    }

    pub(crate) fn is_inside(&self, mut inner: u64, outer: u64) -> Result<bool, Error> {
        while inner != ROOT {
            if inner == outer {
                return Ok(true);
            }
            inner = self.directory(inner)?.parent;
        }
        Ok(outer == ROOT)
    }

    /// Checks that `node` may replace `target`.
    pub(crate) fn check_replace(&self, node: u64, target: u64) -> Result<(), Error> {
        let replaced = self.node(target)?;
        match (self.node(node)?.is_directory(), &replaced.body) {
            (true, Body::Directory(directory)) if !directory.is_empty() => Err(Error::NotEmpty),
            (true, Body::Directory(_)) => Ok(()),
            (true, _) => Err(Error::NotDirectory),
            (false, Body::Directory(_)) => Err(Error::IsDirectory),
            (false, _) => Ok(()),
        }
    }
}
