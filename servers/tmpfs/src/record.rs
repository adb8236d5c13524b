//! A volume's changes as records of its journal.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use kernel_abi::message::WORDS;
use proto::Attributes;
use proto::types::Plain;

use crate::journal::{Journal, Medium, Reader, Writer};
use crate::node::{Body, Directory, Node};
use crate::volume::TemporaryVolume;

/// A node as it is now: attributes, generation, content, and what its kind has besides.
const NODE: u64 = 1;
/// A directory's entry: directory, cursor, name, node.
const ENTRY: u64 = 2;
/// An entry that is gone: directory, name.
const NO_ENTRY: u64 = 3;
/// A node that is gone.
const RELEASED: u64 = 4;
/// The last call that was carried out, and its answer.
const LAST: u64 = 5;
/// A node that another file system is mounted on (1), or not any more (0).
const COVERED: u64 = 6;

/// What is written down, and the step that is under way.
pub(crate) struct Keeper {
    journal: Journal<Box<dyn Medium>>,
    step: Writer,
    /// A step was lost for want of room: what is written is not what is.
    lost: bool,
}

impl Medium for Box<dyn Medium> {
    fn length(&self) -> u64 {
        (**self).length()
    }
    fn read(&self, offset: u64, bytes: &mut [u8]) -> bool {
        (**self).read(offset, bytes)
    }
    fn write(&mut self, offset: u64, bytes: &[u8]) -> bool {
        (**self).write(offset, bytes)
    }
    fn publish(&mut self, offset: u64, word: u64) -> bool {
        (**self).publish(offset, word)
    }
}

fn write_node(out: &mut Writer, node: &Node) {
    let mut attributes = vec![0; Attributes::SIZE];
    // The room is as large as the structure.
    let _ = node.attributes.encode(&mut attributes);
    out.number(NODE)
        .string(&attributes)
        .number(node.generation.into())
        .number(node.content.map_or(0, |slot| u64::from(slot) + 1));
    match &node.body {
        Body::Directory(directory) => out.number(directory.parent),
        Body::Symlink(target) => out.string(target),
        Body::Other => out,
    };
}

fn write_entry(out: &mut Writer, directory: u64, cursor: u64, name: &[u8], node: u64) {
    out.number(ENTRY)
        .number(directory)
        .number(cursor)
        .string(name)
        .number(node);
}

impl TemporaryVolume {
    /// The file system that an instance before this one left in the memory, or this one, which from
    /// now on is written down there.
    pub fn kept_in(mut self, medium: Box<dyn Medium>) -> TemporaryVolume {
        let (journal, records) = Journal::open(medium);
        if let Some(records) = records
            && let Some(found) = self.replay(&records)
        {
            self = found;
        }
        self.keeper = Some(Keeper {
            journal,
            step: Writer::default(),
            lost: true,
        });
        self.write_down();
        self
    }

    pub(crate) fn note_node(&mut self, node: u64) {
        if let (Some(keeper), Some(node)) = (&mut self.keeper, self.nodes.get(&node)) {
            write_node(&mut keeper.step, node);
        }
    }

    pub(crate) fn note_entry(&mut self, directory: u64, cursor: u64, name: &[u8], node: u64) {
        if let Some(keeper) = &mut self.keeper {
            write_entry(&mut keeper.step, directory, cursor, name, node);
        }
    }

    pub(crate) fn note_no_entry(&mut self, directory: u64, name: &[u8]) {
        if let Some(keeper) = &mut self.keeper {
            keeper.step.number(NO_ENTRY).number(directory).string(name);
        }
    }

    pub(crate) fn note_released(&mut self, node: u64) {
        if let Some(keeper) = &mut self.keeper {
            keeper.step.number(RELEASED).number(node);
        }
    }

    pub(crate) fn note_cover(&mut self, node: u64, covered: bool) {
        if let Some(keeper) = &mut self.keeper {
            keeper
                .step
                .number(COVERED)
                .number(node)
                .number(covered.into());
        }
    }

