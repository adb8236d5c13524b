//! The server over a fake kernel.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::string::String;
use std::vec;
use std::vec::Vec;

use kernel_abi::Handle;
use kernel_abi::memory::RegionInfo;
use kernel_abi::message::{Fault, WORDS};
use kernel_abi::process::{
    ForkResult, ProcessInfo, ThreadInfo, fault_kind, thread_state, upcall_flags,
};
use proto::types::{
    Plain, SignalInformation, SpawnAction, SpawnAttributes, WaitStatus, spawn_flags,
};
use proto::{Answer, Attributes, Call, Error, Identity, Input, Outcome, Output, job, process};

use crate::execute::{Program, Source};
use crate::kernel::{Built, Kernel};
use crate::process::Process;
use crate::signal::{STOPS, bit, kept, number};
use crate::stack::FirstStack;
use crate::{NAME_SPACE_BADGE, PROCESS_BADGE, Server, TERMINAL_BADGE};

mod core_dump;
mod process_entry;

/// What the fake saw, and what it answers.
#[derive(Default)]
struct Fake {
    next_handle: u32,
    raised: Vec<(Handle, u32)>,
    told: Vec<SignalInformation>,
    discarded: Vec<(Handle, u64)>,
    actions: BTreeMap<(u32, u32), u64>,
    queue_full: bool,
    inherited: Vec<(u64, u64)>,
    copied: Vec<(u32, u32)>,
    closed: Vec<(u32, u32)>,
    free_bytes: u64,
    replies: Vec<(u64, Result<Answer, Error>)>,
    written: Vec<(u64, Vec<u8>)>,
    killed: Vec<(Handle, u64)>,
    suspended: Vec<Handle>,
    resumed: Vec<Handle>,
    information: BTreeMap<u32, ProcessInfo>,
    identities: BTreeMap<u32, Identity>,
    replaced: Vec<(u64, Handle)>,
    now_ns: u64,
    kept: BTreeMap<usize, Handle>,
    records: BTreeMap<usize, Vec<u8>>,
    watched: Vec<u64>,
    given: BTreeMap<(u32, u32), Handle>,
    threads: BTreeMap<u32, Vec<u64>>,
    properties: Vec<(u32, u64, u64)>,
    program: Vec<u8>,
    mode: u32,
    /// Whose calls come, when they are not those of the process whose session they come by.
    caller: Option<Handle>,
    callers_killed: Vec<u64>,
}

