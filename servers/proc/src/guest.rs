//! The kernel of the guest, and the start of the first process.

use alloc::vec;
use alloc::vec::Vec;
use kernel_abi::memory::{RegionInfo, protection};
use kernel_abi::object::handle_flags;
use kernel_abi::process::{
    ForkResult, ProcessInfo, RAISE_UNLESS_DEFAULT, ThreadInfo, process_property,
};
use kernel_abi::{Handle, ObjectKind, PAGE_SIZE, Rights, Signals};
use kernel_stubs::safe;
use proto::types::{Plain, SignalInformation};
use proto::{Answer, Attributes, Error, Identity, file, supervisor};
use server_rt::{Mapping, Session, elf};

use crate::execute::{Program, Source};
use crate::kernel::{Built, Kernel};
use crate::process::MAX_PROCESSES;
use crate::signal::{DefaultAction, default_action};
use crate::stack::{self, FirstStack, auxiliary};

/// Highest address of a stack; a random number of pages lies above it.
const STACK_TOP: u64 = 0x7fff_f000_0000;
/// Pages that stacks and programs are moved by at random.
const RANDOM_PAGES: u64 = 1 << 16;
/// Largest stack that is reserved when the limit is higher.
const STACK_MOST: u64 = 64 << 20;
const CLOCK_TICKS: u64 = 100;
const PROGRAM_HEADER_SIZE: u64 = 56;
/// Bytes of a record's slot: a commit word, and two halves of which it names the valid one.
const RECORD_SLOT: u64 = 4096;
const RECORD_HEADER: u64 = 64;
const RECORD_HALF: u64 = 2016;
/// In the upper half of a commit word; the lowest bit is the half's number.
const RECORD_MAGIC: u64 = 0x5245_4344_0000_0000;
/// Commit word of a slot whose process is gone; 0 is a slot that no process ever had.
const RECORD_FREE: u64 = 0x4652_4545_0000_0000;
const _: () = assert!(crate::record::CAPACITY as u64 + 8 <= RECORD_HALF);

/// Slot of the vault for the program that writes core files, above those of processes.
pub(crate) const CORE_WRITER_SLOT: u32 = MAX_PROCESSES as u32;

/// Effects by system calls.
pub struct Guest {
    endpoint: Handle,
    /// A process that never runs: its handle table keeps the processes' handles.
    pub(crate) vault: Handle,
    records: Mapping,
}

impl Guest {
    /// Serves `endpoint`, and keeps with the supervisor what the next instance needs.
    pub fn new(endpoint: Handle, supervisor: Handle) -> Result<Guest, Error> {
        let session = Session(supervisor);
        let vault = parked(&session, b"handles", || {
            let vault = safe::process_create()?;
            let limit = process_property::LIMIT_DESCRIPTORS;
            safe::process_set(vault, limit, 2 * MAX_PROCESSES as u64)?;
            Ok(vault)
        })?;
        let size = RECORD_SLOT * MAX_PROCESSES as u64;
        let memory = parked(&session, b"records", || Ok(safe::memory_create(size, 0)?))?;
        let records = Mapping::new(memory, 0, size, true);
        safe::handle_close(memory)?;
        Ok(Guest {
            endpoint,
            vault,
            records: records?,
        })
    }

    /// Where the half of a slot lies that its commit word names, or the other one.
    fn half(slot: usize, which: u64) -> u64 {
        slot as u64 * RECORD_SLOT + RECORD_HEADER + which * RECORD_HALF
    }

