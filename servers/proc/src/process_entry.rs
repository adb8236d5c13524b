//! What `/proc/PID` shows beyond texts: its owner, handles and threads.

use alloc::vec::Vec;
use kernel_abi::Handle;
use kernel_abi::process::ThreadInfo;
use proto::types::process_slot;
use proto::{Answer, Call, Error, Output, Reply, process_entry};

use crate::describe::describe;
use crate::kernel::Kernel;
use crate::operations::answer_text;
use crate::process::Process;
use crate::server::Server;

/// Flag of an identity: its program has set-id rights.
const SECURE: u64 = 1;

impl<K: Kernel> Server<K> {
    fn living(&self, id: u64) -> Result<&Process, Error> {
        let process = self.table.get(id)?;
        if process.is_zombie() {
            return Err(Error::NoProcess);
        }
        Ok(process)
    }

    /// A thread by its id as `gettid` tells it: that of the first one is the process's.
    fn thread(&self, process: &Process, id: u64) -> Result<ThreadInfo, Error> {
        let thread_from = |number| self.kernel.thread(process.handle, number);
        let first = thread_from(0).ok_or(Error::NoProcess)?;
        if id == process.id() {
            return Ok(first);
        }
        let found = thread_from(id).filter(|found| found.number == id);
        found.ok_or(Error::NoProcess)
    }
}

impl<K: Kernel, C: Call + ?Sized> process_entry::ProcessEntry<C> for Server<K> {
    fn owner(&mut self, _call: &mut C, process: u64) -> Reply {
        let identity = &self.table.get(process)?.identity;
        let credentials = &identity.credentials;
        let (user, group) = match identity.flags & SECURE {
            0 => (credentials.user, credentials.group),
            _ => (0, 0),
        };
        Ok(Answer::value(user.into()).with(1, group.into()).into())
    }

    fn descriptors(&mut self, call: &mut C, process: u64, first: u32, slots: Output) -> Reply {
        let handle = self.living(process)?.handle;
        let mut bytes = Vec::new();
        let mut from = first;
        while let Some(slot) = self.kernel.next_slot(handle, from)
            && slot < Handle::HIGH_BASE
            && bytes.len() as u64 + 4 <= slots.length
        {
            bytes.extend_from_slice(&slot.to_le_bytes());
            from = slot + 1;
        }
        answer_text(call, slots, &bytes, 0)
    }

    fn descriptor(&mut self, _call: &mut C, process: u64, slot: u32) -> Reply {
        let named = [
            process_slot::ROOT,
            process_slot::WORKING_DIRECTORY,
            process_slot::EXECUTABLE,
        ];
        if slot >= Handle::HIGH_BASE && !named.contains(&slot) {
            return Err(Error::BadHandle);
        }
        let handle = self.living(process)?.handle;
        let taken = self.kernel.take(handle, slot)?;
        Ok(Answer::default().with_handle(taken).into())
    }

    fn threads(&mut self, call: &mut C, process: u64, after: u64, threads: Output) -> Reply {
        let process = self.living(process)?;
        let mut ids = Vec::new();
        let mut number = 0;
        while let Some(thread) = self.kernel.thread(process.handle, number) {
            ids.push(match ids.is_empty() {
                true => process.id(),
                false => thread.number,
            });
            number = thread.number + 1;
        }
        ids.sort_unstable();
        let most = usize::try_from(threads.length / 8).unwrap_or(usize::MAX);
        let told = ids.iter().filter(|id| **id > after).take(most);
        let bytes: Vec<u8> = told.flat_map(|id| id.to_le_bytes()).collect();
        answer_text(call, threads, &bytes, 0)
    }

    fn describe_thread(
        &mut self,
        call: &mut C,
        process: u64,
        thread: u64,
        what: u32,
        offset: u64,
        text: Output,
    ) -> Reply {
        let process = self.living(process)?;
        let found = self.thread(process, thread)?;
        let description = describe(&self.kernel, process, Some((thread, &found)), what)?;
        answer_text(call, text, &description, offset)
    }
}