impl Kernel for Fake {
    fn fork(&mut self, token: u64) -> Result<ForkResult, Error> {
        self.next_handle += 1;
        Ok(ForkResult {
            process: self.next_handle.into(),
            token: token + 1000,
        })
    }
    fn is_caller(&mut self, _token: u64, process: Handle) -> Result<bool, Error> {
        Ok(self.caller.is_none_or(|caller| caller == process))
    }
    fn kill_caller(&mut self, token: u64) -> Result<(), Error> {
        self.callers_killed.push(token);
        Ok(())
    }
    fn inherit(&mut self, _: u64, _: Handle, mask: u64, defaults: u64) -> Result<(), Error> {
        self.inherited.push((mask, defaults));
        Ok(())
    }
    fn copy_handle(&mut self, _: Handle, source: u32, _: Handle, to: u32) -> Result<(), Error> {
        self.copied.push((source, to));
        Ok(())
    }
    fn give(&mut self, process: Handle, handle: Handle, slot: Handle) -> Result<(), Error> {
        self.given.insert((process.0, slot.0), handle);
        Ok(())
    }
    fn core_writer(&mut self) -> Result<Source, Error> {
        self.open_program(Handle(4000))
    }
    fn next_slot(&self, _process: Handle, slot: u32) -> Option<u32> {
        [0, 1, 5, Handle::HIGH_BASE]
            .into_iter()
            .find(|used| *used >= slot)
    }
    fn take(&mut self, _process: Handle, slot: u32) -> Result<Handle, Error> {
        Ok(Handle(9000 + slot % Handle::HIGH_BASE))
    }
    fn thread(&self, process: Handle, number: u64) -> Option<ThreadInfo> {
        let numbers = self.threads.get(&process.0)?;
        let number = *numbers.iter().find(|known| **known >= number)?;
        Some(ThreadInfo {
            number,
            state: thread_state::WAIT_TIME,
            user_ns: 30_000_000,
            kernel_ns: 20_000_000,
            ..Default::default()
        })
    }
    fn close_handles(&mut self, _: Handle, first: u32, last: u32) {
        self.closed.push((first, last));
    }
    fn memory(&self) -> (u64, u64) {
        (self.free_bytes, 1 << 30)
    }
    fn adopt(&mut self, _process: Handle, _badge: u64) -> Result<(), Error> {
        Ok(())
    }
    fn set_identity(&mut self, process: Handle, identity: &Identity) -> Result<(), Error> {
        self.identities.insert(process.0, *identity);
        Ok(())
    }
    fn build(&mut self, _program: &Program<'_>) -> Result<Built, Error> {
        self.next_handle += 1;
        Ok(Built {
            process: Handle(self.next_handle),
            first_stack: FirstStack {
                environment: (0x1000, 7),
                auxiliary: (0x1007, 32),
            },
        })
    }
    fn read_memory(&self, _process: Handle, _address: u64, bytes: &mut [u8]) -> usize {
        bytes.fill(b'e');
        bytes.len()
    }
    fn open_program(&mut self, file: Handle) -> Result<Source, Error> {
        Ok(Source {
            file,
            memory: Handle(9999),
            length: self.program.len() as u64,
            header: self.program.clone(),
            attributes: Attributes {
                mode: self.mode,
                ..Default::default()
            },
        })
    }
    fn replace(&mut self, token: u64, from: Handle) -> Result<(), Error> {
        self.replaced.push((token, from));
        Ok(())
    }
    fn kill(&mut self, process: Handle, status: u64) {
        self.killed.push((process, status));
    }
    fn suspend(&mut self, process: Handle) {
        self.suspended.push(process);
    }
    fn resume(&mut self, process: Handle) {
        self.resumed.push(process);
    }
    fn raise(
        &mut self,
        process: Handle,
        _: u64,
        information: &SignalInformation,
    ) -> Result<(), Error> {
        if self.queue_full {
            return Err(Error::WouldBlock);
        }
        self.raised.push((process, information.signal));
        self.told.push(*information);
        Ok(())
    }
    fn discard(&mut self, process: Handle, set: u64) {
        self.discarded.push((process, set));
    }
    fn action(&self, process: Handle, signal: u32) -> u64 {
        let action = self.actions.get(&(process.0, signal));
        action.copied().unwrap_or_default()
    }
    fn information(&self, process: Handle) -> ProcessInfo {
        self.information
            .get(&process.0)
            .copied()
            .unwrap_or_default()
    }
    fn region(&self, _process: Handle, _address: u64) -> Option<RegionInfo> {
        None
    }
    fn set_property(&mut self, process: Handle, property: u64, value: u64) -> Result<(), Error> {
        self.properties.push((process.0, property, value));
        Ok(())
    }
    fn close(&mut self, _handle: Handle) {}
    fn reply(&mut self, token: u64, result: Result<Answer, Error>) {
        self.replies.push((token, result));
    }
    fn write_kept(&mut self, token: u64, _buffer: usize, bytes: &[u8]) -> Result<(), Error> {
        self.written.push((token, bytes.to_vec()));
        Ok(())
    }
    fn now_ns(&self) -> u64 {
        self.now_ns
    }
    fn share(&mut self, process: Handle) -> Result<Handle, Error> {
        Ok(Handle(process.0 + 1000))
    }
    fn watch(&mut self, _process: Handle, id: u64) {
        self.watched.push(id);
    }
    fn keep(&mut self, slot: usize, process: Handle) {
        self.kept.insert(slot, process);
    }
    fn release(&mut self, slot: usize) {
        self.kept.remove(&slot);
    }
    fn take_kept(&mut self, slot: usize) -> Option<Handle> {
        self.kept.get(&slot).copied()
    }
    fn kept_slots(&self) -> Vec<usize> {
        self.records.keys().copied().collect()
    }
    fn write_record(&mut self, slot: usize, record: &[u8]) {
        self.records.insert(slot, record.to_vec());
    }
    fn read_record(&self, slot: usize) -> Option<Vec<u8>> {
        self.records.get(&slot).cloned()
    }
    fn clear_record(&mut self, slot: usize) {
        self.records.remove(&slot);
    }
    fn log(&self, _text: &str) {}
    fn random(&mut self, bytes: &mut [u8]) {
        bytes.fill(4);
    }
}

/// A call from a process.
struct TestCall {
    badge: u64,
    token: u64,
    words: [u64; WORDS],
    inputs: Vec<Vec<u8>>,
    outputs: RefCell<Vec<Vec<u8>>>,
    handles: Vec<Handle>,
    label: u64,
    redelivered: bool,
}