    /// Writes the step down that was noted, with the call that made it.
    pub(crate) fn finish_step(&mut self, call: Option<(u64, [u64; WORDS])>) {
        let Some(keeper) = &mut self.keeper else {
            return;
        };
        if keeper.step.bytes.is_empty() {
            return;
        }
        if let Some((number, words)) = call {
            self.last = Some((number, words));
            keeper.step.number(LAST).number(number);
            words.iter().for_each(|word| {
                keeper.step.number(*word);
            });
        }
        let step = core::mem::take(&mut keeper.step.bytes);
        let fits = !keeper.lost && keeper.journal.has_room(step.len());
        if !fits || !keeper.journal.append(&step) {
            self.write_down();
        }
    }

    /// Writes the whole file system down.
    fn write_down(&mut self) {
        let records = self.all_records();
        if let Some(keeper) = &mut self.keeper {
            keeper.lost = !keeper.journal.restart(&records);
            if keeper.lost {
                server_rt::log!("too many names to be kept for another instance of this server");
            }
        }
    }

    fn all_records(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.nodes
            .values()
            .for_each(|node| write_node(&mut out, node));
        for (number, node) in &self.nodes {
            if let Body::Directory(directory) = &node.body {
                for (cursor, name, entry) in directory.from(0) {
                    write_entry(&mut out, *number, cursor, name, entry);
                }
            }
        }
        for node in &self.covered {
            out.number(COVERED).number(*node).number(1);
        }
        if let Some((number, words)) = self.last {
            out.number(LAST).number(number);
            words.iter().for_each(|word| {
                out.number(*word);
            });
        }
        out.bytes
    }

    /// A file system of the same bounds with what records tell; `None` when they make no sense.
    fn replay(&self, records: &[u8]) -> Option<TemporaryVolume> {
        let mut volume = self.emptied();
        let mut reader = Reader::new(records);
        while !reader.is_empty() {
            volume.apply(&mut reader)?;
        }
        volume.settle()
    }

    fn apply(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        match reader.number()? {
            NODE => self.apply_node(reader),
            ENTRY => {
                let (directory, cursor) = (reader.number()?, reader.number()?);
                let (name, node) = (reader.string()?, reader.number()?);
                self.directory_mut(directory)
                    .ok()?
                    .insert_at(name, node, cursor);
                Some(())
            }
            NO_ENTRY => {
                let directory = reader.number()?;
                self.directory_mut(directory).ok()?.remove(reader.string()?);
                Some(())
            }
            RELEASED => self.nodes.remove(&reader.number()?).map(|_| ()),
            LAST => {
                let number = reader.number()?;
                let mut words = [0; WORDS];
                for word in &mut words {
                    *word = reader.number()?;
                }
                self.last = Some((number, words));
                Some(())
            }
            COVERED => {
                let (node, covered) = (reader.number()?, reader.number()? != 0);
                match covered {
                    true => self.covered.insert(node),
                    false => self.covered.remove(&node),
                };
                Some(())
            }
            _ => None,
        }
    }

    fn apply_node(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let attributes = Attributes::decode(reader.string()?)?;
        let generation = u32::try_from(reader.number()?).ok()?;
        let content = match reader.number()? {
            0 => None,
            slot => Some(u32::try_from(slot - 1).ok()?),
        };
        let old = self.nodes.remove(&attributes.node).map(|node| node.body);
        let mut node = Node {
            attributes,
            generation,
            body: Body::Other,
            content,
        };
        if node.has_kind_of_directory() {
            let parent = reader.number()?;
            let mut directory = match old {
                Some(Body::Directory(directory)) => directory,
                _ => Directory::new(parent),
            };
            directory.parent = parent;
            node.body = Body::Directory(directory);
        } else if node.has_kind_of_symlink() {
            node.body = Body::Symlink(reader.string()?.to_vec());
        }
        self.nodes.insert(attributes.node, node);
        Some(())
    }
}