    /// Fills an empty process; answers what lies on its stack.
    fn fill(&mut self, process: Handle, program: &Program<'_>) -> Result<FirstStack, Error> {
        let mut random = [[0; 8]; 4];
        self.random(random.as_flattened_mut());
        let [base, top, first, second] = random.map(u64::from_le_bytes);
        let pages = |word: u64| word % RANDOM_PAGES * PAGE_SIZE;
        let (base, top) = (elf::DEFAULT_BASE + pages(base), STACK_TOP - pages(top));
        let memory = program.source.memory;
        let loaded =
            elf::load(process, program.image, memory, 0, base).map_err(|error| match error {
                elf::ElfError::Kernel(error) => Error::from(error),
                _ => Error::NotExecutable,
            })?;
        let identity = &program.identity;
        let contents = stack::Contents {
            arguments: program.arguments,
            environment: program.environment,
            auxiliary: &[
                (auxiliary::PHDR, loaded.program_headers),
                (auxiliary::PHENT, PROGRAM_HEADER_SIZE),
                (auxiliary::PHNUM, loaded.program_header_count),
                (auxiliary::PAGESZ, PAGE_SIZE),
                (auxiliary::BASE, 0),
                (auxiliary::ENTRY, loaded.entry),
                (auxiliary::UID, identity.real_user.into()),
                (auxiliary::EUID, identity.credentials.user.into()),
                (auxiliary::GID, identity.real_group.into()),
                (auxiliary::EGID, identity.credentials.group.into()),
                (auxiliary::CLKTCK, CLOCK_TICKS),
                (auxiliary::SECURE, identity.flags & 1),
            ],
            path: program.path,
            random: (u128::from(second) << 64 | u128::from(first)).to_le_bytes(),
        };
        let bytes = stack::build(&contents, top)?;
        let least = (bytes.len() as u64 + (128 << 10)).next_multiple_of(PAGE_SIZE);
        let most = STACK_MOST.max(least);
        let length = program.stack_bytes.clamp(least, most) & !(PAGE_SIZE - 1);
        elf::map_anonymous(
            process,
            top - length,
            length,
            protection::READ | protection::WRITE,
        )?;
        let pointer = top - bytes.len() as u64;
        safe::process_write(process, pointer, &bytes)?;
        // Stopped before it is started: the registers are there, nothing runs yet.
        safe::process_suspend(process)?;
        safe::process_start(process, loaded.entry, pointer, 0)?;
        Ok(stack::places(&contents, top, pointer))
    }
}

/// What was parked under a name, or what `make` makes, parked.
fn parked(
    supervisor: &Session,
    name: &[u8],
    make: impl FnOnce() -> Result<Handle, Error>,
) -> Result<Handle, Error> {
    if let Ok(answer) = supervisor::unpark(supervisor, name, &[]) {
        return Ok(answer.handles[0]);
    }
    let handle = make()?;
    supervisor::park(supervisor, name, &[handle])?;
    Ok(handle)
}

pub(crate) fn install(process: Handle, handle: Handle, slot: Handle) -> Result<(), Error> {
    let flags = handle_flags::EXACT;
    safe::handle_install(process, handle, slot.0, Rights::ALL, flags)?;
    Ok(())
}

impl Kernel for Guest {
    fn fork(&mut self, token: u64) -> Result<ForkResult, Error> {
        Ok(safe::process_fork(token)?)
    }

    fn is_caller(&mut self, token: u64, process: Handle) -> Result<bool, Error> {
        let caller = safe::process_of_caller(token)?;
        let numbers = [caller, process].map(safe::process_info);
        safe::handle_close(caller)?;
        let [caller, process] = numbers;
        Ok(caller?.object == process?.object)
    }

    fn kill_caller(&mut self, token: u64) -> Result<(), Error> {
        let caller = safe::process_of_caller(token)?;
        self.kill(caller, 0);
        self.close(caller);
        Ok(())
    }

    fn inherit(
        &mut self,
        token: u64,
        process: Handle,
        mask: u64,
        defaults: u64,
    ) -> Result<(), Error> {
        Ok(safe::process_inherit(token, process, mask, defaults)?)
    }

    fn copy_handle(
        &mut self,
        from: Handle,
        source: u32,
        to: Handle,
        target: u32,
    ) -> Result<(), Error> {
        Ok(safe::handle_copy(from, source, to, target)?)
    }

    fn give(&mut self, process: Handle, handle: Handle, slot: Handle) -> Result<(), Error> {
        install(process, handle, slot)
    }

    fn core_writer(&mut self) -> Result<Source, Error> {
        let file = safe::handle_take(self.vault, CORE_WRITER_SLOT)?;
        let source = self.open_program(file);
        if source.is_err() {
            self.close(file);
        }
        source
    }

    fn next_slot(&self, process: Handle, slot: u32) -> Option<u32> {
        safe::handle_next(process, slot).ok().map(|slot| slot.0)
    }

    fn take(&mut self, process: Handle, slot: u32) -> Result<Handle, Error> {
        Ok(safe::handle_take(process, slot)?)
    }

    fn thread(&self, process: Handle, number: u64) -> Option<ThreadInfo> {
        safe::thread_info(process, number).ok()
    }

    fn close_handles(&mut self, process: Handle, first: u32, last: u32) {
        let _ = safe::handle_revoke(process, first, last);
    }