impl Call for TestCall {
    fn badge(&self) -> u64 {
        self.badge
    }
    fn label(&self) -> u64 {
        self.label
    }
    fn token(&self) -> u64 {
        self.token
    }
    fn number(&self) -> u64 {
        self.token
    }
    fn redelivered(&self) -> bool {
        self.redelivered
    }
    fn words(&self) -> [u64; WORDS] {
        self.words
    }
    fn buffer(&self, index: usize) -> Option<(u64, bool)> {
        let outputs = self.outputs.borrow();
        match self.inputs.get(index) {
            Some(input) => Some((input.len() as u64, false)),
            None => Some((outputs.get(index - self.inputs.len())?.len() as u64, true)),
        }
    }
    fn handles(&self) -> &[Handle] {
        &self.handles
    }
    fn identity(&self) -> Result<Identity, Error> {
        Err(Error::Unsupported)
    }
    fn read(&self, input: Input, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let rest = &self.inputs[input.index][offset as usize..];
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
    fn write(&self, output: Output, offset: u64, bytes: &[u8]) -> Result<usize, Error> {
        let mut outputs = self.outputs.borrow_mut();
        let target = &mut outputs[output.index - self.inputs.len()][offset as usize..];
        let count = target.len().min(bytes.len());
        target[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }
}

struct Machine {
    server: Server<Fake>,
    token: u64,
    /// The caller's label, when it is not its badge's.
    label: Option<u64>,
    redelivered: bool,
}

const INIT_HANDLE: u32 = 1;

impl Machine {
    fn new() -> Machine {
        let fake = Fake {
            next_handle: INIT_HANDLE,
            free_bytes: 1 << 30,
            ..Default::default()
        };
        let first = Process::first(Handle(INIT_HANDLE), 0);
        Machine {
            server: Server::new(fake, first),
            token: 0,
            label: None,
            redelivered: false,
        }
    }

    fn call(
        &mut self,
        badge: u64,
        words: &[u64],
        inputs: &[&[u8]],
        outputs: &[usize],
        handles: &[Handle],
    ) -> (Result<Outcome, Error>, Vec<Vec<u8>>) {
        self.token += 1;
        let mut all = [0; WORDS];
        all[..words.len()].copy_from_slice(words);
        let mut call = TestCall {
            badge,
            token: self.token,
            words: all,
            inputs: inputs.iter().map(|input| input.to_vec()).collect(),
            outputs: RefCell::new(outputs.iter().map(|length| vec![0; *length]).collect()),
            handles: handles.to_vec(),
            label: self.label.unwrap_or(badge & !PROCESS_BADGE),
            redelivered: self.redelivered,
        };
        let reply = self.server.serve(&mut call);
        self.server.save();
        (reply, call.outputs.into_inner())
    }

    fn simple(&mut self, process: u64, words: &[u64]) -> Result<u64, Error> {
        let badge = PROCESS_BADGE | process;
        let (reply, _) = self.call(badge, words, &[], &[], &[]);
        reply.map(|outcome| match outcome {
            Outcome::Answer(answer) => answer.words[0],
            other => panic!("{other:?}"),
        })
    }

    fn fork(&mut self, parent: u64) -> u64 {
        self.simple(parent, &[process::number::fork]).unwrap()
    }

    fn handle(&self, process: u64) -> Handle {
        self.server.table.get(process).unwrap().handle
    }

    /// The process ends with a status.
    fn end(&mut self, process: u64, status: u64) {
        let handle = self.handle(process);
        let information = self.server.kernel.information.entry(handle.0).or_default();
        information.exit_status = status;
        self.server.bound(process);
    }

    fn wait(&mut self, parent: u64, options: u64) -> Result<Option<WaitStatus>, Error> {
        let words = [process::number::wait, 0, 0, options];
        let badge = PROCESS_BADGE | parent;
        let (reply, outputs) = self.call(badge, &words, &[], &[WaitStatus::SIZE], &[]);
        match reply? {
            Outcome::Answer(answer) if answer.words[0] != 0 => Ok(WaitStatus::decode(&outputs[0])),
            _ => Ok(None),
        }
    }

    fn act(&mut self, process: u64, signal: u32, flags: u64) {
        let handle = self.handle(process);
        self.server.kernel.actions.insert((handle.0, signal), flags);
    }

    fn ignore(&mut self, process: u64, signal: u32) {
        self.act(process, signal, upcall_flags::IGNORED);
    }

    fn kill(&mut self, sender: u64, target: i64, signal: u32) -> Result<u64, Error> {
        let words = [process::number::kill, target as u64, signal.into()];
        self.simple(sender, &words)
    }

    /// The kernel finds a signal without handler: the answer's word.
    fn default_action(&mut self, process: u64, signal: u32) -> u64 {
        let fault = Fault {
            upcall: signal - 1,
            ..Default::default()
        };
        self.server.stopped_by(process, 555, &fault);
        let (_, answer) = self.server.kernel.replies.pop().unwrap();
        answer.unwrap().words[0]
    }
}

const EXITED: u64 = 4;
const STOPPED: u64 = 2;
const CONTINUED: u64 = 8;
const NO_HANG: u64 = 1;

#[test]
fn fork_answers_both_and_tells_the_child_who_it_is() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    assert_eq!(child, 2);
    let (token, answer) = machine.server.kernel.replies[0];
    assert_eq!((token, answer), (1001, Ok(Answer::value(0))));
    let identity = machine.server.kernel.identities[&machine.handle(child).0];
    assert_eq!((identity.process, identity.parent), (2, 1));
    assert_eq!((identity.group, identity.session), (1, 1));
}

#[test]
fn wait_tells_an_exit_once_and_then_there_is_no_child() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    machine.end(child, 7);
    let status = machine.wait(1, EXITED).unwrap().unwrap();
    assert_eq!((status.process, status.code, status.status), (child, 1, 7));
    assert_eq!(machine.wait(1, EXITED), Err(Error::NoChild));
}

