//! Keeping the table where the next instance finds it.
//!
//! Each process has a slot: its record lies in the slot of a Memory that the supervisor keeps, and
//! its handle in the slot of the handle table of a process that never runs, which the supervisor
//! keeps as well. That costs no call to the supervisor for each fork.

use alloc::vec::Vec;
use kernel_abi::Handle;

use crate::kernel::Kernel;
use crate::process::{Change, Process};
use crate::record;
use crate::server::Server;

impl<K: Kernel> Server<K> {
    /// Writes out what changed. Before an answer goes out, so that nothing that a program has
    /// seen can be lost.
    pub(crate) fn save(&mut self) {
        for change in self.table.take_changes() {
            match change {
                Change::Removed(slot) => {
                    self.kernel.clear_record(slot);
                    self.kernel.release(slot);
                }
                Change::Written(id) => self.save_process(id),
            }
        }
    }

    fn save_process(&mut self, id: u64) {
        let Ok(process) = self.table.get(id) else {
            return;
        };
        let (slot, handle, kept) = (process.slot, process.handle, process.kept);
        let record = record::encode(process);
        // The handle first: a record without one would name a process that nobody can reach.
        if kept != handle {
            match handle {
                Handle::NONE => self.kernel.release(slot),
                handle => self.kernel.keep(slot, handle),
            }
            self.table.set_kept(id, handle);
        }
        self.kernel.write_record(slot, &record);
    }

    /// A server that goes on with what the last instance kept; `None` when there is nothing.
    pub fn restore(kernel: K) -> Result<Server<K>, K> {
        let mut server = Server::empty(kernel);
        for slot in server.kernel.kept_slots() {
            let record = server.kernel.read_record(slot);
            let Some(mut process) = record.and_then(|record| record::decode(&record)) else {
                continue;
            };
            process.slot = slot;
            server.adopt_again(&mut process);
            server.table.restore(process);
        }
        if server.table.iter().next().is_none() {
            return Err(server.kernel);
        }
        // Whoever ended while nobody served.
        let gone: Vec<u64> = server
            .table
            .ids(|process| process.handle == Handle::NONE && !process.is_zombie());
        for id in gone {
            server.ended(id);
        }
        server.save();
        Ok(server)
    }

    fn adopt_again(&mut self, process: &mut Process) {
        let id = process.id();
        process.handle = self.kernel.take_kept(process.slot).unwrap_or(Handle::NONE);
        process.kept = process.handle;
        if process.handle != Handle::NONE && !process.is_zombie() {
            self.kernel.watch(process.handle, id);
        }
    }
}
