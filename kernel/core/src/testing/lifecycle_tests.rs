//! Processes from creation over fork and exec to their end.

use super::{BUFFER, Harness};
use crate::kernel::ThreadId;
use kernel_abi::object::handle_flags;
use kernel_abi::process::process_state;
use kernel_abi::wait::FOREVER;
use kernel_abi::{Call, Error, Handle, IDENTITY_PAGE, Signals};

const SELF: u64 = Handle::SELF.0 as u64;
const NONE: u64 = Handle::NONE.0 as u64;
const INCOMING: u64 = BUFFER + 0x2000;

/// The process server with a taken call of a program.
struct Server {
    h: Harness,
    server: ThreadId,
    program: ThreadId,
    token: u64,
}

fn taken() -> Server {
    let mut h = Harness::new();
    let (_, server) = h.process();
    let (_, program) = h.process();
    let endpoint = h.ok(server, Call::EndpointCreate, &[]);
    let mine = h.ok(
        server,
        Call::SessionCreate,
        &[endpoint, 1 << 63 | 1, NONE, 0],
    );
    let session = h.give(server, mine, program);
    h.send(program, session, &[1, 0, 0, 0, 0, 0], 0);
    h.receive(server, endpoint, INCOMING);
    let token = h.registers(server).rdi;
    Server {
        h,
        server,
        program,
        token,
    }
}

#[test]
fn a_fork_copies_memory_handles_and_the_call() {
    let Server {
        mut h,
        server,
        program,
        token,
    } = taken();
    h.poke(program, BUFFER, b"before");
    h.ok(server, Call::ProcessFork, &[token, BUFFER]);
    let (handle, child_token) = (h.peek_word(server, BUFFER), h.peek_word(server, BUFFER + 8));
    h.ok(server, Call::ProcessInfo, &[handle, BUFFER + 64]);
    assert_eq!(h.peek_word(server, BUFFER + 64 + 16) >> 32, 1, "one thread");
    h.reply(server, child_token, &[0, 0, 0, 0, 0, 0]);
    h.reply(server, token, &[77, 0, 0, 0, 0, 0]);
    assert_eq!(h.words(program)[0], 77);
    let child = h
        .kernel
        .threads
        .iter()
        .map(|(id, _)| id)
        .find(|&id| id != program && id != server)
        .expect("the child");
    assert_eq!(h.words(child)[0], 0);
    h.poke(program, BUFFER, b"parent");
    assert_eq!(h.peek(child, BUFFER, 6), b"before");
    let handles = |h: &Harness, id| {
        h.kernel
            .processes
            .get(h.owner(id))
            .expect("p")
            .handles
            .count
    };
    assert_eq!(handles(&h, child), handles(&h, program));
}

#[test]
fn a_replaced_process_keeps_its_handles_but_those_to_be_closed() {
    let Server {
        mut h,
        server,
        program,
        token,
    } = taken();
    let owner = h.owner(program);
    let event = crate::object::Object::Event(h.kernel.events.insert(crate::event::Event {
        references: 0,
        signals: crate::signal::SignalState::default(),
    }));
    let entry = crate::object::HandleEntry::new(event, kernel_abi::Rights::ALL);
    let stays = h.kernel.place_copy(owner, entry, 5, 0).expect("slot");
    let goes = h
        .kernel
        .place_copy(owner, entry, 6, handle_flags::CLOSE_ON_EXEC)
        .expect("slot");
    let new = h.ok(server, Call::ProcessCreate, &[]);
    h.ok(server, Call::ProcessSuspend, &[new]);
    h.ok(server, Call::ProcessStart, &[new, 0x40_0000, 0x7000, 3]);
    h.ok(server, Call::ProcessReplace, &[token, new]);
    assert_eq!(
        h.call(server, Call::HandleClose, &[new]),
        Err(Error::BadHandle),
        "it is no more"
    );
    let registers = *h.registers(program);
    assert_eq!(
        (registers.rip, registers.rsp, registers.rdi),
        (0x40_0000, 0x7000, 3)
    );
    let table = &h.kernel.processes.get(owner).expect("process").handles;
    assert!(table.get(u64::from(stays)).is_some());
    assert!(table.get(u64::from(goes)).is_none());
    assert!(
        h.kernel.read_user(program, BUFFER, &mut [0]).is_err(),
        "the old memory is gone"
    );
}