#[test]
fn wait_waits_for_the_end_and_is_answered_by_it() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    assert_eq!(machine.wait(1, EXITED | NO_HANG), Ok(None));
    machine.server.kernel.replies.clear();
    assert_eq!(machine.wait(1, EXITED), Ok(None));
    let token = machine.token;
    machine.end(child, (1 << 31) | 9);
    assert_eq!(
        machine.server.kernel.replies,
        [(token, Ok(Answer::value(child)))]
    );
    let (_, bytes) = &machine.server.kernel.written[0];
    let status = WaitStatus::decode(bytes).unwrap();
    assert_eq!((status.code, status.status), (2, 9));
}

#[test]
fn an_interrupted_wait_ends_and_takes_no_child_with_it() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    assert_eq!(machine.wait(1, EXITED), Ok(None));
    let token = machine.token;
    machine.server.wait_cancelled(token);
    let interrupted = (token, Err(Error::Interrupted));
    assert_eq!(machine.server.kernel.replies.last(), Some(&interrupted));
    machine.end(child, 0);
    assert!(machine.wait(1, EXITED).unwrap().is_some());
}

#[test]
fn orphans_go_to_the_first_process_or_the_nearest_reaper() {
    let mut machine = Machine::new();
    let parent = machine.fork(1);
    let child = machine.fork(parent);
    let grandchild = machine.fork(child);
    machine
        .simple(parent, &[process::number::set_reaper, 1])
        .unwrap();
    machine.end(child, 0);
    let parent_of = |machine: &Machine, id| machine.server.table.get(id).unwrap().identity.parent;
    assert_eq!(parent_of(&machine, grandchild), parent);
    machine.end(parent, 0);
    assert_eq!(parent_of(&machine, grandchild), 1);
    let identity = machine.server.kernel.identities[&machine.handle(grandchild).0];
    assert_eq!(identity.parent, 1);
}

#[test]
fn a_parent_that_ignores_its_children_gets_no_zombies() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    machine.ignore(1, number::CHLD);
    assert_eq!(machine.wait(1, EXITED), Ok(None));
    machine.end(child, 0);
    let answer = machine.server.kernel.replies.last().unwrap().1;
    assert_eq!(answer, Err(Error::NoChild));
    assert!(machine.server.table.get(child).is_err());
}

#[test]
fn the_end_of_a_child_is_signalled_with_who_it_was_and_how_it_ended() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    machine.end(child, 3);
    let raised = [(Handle(INIT_HANDLE), number::CHLD)];
    assert_eq!(machine.server.kernel.raised, raised);
    let told = machine.server.kernel.told[0];
    assert_eq!((told.process, told.code, told.status), (child, 1, 3));
}

#[test]
fn a_parent_that_does_not_want_to_wait_gets_no_zombies_but_the_signal_if_it_catches_it() {
    let mut machine = Machine::new();
    for (flags, signals) in [(0, 0), (upcall_flags::CAUGHT, 1)] {
        machine.act(1, number::CHLD, kept::NO_CHILD_WAIT | flags);
        let child = machine.fork(1);
        machine.server.kernel.raised.clear();
        machine.end(child, 0);
        assert!(machine.server.table.get(child).is_err());
        assert_eq!(machine.server.kernel.raised.len(), signals);
    }
}

#[test]
fn a_parent_that_does_not_want_to_hear_of_stops_hears_of_ends_only() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    machine.act(1, number::CHLD, upcall_flags::CAUGHT | kept::NO_CHILD_STOP);
    machine.kill(1, child as i64, number::STOP).unwrap();
    machine.kill(1, child as i64, number::CONT).unwrap();
    let to_parent = |machine: &Machine| {
        let raised = machine.server.kernel.raised.iter();
        raised.filter(|(handle, _)| handle.0 == INIT_HANDLE).count()
    };
    assert_eq!(to_parent(&machine), 0);
    assert!(
        machine.wait(1, CONTINUED).unwrap().is_some(),
        "wait tells it"
    );
    machine.end(child, 0);
    assert_eq!(to_parent(&machine), 1);
}

