//! Contents that survive this server: parked with the supervisor, noted by the volume.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kernel_abi::Handle;
use kernel_abi::message::WORDS;
use proto::Error;

use crate::content::{Content, round_up};
use crate::kernel::Kernel;
use crate::server::Server;
use crate::volume::Volume;

/// Contents that are parked, as long as unused clean ones can make room: the supervisor keeps
/// few handles for each server.
const MOST_PARKED: usize = 128;

/// The name under which a content is parked.
fn parking_name(key: u64) -> String {
    format!("content-{key:x}")
}

impl<V: Volume, K: Kernel> Server<V, K> {
    /// Has the supervisor keep the content for the next instance of this server.
    pub(crate) fn park_content(&mut self, node: u64) {
        self.forget_idle_contents();
        let Some(content) = self.contents.get_mut(&node) else {
            return;
        };
        // Noted first: what is parked and not noted would be parked for ever.
        if !self.volume.note_parked(content.key, true) {
            return;
        }
        content.parked = self.kernel.park(&parking_name(content.key), content.memory);
        if !content.parked {
            self.volume.note_parked(content.key, false);
        }
        self.parked += usize::from(content.parked);
    }

    /// Takes back what the supervisor keeps.
    pub(crate) fn forget_content(&mut self, node: u64) {
        let Some(content) = self.contents.get_mut(&node) else {
            return;
        };
        if core::mem::take(&mut content.parked) {
            self.kernel.forget(&parking_name(content.key));
            self.volume.note_parked(content.key, false);
            self.parked -= 1;
        }
    }

    /// Makes room among the parked contents. A clean content that nobody uses need not survive:
    /// the disk has it.
    fn forget_idle_contents(&mut self) {
        if self.parked < MOST_PARKED {
            return;
        }
        let idle = self.idle_contents();
        let is_parked = |node: &u64| {
            self.contents
                .get(node)
                .is_some_and(|content| content.parked)
        };
        let oldest: Vec<u64> = idle
            .into_iter()
            .filter(is_parked)
            .take(MOST_PARKED / 4)
            .collect();
        for node in oldest {
            let unused = matches!(self.client_references(node), Ok(0));
            if unused && self.write_back(node).is_ok() {
                self.forget_content(node);
            }
        }
    }

    /// Takes over the contents that the instance before this one parked: those of open files,
    /// those that are mapped, and those with data that the disk lacks.
    pub(crate) fn adopt_contents(&mut self) {
        for key in self.volume.parked() {
            let name = parking_name(key);
            let Some(memory) = self.kernel.unpark(&name) else {
                self.volume.note_parked(key, false);
                continue;
            };
            if self.adopt_content(key, memory).is_err() {
                // The file is gone.
                self.kernel.close(memory);
                self.kernel.forget(&name);
                self.volume.note_parked(key, false);
            }
        }
    }

    fn adopt_content(&mut self, key: u64, memory: Handle) -> Result<(), Error> {
        let node = key & u64::from(u32::MAX);
        if u64::from(self.volume.generation(node)?) != key >> 32 {
            return Err(Error::NotFound);
        }
        let mut content = self.take_content(key, memory)?;
        content.parked = true;
        self.parked += 1;
        self.contents.insert(node, content);
        Ok(())
    }

    /// A content of the instance before this one.
    fn take_content(&mut self, key: u64, memory: Handle) -> Result<Content, Error> {
        let information = self.kernel.memory_info(memory)?;
        // A growth that was not committed is not told to have happened.
        let node = key & u64::from(u32::MAX);
        let length = self.volume.attributes(node)?.size;
        let capacity = information.size.max(round_up(length));
        if information.length != length {
            self.kernel.memory_resize(memory, capacity)?;
            self.kernel.memory_set_length(memory, length)?;
        }
        Ok(Content {
            memory,
            key,
            length,
            capacity,
            present: Vec::new(),
            modified_seen_ns: 0,
            used: self.ticks,
            parked: false,
        })
    }

    /// A content that an instance before this one kept, because it is nowhere else.
    pub(crate) fn kept_content(&mut self, node: u64) -> Option<Content> {
        let slot = self.volume.content_slot(node)?;
        let memory = self.kernel.kept(slot)?;
        let generation = self.volume.generation(node).ok()?;
        let taken = self.take_content(u64::from(generation) << 32 | node, memory);
        if taken.is_err() {
            self.kernel.close(memory);
        }
        taken.ok()
    }

    /// Keeps a new content that is nowhere else. Where that fails, it ends with this instance.
    pub(crate) fn keep_content(&mut self, node: u64, memory: Handle) {
        if V::PAGED {
            return;
        }
        match self.kernel.keep(memory) {
            Some(slot) => self.volume.set_content_slot(node, slot),
            None => server_rt::log!("no memory to keep a file for another instance"),
        }
    }

    /// Commits, then gives up the contents that nothing leads to any more: not before, as a death
    /// between the two would leave names without contents.
    pub(crate) fn commit(&mut self, call: Option<(u64, [u64; WORDS])>) {
        self.volume.commit(call);
        for slot in core::mem::take(&mut self.dropped_slots) {
            self.kernel.drop_kept(slot);
        }
    }

    /// Gives up what an instance before this one kept, and did not come to note.
    pub(crate) fn drop_unnoted(&mut self) {
        if !V::PAGED {
            let mut slots = self.volume.content_slots();
            slots.sort_unstable();
            self.kernel.keep_only(&slots);
        }
    }
}
