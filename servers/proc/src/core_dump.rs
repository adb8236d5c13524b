//! Core dumps: a process that a signal ends leaves its memory and registers in a file.
//!
//! A program of its own writes the file: with the ids, the working directory and the umask of the
//! process, so that whatever a user may not write stays unwritten, and without this server's having to
//! call the name space, which may be waiting for it. The process stands still until the writer ends.
//! When this server dies meanwhile, the kernel tells the next instance of the process again, which finds
//! the writer among its processes.

use kernel_abi::Handle;
use kernel_abi::message::Fault;
use kernel_abi::process::process_property;
use proto::types::process_slot;
use proto::{Answer, Error};

use crate::execute::{self, Program, Source};
use crate::kernel::Kernel;
use crate::limits::{self, Limits};
use crate::process::Process;
use crate::server::Server;
use crate::signal::{STATUS_CORE, STATUS_KILLED, killed_status};
use crate::{INIT, PROCESS_BADGE};

/// The program that writes core files.
pub const WRITER: &[u8] = b"/sbin/core-dump";
/// Where it finds the handle of the process.
const DUMPED: Handle = Handle(Handle::HIGH_BASE + 7);
/// Flag of an identity: the process has set-id rights, and knows what its user may not.
const SECURE: u64 = 1;

/// A core being written.
pub(crate) struct Dump {
    /// The process that writes it.
    writer: u64,
    /// Of the exception that the ended process waits in.
    token: u64,
    signal: u32,
}

impl<K: Kernel> Server<K> {
    /// Has the core written of a process that a signal ends, if there is to be one. The exception is
    /// answered when it is there.
    pub(crate) fn dump(
        &mut self,
        id: u64,
        token: u64,
        signal: u32,
        fault: &Fault,
    ) -> Result<(), Error> {
        let process = self.table.get(id)?;
        let (most, _) = process.limits.get(limits::CORE as u32)?;
        if most == 0 || process.identity.flags & SECURE != 0 || id == INIT {
            return Err(Error::NotPermitted);
        }
        let known = self.table.ids(|writer| writer.dumps == id).first().copied();
        let writer = match known {
            Some(writer) => writer,
            None => self.start_writer(id, signal, fault.thread, most)?,
        };
        self.dumps.push(Dump {
            writer,
            token,
            signal,
        });
        Ok(())
    }

    fn start_writer(&mut self, id: u64, signal: u32, thread: u64, most: u64) -> Result<u64, Error> {
        let writer = self.table.free_id()?;
        let source = self.kernel.core_writer()?;
        let started = self.build_writer(writer, id, &source, [id, signal.into(), thread], most);
        self.kernel.close(source.memory);
        self.kernel.close(source.file);
        let child = started?;
        let handle = child.handle;
        self.table.insert(child);
        self.save();
        self.kernel.resume(handle);
        Ok(writer)
    }

    fn build_writer(
        &mut self,
        writer: u64,
        dumped: u64,
        source: &Source,
        numbers: [u64; 3],
        most: u64,
    ) -> Result<Process, Error> {
        let image = execute::parse(source)?;
        let process = self.table.get(dumped)?;
        let from = process.handle;
        let mut child = process.child(writer, Handle::NONE, self.kernel.now_ns());
        child.dumps = dumped;
        // Nobody waits for it.
        child.identity.parent = 0;
        // What the terminal sends to the process's group is not for it.
        (child.identity.group, child.identity.session) = (writer, writer);
        child.identity.terminal = 0;
        child.limits = Limits::default();
        let texts = numbers.map(|number| alloc::format!("{number}"));
        let arguments = [
            &b"core-dump"[..],
            texts[0].as_bytes(),
            texts[1].as_bytes(),
            texts[2].as_bytes(),
        ];
        child.set_program(WRITER, &[&arguments.join(&0)[..], &[0]].concat());
        let built = self.kernel.build(&Program {
            source,
            image: &image,
            arguments: &arguments,
            environment: &[],
            path: WRITER,
            identity: child.identity,
            stack_bytes: child.limits.get(limits::STACK as u32)?.0,
        })?;
        (child.handle, child.first_stack) = (built.process, built.first_stack);
        if let Err(error) = self.furnish_writer(from, &child, source, most) {
            // It has not run: nobody has seen it.
            self.kernel.kill(child.handle, 0);
            self.kernel.close(child.handle);
            return Err(error);
        }
        Ok(child)
    }

    fn furnish_writer(
        &mut self,
        from: Handle,
        child: &Process,
        source: &Source,
        most: u64,
    ) -> Result<(), Error> {
        let handle = child.handle;
        for slot in [process_slot::ROOT, process_slot::WORKING_DIRECTORY] {
            self.kernel.copy_handle(from, slot, handle, slot)?;
        }
        self.kernel.give(handle, source.file, Handle::EXECUTABLE)?;
        self.kernel.give(handle, from, DUMPED)?;
        self.kernel
            .set_property(handle, process_property::LIMIT_FILE, most)?;
        self.kernel.adopt(handle, PROCESS_BADGE | child.id())?;
        self.kernel.set_identity(handle, &child.identity)
    }

    /// A process that wrote a core has ended: nobody waits for it, and what it wrote about ends too.
    pub(crate) fn writer_ended(&mut self, writer: u64, status: u64) {
        self.forget(writer);
        let Some(index) = self.dumps.iter().position(|dump| dump.writer == writer) else {
            return;
        };
        let dump = self.dumps.swap_remove(index);
        let written = status & (STATUS_KILLED | 0xff) == 0;
        let core = if written { STATUS_CORE } else { 0 };
        let status = killed_status(dump.signal) | core;
        self.kernel.reply(dump.token, Ok(Answer::value(status)));
    }
}