#[test]
fn stops_and_continuations_undo_each_other_while_they_are_pending() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    let handle = machine.handle(child);
    machine.kill(1, child as i64, number::TSTP).unwrap();
    machine.kill(1, child as i64, number::CONT).unwrap();
    let expected = [(handle, bit(number::CONT)), (handle, STOPS)];
    assert_eq!(machine.server.kernel.discarded, expected);
}

#[test]
fn a_queue_that_is_full_is_told_to_the_sender() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    machine.server.kernel.queue_full = true;
    assert_eq!(machine.kill(1, child as i64, 40), Err(Error::WouldBlock));
}

#[test]
fn default_actions_end_stop_or_do_nothing() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    machine
        .simple(child, &[process::number::set_group, 0, 0])
        .unwrap();
    assert_eq!(machine.default_action(child, 15), (1 << 31) | 15);
    assert_eq!(machine.default_action(child, 6), (1 << 31) | 6);
    assert_eq!(machine.default_action(child, number::WINCH), 0);
    assert_eq!(machine.default_action(child, number::TSTP), 0);
    assert_eq!(machine.server.kernel.suspended, [machine.handle(child)]);
    let told = machine.wait(1, STOPPED).unwrap().unwrap();
    assert_eq!((told.code, told.status), (5, number::TSTP));
    assert_eq!(machine.wait(1, STOPPED | NO_HANG), Ok(None));
    machine.kill(1, child as i64, number::CONT).unwrap();
    assert_eq!(machine.server.kernel.resumed, [machine.handle(child)]);
    let told = machine.wait(1, CONTINUED).unwrap().unwrap();
    assert_eq!(told.code, 6);
}

#[test]
fn terminal_stops_do_nothing_in_an_orphaned_group() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    machine
        .simple(child, &[process::number::new_session])
        .unwrap();
    assert_eq!(machine.default_action(child, number::TSTP), 0);
    assert_eq!(machine.server.kernel.suspended, []);
}

#[test]
fn a_group_that_becomes_orphaned_while_stopped_is_hung_up_and_no_other() {
    let mut machine = Machine::new();
    let leader = machine.fork(1);
    let new_session = [process::number::new_session];
    machine.simple(leader, &new_session).unwrap();
    let (stopped, other) = (machine.fork(leader), machine.fork(leader));
    machine.kill(1, stopped as i64, number::STOP).unwrap();
    machine.end(other, 0);
    let hung_up = |machine: &Machine| {
        let raised = machine.server.kernel.raised.iter();
        let hang_ups = raised.filter(|(_, signal)| *signal == number::HUP);
        hang_ups.map(|(handle, _)| *handle).collect::<Vec<_>>()
    };
    assert_eq!(hung_up(&machine), [], "orphaned from its beginning");
    machine
        .simple(leader, &[process::number::set_group, stopped, stopped])
        .unwrap();
    let handle = machine.handle(stopped);
    machine.end(leader, 0);
    assert_eq!(hung_up(&machine), [handle]);
    assert_eq!(machine.server.kernel.resumed, [handle]);
}

#[test]
fn a_fault_ends_the_process_even_if_the_signal_is_blocked_or_ignored() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    machine.ignore(child, number::SEGV);
    let fault = Fault {
        kind: 1,
        upcall: number::SEGV - 1,
        ..Default::default()
    };
    machine.server.stopped_by(child, 77, &fault);
    let (token, answer) = machine.server.kernel.replies.pop().unwrap();
    assert_eq!((token, answer.unwrap().words[0]), (77, (1 << 31) | 11));
}

#[test]
fn without_memory_the_biggest_process_ends_and_the_others_go_on() {
    let mut machine = Machine::new();
    let (small, big) = (machine.fork(1), machine.fork(1));
    for (process, bytes) in [(1, 900), (small, 10), (big, 500)] {
        let handle = machine.handle(process);
        let information = machine
            .server
            .kernel
            .information
            .entry(handle.0)
            .or_default();
        information.resident_bytes = bytes;
    }
    let fault = Fault {
        kind: fault_kind::NO_MEMORY,
        upcall: number::KILL - 1,
        ..Default::default()
    };
    machine.server.stopped_by(small, 7, &fault);
    let killed = [(machine.handle(big), (1 << 31) | 9)];
    assert_eq!(machine.server.kernel.killed, killed);
    let (_, answer) = machine.server.kernel.replies.pop().unwrap();
    assert_eq!(answer.unwrap().words[0], 0, "it tries again");
    machine.server.stopped_by(big, 8, &fault);
    let (_, answer) = machine.server.kernel.replies.pop().unwrap();
    assert_eq!(answer.unwrap().words[0], (1 << 31) | 9);
}

