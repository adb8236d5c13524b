//! The end of processes that have something to undo.

use alloc::vec::Vec;
use proto::{Answer, Error, Reply};

use crate::kernel::Kernel;
use crate::server::{Badge, Server};
use crate::waiting::Subject;

impl<K: Kernel> Server<K> {
    /// Whether the end of a process will be told.
    pub(crate) fn is_registered(&self, process: u64) -> bool {
        self.sessions
            .iter()
            .any(|badge| Badge::decode(*badge) == Some(Badge::Undo(process as u32)))
    }

    /// `register`: a session that does not pass to a child, but to the next program of a process.
    pub(crate) fn register_process(&mut self, process: u64) -> Reply {
        let process = u32::try_from(process).map_err(|_| Error::BadArgument)?;
        let session = self.new_session(Badge::Undo(process))?;
        Ok(Answer::default().with_handle(session).into())
    }

    /// A session of a process that had registered is gone.
    pub(crate) fn process_ended(&mut self, process: u64) {
        if self.is_registered(process) {
            // It had registered again after an exec.
            return;
        }
        let mut changed = Vec::new();
        let ids: Vec<u32> = self.state.sets.iter().map(|(id, _)| id).collect();
        for id in ids {
            if let Ok(set) = self.state.sets.get_mut(id)
                && set.undo_of(process)
            {
                changed.push(id);
            }
        }
        if changed.is_empty() {
            return;
        }
        self.save();
        for id in changed {
            self.settle(Subject::Set(id));
        }
    }
}