    fn memory(&self) -> (u64, u64) {
        let information = safe::system_info().unwrap_or_default();
        (
            information.memory_free_bytes,
            information.memory_total_bytes,
        )
    }

    fn adopt(&mut self, process: Handle, badge: u64) -> Result<(), Error> {
        let session = safe::session_create(self.endpoint, badge, Handle::NONE, 0)?;
        let (slot, flags) = (
            Handle::PROCESS_SERVER.0,
            handle_flags::EXACT | handle_flags::MOVE,
        );
        if let Err(error) = safe::handle_install(process, session, slot, Rights::ALL, flags) {
            safe::handle_close(session)?;
            return Err(error.into());
        }
        safe::process_supervise(process, self.endpoint, badge)?;
        self.watch(process, badge & !crate::PROCESS_BADGE);
        Ok(())
    }

    fn set_identity(&mut self, process: Handle, identity: &Identity) -> Result<(), Error> {
        let mut bytes = [0; Identity::SIZE];
        identity.encode(&mut bytes).ok_or(Error::BadArgument)?;
        safe::process_set_identity(process, 0, &bytes)?;
        Ok(())
    }

    fn build(&mut self, program: &Program<'_>) -> Result<Built, Error> {
        let process = safe::process_create()?;
        let filled = self.fill(process, program);
        let filled = filled.map(|first_stack| Built {
            process,
            first_stack,
        });
        filled.inspect_err(|_| {
            let _ = safe::process_kill(process, 0);
            self.close(process);
        })
    }

    fn read_memory(&self, process: Handle, address: u64, bytes: &mut [u8]) -> usize {
        safe::process_read(process, address, bytes).unwrap_or(0)
    }

    fn open_program(&mut self, handle: Handle) -> Result<Source, Error> {
        read_program(handle)
    }

    fn replace(&mut self, token: u64, from: Handle) -> Result<(), Error> {
        Ok(safe::process_replace(token, from)?)
    }

    fn kill(&mut self, process: Handle, status: u64) {
        // A process that has ended already is what was wanted.
        let _ = safe::process_kill(process, status);
    }

    fn suspend(&mut self, process: Handle) {
        let _ = safe::process_suspend(process);
    }

    fn resume(&mut self, process: Handle) {
        let _ = safe::process_resume(process);
    }

    fn raise(
        &mut self,
        process: Handle,
        thread: u64,
        information: &SignalInformation,
    ) -> Result<(), Error> {
        let signal = information.signal;
        let upcall = match default_action(signal) {
            DefaultAction::Ignore | DefaultAction::Continue => {
                u64::from(signal - 1) | RAISE_UNLESS_DEFAULT
            }
            _ => u64::from(signal - 1),
        };
        let [value, detail0, detail1] = information.words();
        let raised = safe::upcall_raise(process, thread, upcall, value, detail0, detail1);
        Ok(raised?)
    }

    fn discard(&mut self, process: Handle, set: u64) {
        let _ = safe::upcall_discard(process, set);
    }

    fn action(&self, process: Handle, signal: u32) -> u64 {
        let action = safe::upcall_inspect(process, u64::from(signal - 1));
        action.map_or(0, |action| action.flags)
    }

    fn information(&self, process: Handle) -> ProcessInfo {
        safe::process_info(process).unwrap_or_default()
    }

    fn region(&self, process: Handle, address: u64) -> Option<RegionInfo> {
        safe::region_info(process, address).ok()
    }

    fn set_property(&mut self, process: Handle, property: u64, value: u64) -> Result<(), Error> {
        Ok(safe::process_set(process, property, value)?)
    }