#[test]
fn a_replacement_must_not_have_run() {
    let Server {
        mut h,
        server,
        token,
        ..
    } = taken();
    let new = h.ok(server, Call::ProcessCreate, &[]);
    let refused = h.call(server, Call::ProcessReplace, &[token, new]);
    assert_eq!(refused, Err(Error::BadState), "no thread");
}

#[test]
fn the_end_of_a_process_raises_terminated_and_keeps_its_status() {
    let mut h = Harness::new();
    let (_, owner) = h.process();
    let (_, program) = h.process();
    let handle = h.give_process(program, owner);
    h.poke_words(
        owner,
        BUFFER,
        &[handle | u64::from(Signals::TERMINATED.0) << 32, 0],
    );
    h.start(owner, Call::Wait, &[BUFFER, 1, FOREVER, 0]);
    assert!(h.is_blocked(owner));
    h.start(program, Call::ProcessExit, &[3]);
    assert_eq!(h.result(owner), Some(Ok(1)));
    h.ok(owner, Call::ProcessInfo, &[handle, BUFFER]);
    assert_eq!(
        h.peek_word(owner, BUFFER + 16),
        u64::from(process_state::TERMINATED)
    );
    assert_eq!(h.peek_word(owner, BUFFER + 24), 3);
    assert_eq!(
        h.call(owner, Call::ProcessSuspend, &[handle]),
        Err(Error::NoProcess)
    );
    h.ok(owner, Call::HandleClose, &[handle]);
    assert_eq!(h.kernel.processes.len(), 1);
}

#[test]
fn everything_a_process_held_is_free_after_its_end() {
    let mut h = Harness::new();
    let (_, keeper) = h.process();
    let free = h.kernel.machine.frames_free();
    let (_, program) = h.process();
    h.ok(program, Call::StreamCreate, &[0, 4096, BUFFER, 0]);
    h.ok(program, Call::Write, &[0, BUFFER, 100]);
    let endpoint = h.ok(program, Call::EndpointCreate, &[]);
    h.ok(program, Call::SessionCreate, &[endpoint, 1, NONE, 0]);
    h.ok(program, Call::TimerCreate, &[0]);
    h.ok(program, Call::WaitSetCreate, &[]);
    h.ok(program, Call::ProcessCreate, &[]);
    let memory = h.ok(program, Call::MemoryCreate, &[65536, 0]);
    h.ok(program, Call::WriteAt, &[memory, BUFFER, 5000, 0]);
    h.kill(program, 0);
    assert_eq!(h.kernel.processes.len(), 1);
    assert_eq!(
        h.kernel.streams.len() + h.kernel.endpoints.len() + h.kernel.sessions.len(),
        0
    );
    assert_eq!(h.kernel.timers.len() + h.kernel.wait_sets.len(), 0);
    assert_eq!(h.kernel.memory.count(), 0);
    assert_eq!(h.kernel.machine.space_count(), 1);
    assert_eq!(h.kernel.machine.frames_free(), free, "frames");
    h.ok(keeper, Call::Null, &[]);
}

#[test]
fn a_suspended_process_does_not_run() {
    let mut h = Harness::new();
    let (_, owner) = h.process();
    let (_, program) = h.process();
    let handle = h.give_process(program, owner);
    h.ok(owner, Call::ProcessSuspend, &[handle]);
    let state = |h: &Harness| h.kernel.threads.get(program).expect("thread").state;
    assert_eq!(state(&h), crate::thread::State::Parked);
    h.ok(owner, Call::ProcessResume, &[handle]);
    assert!(matches!(state(&h), crate::thread::State::Ready(_)));
}

