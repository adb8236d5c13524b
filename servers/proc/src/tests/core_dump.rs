//! Cores, and what processes may do with priorities.

use super::*;
use kernel_abi::process::{priority, process_property};

const ABORT: u32 = 6;
const CORE: u64 = 4;
const REAL_TIME: u64 = 14;

fn with_program(machine: &mut Machine) {
    machine.server.kernel.program = program();
    machine.server.kernel.mode = 0o100_755;
}

/// Has the kernel find a process at a signal that it does not catch; nothing is answered yet if a
/// core is written.
fn abort(machine: &mut Machine, process: u64) {
    machine.server.kernel.replies.clear();
    let fault = Fault {
        upcall: ABORT - 1,
        thread: 4,
        ..Default::default()
    };
    machine.server.stopped_by(process, 555, &fault);
}

fn set_limit(machine: &mut Machine, process: u64, resource: u64, value: u64) {
    let both = [value.to_le_bytes(), value.to_le_bytes()].concat();
    let words = [process::number::limit, 0, resource, 1];
    let badge = PROCESS_BADGE | process;
    machine.call(badge, &words, &[&both], &[16], &[]).0.unwrap();
}

/// A process that aborts, and the one that writes its core.
fn dumping() -> (Machine, u64, u64) {
    let mut machine = Machine::new();
    with_program(&mut machine);
    let child = machine.fork(1);
    set_limit(&mut machine, child, CORE, 1 << 20);
    abort(&mut machine, child);
    let writers = machine.server.table.ids(|process| process.dumps == child);
    assert_eq!((writers.len(), machine.server.kernel.replies.len()), (1, 0));
    (machine, child, writers[0])
}

#[test]
fn a_process_with_a_core_waits_for_its_writer_and_is_told_as_dumped() {
    let (mut machine, _, writer) = dumping();
    let handle = machine.handle(writer);
    let process = machine.server.table.get(writer).unwrap();
    assert_eq!(process.command_line, b"core-dump\x002\x006\x004\0");
    assert!(machine.server.kernel.resumed.contains(&handle));
    let limit = (handle.0, process_property::LIMIT_FILE, 1 << 20);
    assert!(machine.server.kernel.properties.contains(&limit));
    machine.end(writer, 0);
    let status = (3 << 30) | u64::from(ABORT);
    assert_eq!(
        machine.server.kernel.replies,
        [(555, Ok(Answer::value(status)))]
    );
    assert!(
        machine.server.table.get(writer).is_err(),
        "nobody waits for it"
    );
}

#[test]
fn a_core_that_could_not_be_written_is_not_told() {
    let (mut machine, _, writer) = dumping();
    machine.end(writer, 1);
    let status = (1 << 31) | u64::from(ABORT);
    assert_eq!(
        machine.server.kernel.replies,
        [(555, Ok(Answer::value(status)))]
    );
}

#[test]
fn the_next_instance_finds_the_writer_that_is_at_work() {
    let (machine, child, writer) = dumping();
    let mut machine = replaced(machine);
    abort(&mut machine, child);
    let writers = machine.server.table.ids(|process| process.dumps == child);
    assert_eq!(writers, [writer]);
    machine.end(writer, 0);
    assert_eq!(machine.server.kernel.replies.len(), 1);
}

#[test]
fn there_is_no_core_without_a_limit_or_of_a_set_id_program() {
    let mut machine = Machine::new();
    with_program(&mut machine);
    let (plain, secure) = (machine.fork(1), machine.fork(1));
    set_limit(&mut machine, secure, CORE, 1 << 20);
    machine.server.table.get_mut(secure).unwrap().identity.flags = 1;
    for process in [plain, secure] {
        abort(&mut machine, process);
        let status = (1 << 31) | u64::from(ABORT);
        assert_eq!(
            machine.server.kernel.replies,
            [(555, Ok(Answer::value(status)))]
        );
    }
}

#[test]
fn who_stops_being_root_loses_real_time_and_whoever_was_given_some_keeps_to_it() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    let handle = machine.handle(child);
    set_limit(&mut machine, child, REAL_TIME, 10);
    let limit = process_property::LIMIT_REAL_TIME;
    assert!(
        machine
            .server
            .kernel
            .properties
            .contains(&(handle.0, limit, 100))
    );
    machine
        .simple(child, &[process::number::set_ids, 0, 1000])
        .unwrap();
    assert_eq!(
        machine.server.kernel.properties.last(),
        Some(&(handle.0, limit, 10))
    );
    let mut schedule = |priority| {
        let words = [process::number::scheduling, child, 1, priority];
        machine.simple(child, &words)
    };
    assert_eq!(schedule(priority::FIFO | 11), Err(Error::NotPermitted));
    assert_eq!(schedule(priority::FIFO | 10), Ok(priority::FIFO | 10));
    assert_eq!(schedule(priority::FAIR), Ok(priority::NORMAL));
}

#[test]
fn a_stranger_changes_nobodys_scheduling() {
    let mut machine = Machine::new();
    let (one, other) = (machine.fork(1), machine.fork(1));
    for (process, user) in [(one, 1000), (other, 2000)] {
        machine
            .simple(process, &[process::number::set_ids, 0, user])
            .unwrap();
    }
    let words = [process::number::scheduling, other, 1, priority::FAIR];
    assert_eq!(machine.simple(one, &words), Err(Error::NotPermitted));
    assert_eq!(machine.simple(1, &words), Ok(priority::NORMAL));
}

#[test]
fn a_process_that_has_ended_is_still_an_object_until_it_is_awaited() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    machine.end(child, 0);
    let open = [proto::process_handle::number::open, child];
    let badge = PROCESS_BADGE | 1;
    assert!(machine.call(badge, &open, &[], &[], &[]).0.is_ok());
    machine.wait(1, EXITED).unwrap().unwrap();
    assert!(machine.call(badge, &open, &[], &[], &[]).0.is_err());
}