    fn close(&mut self, handle: Handle) {
        let _ = safe::handle_close(handle);
    }

    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        server_rt::reply(token, result);
    }

    fn write_kept(&mut self, token: u64, buffer: usize, bytes: &[u8]) -> Result<(), Error> {
        safe::message_write(token, buffer as u64, 0, bytes)?;
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        safe::monotonic_ns()
    }

    fn share(&mut self, process: Handle) -> Result<Handle, Error> {
        let (slot, flags) = (Handle::HIGH_FREE, handle_flags::HIGH);
        let rights = Rights::WAIT.or(Rights::DUPLICATE).or(Rights::TRANSFER);
        Ok(safe::handle_duplicate(process, slot, rights, flags)?)
    }

    fn watch(&mut self, process: Handle, id: u64) {
        let bound = safe::endpoint_bind(self.endpoint, process, Signals::TERMINATED, id);
        if let Err(error) = bound {
            server_rt::log!("cannot watch process {id}: {}", error.name());
        }
    }

    fn keep(&mut self, slot: usize, process: Handle) {
        let (slot, flags) = (slot as u32, handle_flags::EXACT);
        if let Err(error) = safe::handle_install(self.vault, process, slot, Rights::ALL, flags) {
            server_rt::log!("cannot keep a process: {}", error.name());
        }
    }

    fn release(&mut self, slot: usize) {
        // There is no closing in another's table: what can do no harm takes the place.
        let (slot, flags) = (slot as u32, handle_flags::EXACT);
        let _ = safe::handle_install(self.vault, self.endpoint, slot, Rights::NONE, flags);
    }

    fn take_kept(&mut self, slot: usize) -> Option<Handle> {
        let handle = safe::handle_take(self.vault, slot as u32).ok()?;
        let is_process = safe::process_info(handle).is_ok();
        if !is_process {
            self.close(handle);
        }
        is_process.then_some(handle)
    }

    fn kept_slots(&self) -> Vec<usize> {
        let word = |slot: usize| self.records.load(slot as u64 * RECORD_SLOT).unwrap_or(0);
        // The lowest free slot is taken first, so nothing lies behind one that was never used.
        // Looking on would cost a page of memory for each slot.
        (0..MAX_PROCESSES)
            .take_while(|slot| word(*slot) != 0)
            .filter(|slot| word(*slot) & !1 == RECORD_MAGIC)
            .collect()
    }

    fn write_record(&mut self, slot: usize, record: &[u8]) {
        let commit = slot as u64 * RECORD_SLOT;
        let current = self.records.load(commit).unwrap_or(0);
        let next = 1 - (current & 1);
        let half = Guest::half(slot, next);
        let written = self
            .records
            .write(half + 8, record)
            .and_then(|()| self.records.store(half, record.len() as u64))
            .and_then(|()| self.records.store(commit, RECORD_MAGIC | next));
        if written.is_none() {
            server_rt::log!("cannot save a process");
        }
    }

    fn read_record(&self, slot: usize) -> Option<Vec<u8>> {
        let word = self.records.load(slot as u64 * RECORD_SLOT)?;
        let half = Guest::half(slot, word & 1);
        let length = self.records.load(half)?.min(RECORD_HALF - 8);
        let mut record = vec![0; usize::try_from(length).ok()?];
        self.records.read(half + 8, &mut record)?;
        Some(record)
    }

    fn clear_record(&mut self, slot: usize) {
        let _ = self.records.store(slot as u64 * RECORD_SLOT, RECORD_FREE);
    }

    fn log(&self, text: &str) {
        server_rt::log!("{text}");
    }

    fn random(&mut self, bytes: &mut [u8]) {
        // Fails only before the kernel has entropy; the addresses are then merely not random.
        let _ = safe::random(bytes);
    }
}

/// A regular file's session carries a Cursor. Anything else may be served by somebody who waits
/// for this server, and must not be called.
fn read_program(handle: Handle) -> Result<Source, Error> {
    if safe::handle_info(handle)?.data_kind != ObjectKind::Cursor as u32 {
        return Err(Error::AccessDenied);
    }
    let session = Session(handle);
    let mut bytes = [0; Attributes::SIZE];
    file::status(&session, &mut bytes, &[])?;
    let attributes = Attributes::decode(&bytes).ok_or(Error::BadMessage)?;
    let access = protection::READ | protection::EXECUTE;
    let answer = file::map(&session, access, &[])?;
    let header = read_header(answer.handles[0], answer.words[0]);
    if header.is_err() {
        safe::handle_close(answer.handles[0])?;
    }
    Ok(Source {
        file: handle,
        memory: answer.handles[0],
        length: answer.words[0],
        header: header?,
        attributes,
    })
}

/// The beginning of a program of so many bytes, as far as it has to be looked at.
fn read_header(memory: Handle, length: u64) -> Result<Vec<u8>, Error> {
    let mut header = vec![0; elf::FIRST_BYTES];
    let mut count = safe::read_at(memory, &mut header, 0)?;
    let needed = elf::needed_bytes(&header);
    if needed > header.len() {
        header.resize(needed, 0);
        count = safe::read_at(memory, &mut header, 0)?;
    }
    // Beyond the content a Memory reads as zeros to the end of its page.
    header.truncate(count.min(usize::try_from(length).unwrap_or(count)));
    Ok(header)
}