#[test]
fn kill_needs_a_target_and_permission() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    let other = machine.fork(1);
    assert_eq!(machine.kill(1, 99, 15), Err(Error::NoProcess));
    assert_eq!(machine.kill(1, child as i64, 65), Err(Error::BadArgument));
    machine
        .simple(child, &[process::number::set_ids, 0, 1000, 0, 0])
        .unwrap();
    assert_eq!(
        machine.kill(child, other as i64, 15),
        Err(Error::NotPermitted)
    );
    assert_eq!(machine.kill(child, child as i64, 0), Ok(0));
    machine.kill(other, child as i64, number::KILL).unwrap();
    let killed = [(machine.handle(child), (1 << 31) | 9)];
    assert_eq!(machine.server.kernel.killed, killed);
    machine.kill(other, 1, number::KILL).unwrap();
    assert_eq!(machine.server.kernel.killed.len(), 1, "init is not killed");
}

#[test]
fn group_signals_reach_the_members_only() {
    let mut machine = Machine::new();
    let (first, second) = (machine.fork(1), machine.fork(1));
    for member in [first, second] {
        machine
            .simple(1, &[process::number::set_group, member, first])
            .unwrap();
    }
    machine.kill(1, -(first as i64), 15).unwrap();
    let expected = [(machine.handle(first), 15), (machine.handle(second), 15)];
    assert_eq!(machine.server.kernel.raised, expected);
}

#[test]
fn groups_and_sessions_obey_the_rules_of_posix() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    let set_group = |machine: &mut Machine, caller, process, group| {
        machine.simple(caller, &[process::number::set_group, process, group])
    };
    assert_eq!(
        set_group(&mut machine, 1, child, 99),
        Err(Error::NotPermitted)
    );
    assert_eq!(set_group(&mut machine, child, 1, 1), Err(Error::NoProcess));
    set_group(&mut machine, 1, child, child).unwrap();
    let new_session = [process::number::new_session];
    assert_eq!(
        machine.simple(child, &new_session),
        Err(Error::NotPermitted)
    );
    let grandchild = machine.fork(child);
    assert_eq!(machine.simple(grandchild, &new_session), Ok(grandchild));
    assert_eq!(
        set_group(&mut machine, grandchild, 0, 0),
        Err(Error::NotPermitted)
    );
}

#[test]
fn only_declared_peers_use_what_is_theirs() {
    let mut machine = Machine::new();
    let status = [job::number::group_status, 1];
    assert_eq!(machine.simple(1, &status), Err(Error::NotPermitted));
    let (reply, _) = machine.call(TERMINAL_BADGE, &status, &[], &[], &[]);
    assert!(reply.is_ok());
    let fork = [process::number::fork];
    for badge in [NAME_SPACE_BADGE, TERMINAL_BADGE, 77, PROCESS_BADGE | 77] {
        let (reply, _) = machine.call(badge, &fork, &[], &[], &[]);
        assert!(reply.is_err(), "{badge:#x}");
    }
}

#[test]
fn the_terminal_server_sees_leaders_end_and_takes_terminals_away() {
    let mut machine = Machine::new();
    let leader = machine.fork(1);
    machine
        .simple(leader, &[process::number::new_session])
        .unwrap();
    let member = machine.fork(leader);
    let ask = |machine: &mut Machine, words: [u64; 3]| {
        machine.call(TERMINAL_BADGE, &words, &[], &[], &[]).0
    };
    let terminal = [job::number::set_terminal, leader, 0x501];
    ask(&mut machine, terminal).unwrap();
    ask(&mut machine, [job::number::release_terminal, member, 0]).unwrap();
    let of = |machine: &Machine, id| machine.server.table.get(id).unwrap().identity.terminal;
    assert_eq!((of(&machine, leader), of(&machine, member)), (0x501, 0));
    let handle = machine.handle(leader);
    let Ok(Outcome::Answer(answer)) = ask(&mut machine, [job::number::leader, leader, 0]) else {
        panic!("no handle")
    };
    assert_eq!(answer.handles[0], Handle(handle.0 + 1000), "a weaker one");
    let no_leader = ask(&mut machine, [job::number::leader, member, 0]);
    assert_eq!(no_leader, Err(Error::NoProcess));
    machine.end(leader, 0);
    let ended = ask(&mut machine, [job::number::leader, leader, 0]);
    assert_eq!(ended, Err(Error::NoProcess));
}