#[test]
fn a_thread_killed_on_another_processor_ends_at_its_next_entry() {
    let mut h = Harness::with_cpus(2);
    let (_, program) = h.process();
    let owner = h.owner(program);
    let second = h.thread(owner);
    h.kernel.schedule(crate::machine::Cpu(0));
    h.kernel.schedule(crate::machine::Cpu(1));
    let on = |h: &Harness, id| h.kernel.threads.get(id).map(|t| t.state);
    let here = if on(&h, program) == Some(crate::thread::State::Running(h.cpu)) {
        program
    } else {
        second
    };
    h.start(here, Call::ProcessExit, &[0]);
    assert_eq!(h.kernel.threads.len(), 1, "the other one runs on");
    assert!(h.kernel.machine.kicked[1]);
    h.kernel.kicked(crate::machine::Cpu(1));
    h.kernel.schedule(crate::machine::Cpu(1));
    assert_eq!(h.kernel.threads.len(), 0);
    assert_eq!(h.kernel.processes.len(), 0);
}

#[test]
fn the_identity_is_written_by_the_owner_and_read_by_servers() {
    let Server {
        mut h,
        server,
        program,
        token,
    } = taken();
    let handle = h.ok(server, Call::ProcessOfCaller, &[token]);
    h.poke_words(server, BUFFER, &[4711, 42]);
    h.ok(server, Call::ProcessSetIdentity, &[handle, 0, BUFFER, 16]);
    assert_eq!(
        h.ok(server, Call::MessageIdentity, &[token, BUFFER + 64, 16]),
        16
    );
    assert_eq!(h.peek_word(server, BUFFER + 64), 4711);
    assert_eq!(h.peek_word(program, IDENTITY_PAGE + 8), 42);
    let far = h.call(server, Call::ProcessSetIdentity, &[handle, 510, BUFFER, 16]);
    assert_eq!(far, Err(Error::BadArgument));
    let own = h.call(server, Call::ProcessSetIdentity, &[SELF, 0, BUFFER, 16]);
    assert_eq!(own, Err(Error::AccessDenied));
}

#[test]
fn only_managing_sessions_lead_to_the_callers_process() {
    let mut h = Harness::new();
    let (_, server) = h.process();
    let (_, program) = h.process();
    let endpoint = h.ok(server, Call::EndpointCreate, &[]);
    let mine = h.ok(server, Call::SessionCreate, &[endpoint, 1, NONE, 0]);
    let session = h.give(server, mine, program);
    h.send(program, session, &[1, 0, 0, 0, 0, 0], 0);
    h.receive(server, endpoint, INCOMING);
    let token = h.registers(server).rdi;
    assert_eq!(
        h.call(server, Call::ProcessOfCaller, &[token]),
        Err(Error::AccessDenied)
    );
}

#[test]
fn the_first_process_gets_its_image_and_handles() {
    let mut h = Harness::new();
    let image = tiny_image();
    let first = crate::boot::FirstProcess {
        image: &image,
        bundle: (0x4000_0000, 10_000),
        rsdp: 0xe0000,
        command_line: b"quiet",
        frame_buffer: None,
    };
    let thread = h.kernel.boot_first_process(&first).expect("boots");
    let start = h.registers(thread).rdi;
    assert_eq!(h.peek_word(thread, start), kernel_abi::system::START_MAGIC);
    assert_eq!(h.peek_word(thread, start + 8), 4);
    assert_eq!(h.peek(thread, start + 32, 7), b"bundle\0");
    assert_eq!(h.peek_word(thread, start + 32 + 40), 10_000);
    assert_eq!(h.peek(thread, 0x40_0000, 4), b"code");
    assert_eq!(h.registers(thread).rip, 0x40_0000);
    let refused = crate::boot::FirstProcess {
        image: b"no image",
        ..first
    };
    assert_eq!(
        h.kernel.boot_first_process(&refused).err(),
        Some(Error::BadArgument)
    );
}

/// An executable of one segment.
fn tiny_image() -> std::vec::Vec<u8> {
    let mut image = std::vec![0; 124];
    image[..6].copy_from_slice(b"\x7fELF\x02\x01");
    image[16] = 2;
    image[18] = 62;
    image[24..32].copy_from_slice(&0x40_0000u64.to_le_bytes());
    image[32] = 64;
    image[54] = 56;
    image[56] = 1;
    image[64] = 1;
    image[68] = 5;
    image[72] = 120;
    image[80..88].copy_from_slice(&0x40_0000u64.to_le_bytes());
    image[96] = 4;
    image[104..112].copy_from_slice(&8192u64.to_le_bytes());
    image[120..124].copy_from_slice(b"code");
    image
}
