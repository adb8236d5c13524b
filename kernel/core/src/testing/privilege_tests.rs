//! What a program may not do, since nobody would answer for it.

use super::{BUFFER, Harness};
use crate::machine::Machine;
use kernel_abi::process::process_property;
use kernel_abi::{Call, Error, Handle, Rights};

const SELF: u64 = Handle::SELF.0 as u64;
const MAY: u64 = process_property::MAY_MAKE_PROCESSES;

#[test]
fn only_who_may_makes_processes_and_has_those_of_its_callers() {
    let mut h = Harness::new();
    let (_, owner) = h.process();
    let (_, program) = h.process();
    let (_, caller) = h.process();
    let handle = h.give_process(program, owner);
    h.ok(owner, Call::ProcessSet, &[handle, MAY, 0]);
    let denied = Err(Error::AccessDenied);
    assert_eq!(h.call(program, Call::ProcessCreate, &[]), denied);
    // A session with the badge of those who manage lets nobody have the caller.
    let endpoint = h.ok(program, Call::EndpointCreate, &[]);
    let none = u64::from(Handle::NONE.0);
    let session = h.ok(program, Call::SessionCreate, &[endpoint, 1 << 63, none, 0]);
    let session = h.give(program, session, caller);
    h.start(caller, Call::Call, &[session]);
    h.receive(program, endpoint, 0);
    let token = h.registers(program).rdi;
    assert_eq!(h.call(program, Call::ProcessOfCaller, &[token]), denied);
    assert_eq!(h.call(program, Call::ProcessFork, &[token, BUFFER]), denied);
    assert_eq!(
        h.call(program, Call::ProcessReplace, &[token, SELF]),
        denied
    );
    assert_eq!(
        h.call(program, Call::ProcessInherit, &[token, SELF, 0, 0]),
        denied
    );
    h.ok(owner, Call::ProcessSet, &[handle, MAY, 1]);
    h.ok(program, Call::ProcessOfCaller, &[token]);
    let child = h.ok(program, Call::ProcessCreate, &[]);
    assert!(h.call(program, Call::ProcessSet, &[child, MAY, 2]).is_err());
    h.ok(program, Call::ProcessSet, &[child, MAY, 1]);
}

#[test]
fn a_process_changes_neither_its_limits_nor_what_it_may_nor_its_supervisor() {
    let mut h = Harness::new();
    let (_, owner) = h.process();
    let (_, program) = h.process();
    let own = h.give_process(program, program);
    let handle = h.give_process(program, owner);
    h.ok(owner, Call::ProcessSet, &[handle, MAY, 0]);
    for property in 3..20 {
        for name in [SELF, own] {
            let refused = h.call(program, Call::ProcessSet, &[name, property, 1]);
            assert_eq!(refused, Err(Error::AccessDenied), "{property}");
        }
    }
    h.ok(
        program,
        Call::ProcessSet,
        &[SELF, process_property::UPCALL_ENTRY, 0x1000],
    );
    let endpoint = h.ok(program, Call::EndpointCreate, &[]);
    let refused = h.call(program, Call::ProcessSupervise, &[SELF, endpoint, 1]);
    assert_eq!(refused, Err(Error::AccessDenied));
    // Who may not cannot let others.
    let other = h.give_process(owner, program);
    let rights = u64::from(Rights::ALL.0);
    let other = h.ok(program, Call::HandleDuplicate, &[other, 0, rights, 0]);
    let refused = h.call(program, Call::ProcessSet, &[other, MAY, 1]);
    assert_eq!(refused, Err(Error::AccessDenied));
}

#[test]
fn programs_fill_the_memory_with_objects_only_as_far_as_servers_can_go_on() {
    let mut h = Harness::new();
    let (_, server) = h.process();
    let (process, program) = h.process();
    h.kernel.processes.get_mut(process).unwrap().label = 7;
    h.ok(program, Call::EventCreate, &[0]);
    while h.call(program, Call::EventCreate, &[0]).is_ok() {
        for _ in 0..32 {
            h.kernel.machine.allocate_frame().unwrap();
        }
    }
    assert_eq!(
        h.call(program, Call::EventCreate, &[0]),
        Err(Error::NoMemory)
    );
    h.ok(server, Call::EventCreate, &[0]);
    while h.kernel.machine.free_frames() > 256 {
        h.kernel.machine.allocate_frame().unwrap();
    }
    assert_eq!(
        h.call(server, Call::EventCreate, &[0]),
        Err(Error::NoMemory)
    );
}

#[test]
fn a_fork_may_not_what_its_parent_may() {
    let mut h = Harness::new();
    let (_, server) = h.process();
    let (_, parent) = h.process();
    let endpoint = h.ok(server, Call::EndpointCreate, &[]);
    let none = u64::from(Handle::NONE.0);
    let session = h.ok(server, Call::SessionCreate, &[endpoint, 1, none, 0]);
    let session = h.give(server, session, parent);
    h.start(parent, Call::Call, &[session]);
    h.receive(server, endpoint, 0);
    let token = h.registers(server).rdi;
    h.ok(server, Call::ProcessFork, &[token, BUFFER]);
    let made = h
        .kernel
        .processes
        .iter()
        .filter(|(_, found)| found.makes_processes);
    assert_eq!(made.count(), 2, "the child is not among them");
}