#[test]
fn exec_refuses_what_is_no_program_and_replaces_with_what_is() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    let badge = PROCESS_BADGE | child;
    let words = [process::number::execute];
    let inputs: [&[u8]; 3] = [b"/bin/true", b"true\0", b""];
    machine.server.kernel.mode = 0o100755;
    machine.server.kernel.program = b"#!/bin/sh\n".to_vec();
    let (reply, _) = machine.call(badge, &words, &inputs, &[], &[Handle(5)]);
    assert_eq!(reply, Err(Error::NotExecutable));
    machine.server.kernel.mode = 0o100644;
    let (reply, _) = machine.call(badge, &words, &inputs, &[], &[Handle(5)]);
    assert_eq!(reply, Err(Error::AccessDenied));
    assert_eq!(machine.server.kernel.replaced, []);
    machine.server.kernel.mode = 0o104755;
    machine.server.kernel.program = program();
    let (reply, _) = machine.call(badge, &words, &inputs, &[], &[Handle(5)]);
    assert_eq!(reply, Ok(Outcome::Forwarded));
    assert_eq!(machine.server.kernel.replaced[0].0, machine.token);
    let process = machine.server.table.get(child).unwrap();
    assert_eq!(process.name, b"true");
    let badly_ended: [&[u8]; 3] = [b"x", b"no end", b""];
    let (reply, _) = machine.call(badge, &words, &badly_ended, &[], &[Handle(5)]);
    assert_eq!(reply, Err(Error::BadArgument));
}

/// Spawns a program with attributes and changes.
fn spawn(
    machine: &mut Machine,
    parent: u64,
    flags: u32,
    attributes: SpawnAttributes,
    actions: &[SpawnAction],
) -> Result<u64, Error> {
    let mut bytes = vec![0; SpawnAttributes::SIZE + actions.len() * SpawnAction::SIZE];
    let (first, rest) = bytes.split_at_mut(SpawnAttributes::SIZE);
    attributes.encode(first).unwrap();
    for (action, place) in actions.iter().zip(rest.chunks_mut(SpawnAction::SIZE)) {
        action.encode(place).unwrap();
    }
    machine.server.kernel.program = program();
    machine.server.kernel.mode = 0o100755;
    let inputs: [&[u8]; 4] = [b"/bin/true", b"true\0", b"", &bytes];
    let words = [process::number::spawn, flags.into()];
    let badge = PROCESS_BADGE | parent;
    let (reply, _) = machine.call(badge, &words, &inputs, &[], &[Handle(5)]);
    reply.map(|outcome| match outcome {
        Outcome::Answer(answer) => answer.words[0],
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_spawned_child_has_its_program_group_handles_and_parent() {
    let mut machine = Machine::new();
    let attributes = SpawnAttributes {
        mask: 5,
        defaults: 6,
        ..Default::default()
    };
    let actions = [
        SpawnAction {
            target: 1,
            source: 7,
        },
        SpawnAction {
            target: 3,
            source: SpawnAction::CLOSE,
        },
        SpawnAction {
            target: 10,
            source: SpawnAction::CLOSE_FROM,
        },
    ];
    let flags = spawn_flags::SET_GROUP;
    let child = spawn(&mut machine, 1, flags, attributes, &actions).unwrap();
    let process = machine.server.table.get(child).unwrap();
    assert_eq!(
        (process.identity.parent, process.identity.group),
        (1, child)
    );
    assert!(process.executed && process.name == b"true");
    let kernel = &machine.server.kernel;
    assert_eq!(kernel.inherited, [(5, 6)]);
    assert_eq!(kernel.copied, [(7, 1)]);
    assert_eq!(kernel.closed, [(3, 3), (10, Handle::HIGH_BASE - 1)]);
    assert_eq!(kernel.resumed, [process.handle]);
    machine.end(child, 4);
    let told = machine.wait(1, EXITED).unwrap().unwrap();
    assert_eq!((told.process, told.status), (child, 4));
}

#[test]
fn a_spawn_gives_no_handle_of_the_runtime_and_joins_no_strange_group() {
    let mut machine = Machine::new();
    let none = SpawnAttributes::default();
    let server = SpawnAction {
        target: Handle::PROCESS_SERVER.0,
        source: 7,
    };
    let refused = spawn(&mut machine, 1, 0, none, &[server]);
    assert_eq!(refused, Err(Error::BadHandle));
    let group = SpawnAttributes { group: 99, ..none };
    let refused = spawn(&mut machine, 1, spawn_flags::SET_GROUP, group, &[]);
    assert_eq!(refused, Err(Error::NotPermitted));
    assert_eq!(machine.server.table.ids(|_| true), [1]);
}

#[test]
fn users_have_a_number_of_processes_and_leave_memory_to_root() {
    let mut machine = Machine::new();
    let user = machine.fork(1);
    machine
        .simple(user, &[process::number::set_ids, 0, 1000, 0, 0])
        .unwrap();
    let fork = [process::number::fork];
    let limits = &mut machine.server.table.get_mut(user).unwrap().limits;
    limits.set(6, 2, 2, true).unwrap();
    machine.fork(user);
    assert_eq!(machine.simple(user, &fork), Err(Error::WouldBlock));
    machine.fork(1);
    let limits = &mut machine.server.table.get_mut(user).unwrap().limits;
    limits.set(6, 20, 20, true).unwrap();
    machine.server.kernel.free_bytes = 1 << 20;
    assert_eq!(machine.simple(user, &fork), Err(Error::WouldBlock));
    machine.fork(1);
}

/// The smallest program that the loader takes.
fn program() -> Vec<u8> {
    let mut file = vec![0u8; 0x1000];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16] = 2;
    file[18] = 62;
    file[24..32].copy_from_slice(&0x40_0100u64.to_le_bytes());
    file[32] = 64;
    file[54] = 56;
    file[56] = 1;
    file[64] = 1;
    file[68] = 5;
    file[80..88].copy_from_slice(&0x40_0000u64.to_le_bytes());
    for at in [96, 104] {
        file[at..at + 8].copy_from_slice(&0x1000u64.to_le_bytes());
    }
    file
}

#[test]
fn the_list_is_ascending_and_goes_on_where_it_ended() {
    let mut machine = Machine::new();
    machine.fork(1);
    machine.fork(1);
    let (_, outputs) = machine.call(
        NAME_SPACE_BADGE,
        &[process::number::list, 1],
        &[],
        &[16],
        &[],
    );
    let ids: Vec<u64> = outputs[0]
        .as_chunks::<8>()
        .0
        .iter()
        .map(|word| u64::from_le_bytes(*word))
        .collect();
    assert_eq!(ids, [2, 3]);
}

/// Another instance over what the last one kept.
fn replaced(machine: Machine) -> Machine {
    let Ok(server) = Server::restore(machine.server.kernel) else {
        panic!("nothing was kept");
    };
    Machine { server, ..machine }
}

#[test]
fn a_new_instance_goes_on_with_every_process() {
    let mut machine = Machine::new();
    let (child, zombie) = (machine.fork(1), machine.fork(1));
    let grandchild = machine.fork(child);
    machine
        .simple(child, &[process::number::set_group, 0, 0])
        .unwrap();
    machine.kill(1, grandchild as i64, number::STOP).unwrap();
    machine.end(zombie, 5);
    machine.server.save();
    let handle = machine.handle(child);
    machine.server.kernel.watched.clear();
    let mut machine = replaced(machine);
    assert_eq!(machine.server.kernel.watched, [1, child, grandchild]);
    assert_eq!(machine.handle(child), handle);
    let identity = machine.server.table.get(child).unwrap().identity;
    assert_eq!(identity.group, child);
    let told = machine.wait(1, EXITED).unwrap().unwrap();
    assert_eq!((told.process, told.status), (zombie, 5));
    let told = machine.wait(child, STOPPED).unwrap().unwrap();
    assert_eq!(told.process, grandchild);
    let next = machine.fork(1);
    assert!(next > grandchild, "ids go on");
}

#[test]
fn ended_and_awaited_processes_leave_nothing_kept() {
    let mut machine = Machine::new();
    for _ in 0..5 {
        let child = machine.fork(1);
        machine.end(child, 0);
        machine.wait(1, EXITED).unwrap();
    }
    assert_eq!(machine.server.kernel.records.len(), 1);
    assert_eq!(machine.server.kernel.kept.len(), 1);
}

#[test]
fn a_fork_whose_answers_were_lost_is_not_done_twice() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    let mut machine = replaced(machine);
    machine.redelivered = true;
    machine.token -= 1;
    assert_eq!(machine.fork(1), child, "the parent's");
    machine.label = Some(child);
    machine.server.kernel.caller = Some(machine.handle(child));
    machine.token -= 1;
    assert_eq!(machine.fork(1), 0, "the child's");
    assert_eq!(machine.server.table.ids(|_| true), [1, child]);
}

#[test]
fn a_child_that_was_made_and_not_noted_is_ended_and_made_again() {
    let mut machine = Machine::new();
    machine.redelivered = true;
    let child = machine.fork(1);
    // The first one, which has no name yet, or the one that the second one has now.
    for label in [1, child] {
        machine.label = Some(label);
        machine.server.kernel.caller = Some(Handle(99));
        let badge = PROCESS_BADGE | 1;
        let (reply, _) = machine.call(badge, &[process::number::fork], &[], &[], &[]);
        assert!(matches!(reply, Ok(Outcome::Later)));
        assert_eq!(
            machine.server.kernel.callers_killed.pop(),
            Some(machine.token)
        );
    }
    assert_eq!(machine.server.table.ids(|_| true), [1, child]);
}

#[test]
fn a_process_whose_handle_is_lost_is_told_as_ended() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    machine.server.kernel.kept.clear();
    machine.server.kernel.kept.insert(0, Handle(INIT_HANDLE));
    let mut machine = replaced(machine);
    let told = machine.wait(1, EXITED).unwrap().unwrap();
    assert_eq!(told.process, child);
}
