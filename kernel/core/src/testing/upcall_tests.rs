//! Upcalls: handlers, masks, interrupted calls, exceptions.

use super::{AFTER, BUFFER, Harness, STACK};
use crate::kernel::ThreadId;
use kernel_abi::message::kind;
use kernel_abi::process::{fault_kind, mask_how, process_property, thread_property, upcall_flags};
use kernel_abi::wait::FOREVER;
use kernel_abi::{Call, Error, Handle};

const SELF: u64 = Handle::SELF.0 as u64;
const NONE: u64 = Handle::NONE.0 as u64;
const ENTRY: u64 = 0x50_0000;
const FRAME_REGISTERS: u64 = 512;
const FRAME_MASK: u64 = 672;
const FRAME_UPCALL: u64 = 680;
const INCOMING: u64 = BUFFER + 0x2000;

/// A process whose upcalls enter `ENTRY`.
fn process(h: &mut Harness) -> ThreadId {
    let (_, thread) = h.process();
    h.ok(
        thread,
        Call::ProcessSet,
        &[SELF, process_property::UPCALL_ENTRY, ENTRY],
    );
    thread
}

fn catch(h: &mut Harness, thread: ThreadId, upcall: u64, flags: u64, mask: u64) {
    h.poke_words(thread, BUFFER, &[upcall_flags::CAUGHT | flags, mask]);
    h.ok(thread, Call::UpcallAction, &[upcall, BUFFER, 0]);
}

fn in_handler(h: &mut Harness, thread: ThreadId) -> Option<u64> {
    let registers = *h.registers(thread);
    (registers.rip == ENTRY).then_some(registers.rdi)
}

#[test]
fn a_caught_upcall_enters_the_handler_and_returns() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    catch(&mut h, thread, 9, 0, 1 << 3);
    h.registers(thread).rbx = 1234;
    h.ok(thread, Call::UpcallRaise, &[SELF, SELF, 9, 42]);
    let frame = in_handler(&mut h, thread).expect("in the handler");
    assert_eq!(frame % 16, 0);
    assert!(frame + 704 <= STACK - 128, "below the red zone");
    assert_eq!(h.registers(thread).rsp, frame - 8);
    assert_eq!(h.peek_word(thread, frame + FRAME_UPCALL) & 0xffff_ffff, 9);
    assert_eq!(
        h.peek_word(thread, frame + FRAME_UPCALL + 16),
        42,
        "the value"
    );
    let mask = h.kernel.threads.get(thread).expect("thread").mask;
    assert_eq!(mask, 1 << 9 | 1 << 3);
    h.registers(thread).rbx = 0;
    let registers = h.registers(thread);
    registers.rax = Call::UpcallReturn as u64;
    registers.rdi = frame;
    h.trap(thread);
    let registers = *h.registers(thread);
    assert_eq!(
        (registers.rip, registers.rbx, registers.rax),
        (AFTER, 1234, 0)
    );
    assert_eq!(h.kernel.threads.get(thread).expect("thread").mask, 0);
}

#[test]
fn a_blocked_upcall_waits_for_its_mask() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    catch(&mut h, thread, 9, 0, 0);
    h.ok(thread, Call::UpcallMask, &[mask_how::BLOCK, 1 << 9]);
    h.ok(thread, Call::UpcallRaise, &[SELF, 0, 9, 0]);
    assert_eq!(in_handler(&mut h, thread), None);
    assert_eq!(h.ok(thread, Call::UpcallPending, &[]), 1 << 9);
    h.start(thread, Call::UpcallMask, &[mask_how::UNBLOCK, 1 << 9]);
    assert!(in_handler(&mut h, thread).is_some());
}

#[test]
fn kill_and_stop_cannot_be_blocked_caught_or_raised() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    h.ok(thread, Call::UpcallMask, &[mask_how::SET, u64::MAX]);
    let mask = h.ok(thread, Call::UpcallMask, &[mask_how::READ, 0]);
    assert_eq!(mask & (1 << 8 | 1 << 18), 0);
    h.poke_words(thread, BUFFER, &[upcall_flags::IGNORED, 0]);
    for upcall in [8, 18, 64, u64::MAX] {
        let refused = h.call(thread, Call::UpcallAction, &[upcall, BUFFER, 0]);
        assert_eq!(refused, Err(Error::BadArgument));
        let refused = h.call(thread, Call::UpcallRaise, &[SELF, 0, upcall, 0]);
        assert_eq!(refused, Err(Error::BadArgument));
    }
}

/// Blocks in a read of an empty pipe and raises upcall 9.
fn interrupt_read(flags: u64) -> (Harness, ThreadId) {
    let mut h = Harness::new();
    let thread = process(&mut h);
    let owner = h.owner(thread);
    let other = h.thread(owner);
    h.ok(other, Call::UpcallMask, &[mask_how::SET, 1 << 9]);
    catch(&mut h, thread, 9, flags, 0);
    h.ok(thread, Call::StreamCreate, &[0, 4096, BUFFER, 0]);
    h.start(thread, Call::Read, &[0, BUFFER, 1]);
    assert!(h.is_blocked(thread));
    h.ok(other, Call::UpcallRaise, &[SELF, 0, 9, 0]);
    h.kernel.run_on(h.cpu, thread);
    h.kernel.schedule(h.cpu);
    (h, thread)
}

#[test]
fn an_interrupted_read_fails_after_the_handler() {
    let (mut h, thread) = interrupt_read(0);
    let frame = in_handler(&mut h, thread).expect("in the handler");
    assert_eq!(
        h.peek_word(thread, frame + FRAME_REGISTERS) as i64,
        -(Error::Interrupted as i64)
    );
    assert_eq!(h.peek_word(thread, frame + FRAME_REGISTERS + 128), AFTER);
}

#[test]
fn an_interrupted_read_is_executed_again_if_the_action_says_so() {
    let (mut h, thread) = interrupt_read(upcall_flags::RESTART);
    let frame = in_handler(&mut h, thread).expect("in the handler");
    assert_eq!(
        h.peek_word(thread, frame + FRAME_REGISTERS),
        Call::Read as u64
    );
    assert_eq!(
        h.peek_word(thread, frame + FRAME_REGISTERS + 128),
        AFTER - 2
    );
}

#[test]
fn an_upcall_that_was_asked_for_comes_when_the_thread_waits() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    catch(&mut h, thread, 9, 0, 0);
    let property = thread_property::UPCALL_AT_WAIT;
    h.ok(thread, Call::ThreadSet, &[0, property, 10]);
    h.ok(thread, Call::ThreadNumber, &[]);
    assert_eq!(in_handler(&mut h, thread), None, "it does not wait");
    h.ok(thread, Call::ThreadSet, &[0, property, 0]);
    h.ok(thread, Call::ThreadSet, &[0, property, 10]);
    h.start(thread, Call::FutexWait, &[BUFFER + 64, 0, FOREVER]);
    h.schedule(h.cpu.0);
    let frame = in_handler(&mut h, thread).expect("in the handler");
    assert_eq!(
        h.peek_word(thread, frame + FRAME_REGISTERS) as i64,
        -(Error::Interrupted as i64)
    );
    assert_eq!(
        h.kernel.threads.get(thread).expect("thread").upcall_at_wait,
        0,
        "once"
    );
    let refused = h.call(thread, Call::ThreadSet, &[0, property, 65]);
    assert_eq!(refused, Err(Error::BadArgument));
}

#[test]
fn a_wait_with_a_mask_lets_the_upcall_in_and_puts_the_mask_back() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    let owner = h.owner(thread);
    let other = h.thread(owner);
    for each in [thread, other] {
        h.ok(each, Call::UpcallMask, &[mask_how::SET, 1 << 9]);
    }
    catch(&mut h, thread, 9, upcall_flags::RESTART, 0);
    h.poke_words(thread, BUFFER + 64, &[0]);
    h.start(thread, Call::Wait, &[BUFFER, 0, FOREVER, BUFFER + 64]);
    assert!(h.is_blocked(thread));
    h.ok(other, Call::UpcallRaise, &[SELF, 0, 9, 0]);
    h.kernel.run_on(h.cpu, thread);
    h.kernel.schedule(h.cpu);
    let frame = in_handler(&mut h, thread).expect("in the handler");
    assert_eq!(
        h.peek_word(thread, frame + FRAME_MASK),
        1 << 9,
        "the mask before the wait"
    );
    let result = h.peek_word(thread, frame + FRAME_REGISTERS) as i64;
    assert_eq!(
        result,
        -(Error::Interrupted as i64),
        "a wait is never executed again"
    );
}

#[test]
fn a_wait_with_a_mask_that_is_not_interrupted_puts_the_mask_back() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    h.ok(thread, Call::UpcallMask, &[mask_how::SET, 1 << 9]);
    h.poke_words(thread, BUFFER + 64, &[0]);
    h.start(thread, Call::Wait, &[BUFFER, 0, 100, BUFFER + 64]);
    h.advance(100);
    assert_eq!(h.result(thread), Some(Ok(0)));
    assert_eq!(h.kernel.threads.get(thread).expect("thread").mask, 1 << 9);
}

#[test]
fn a_pending_upcall_is_taken_without_a_handler() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    let owner = h.owner(thread);
    let other = h.thread(owner);
    for each in [thread, other] {
        h.ok(each, Call::UpcallMask, &[mask_how::SET, 1 << 9]);
    }
    let none = h.call(thread, Call::UpcallTake, &[1 << 9, BUFFER, 0]);
    assert_eq!(none, Err(Error::WouldBlock));
    h.start(thread, Call::UpcallTake, &[1 << 9, BUFFER, FOREVER]);
    assert!(h.is_blocked(thread));
    h.ok(other, Call::UpcallRaise, &[SELF, 0, 9, 4711]);
    assert_eq!(h.result(thread), Some(Ok(9)));
    assert_eq!(h.peek_word(thread, BUFFER), 4711);
}

#[test]
fn a_fault_enters_the_handler_with_its_address() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    catch(&mut h, thread, 10, 0, 0);
    h.kernel.run_on(h.cpu, thread);
    h.kernel.page_fault(h.cpu, 0x1234, true, false);
    h.kernel.schedule(h.cpu);
    let frame = in_handler(&mut h, thread).expect("in the handler");
    assert_eq!(
        h.peek_word(thread, frame + FRAME_UPCALL),
        10 | u64::from(fault_kind::NOT_MAPPED) << 32
    );
    assert_eq!(h.peek_word(thread, frame + FRAME_UPCALL + 8), 0x1234);
}

#[test]
fn a_fault_without_handler_and_supervisor_kills() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    let (_, owner) = h.process();
    let handle = h.give_process(thread, owner);
    h.kernel.run_on(h.cpu, thread);
    h.kernel.page_fault(h.cpu, 0x1234, true, false);
    h.kernel.schedule(h.cpu);
    h.check();
    h.ok(owner, Call::ProcessInfo, &[handle, BUFFER]);
    assert_eq!(h.peek_word(owner, BUFFER + 24), 1 << 31 | 11);
}

/// A supervised process that met a fault, its supervisor and the endpoint.
fn exception() -> (Harness, ThreadId, ThreadId, u64) {
    let mut h = Harness::new();
    let thread = process(&mut h);
    let (_, supervisor) = h.process();
    let endpoint = h.ok(supervisor, Call::EndpointCreate, &[]);
    let handle = h.give_process(thread, supervisor);
    h.ok(supervisor, Call::ProcessSupervise, &[handle, endpoint, 33]);
    h.kernel.run_on(h.cpu, thread);
    h.kernel.fault(h.cpu, fault_kind::DIVIDE, AFTER);
    h.kernel.schedule(h.cpu);
    h.check();
    h.receive(supervisor, endpoint, INCOMING);
    assert_eq!(
        h.result(supervisor).map(|r| r.map(|v| v & 0xff)),
        Some(Ok(kind::EXCEPTION))
    );
    assert_eq!(h.registers(supervisor).r13, 33);
    assert_eq!(
        h.peek_word(supervisor, INCOMING + 72),
        u64::from(fault_kind::DIVIDE) | 7 << 32
    );
    (h, thread, supervisor, handle)
}

#[test]
fn the_supervisor_may_let_a_stopped_process_go_on() {
    let (mut h, thread, supervisor, _) = exception();
    let owner = h.owner(thread);
    let second = h.thread(owner);
    assert_eq!(
        h.kernel.threads.get(second).expect("thread").state,
        crate::thread::State::Parked,
        "the whole process is stopped"
    );
    let token = h.registers(supervisor).rdi;
    h.reply(supervisor, token, &[0; 6]);
    assert!(!h.is_blocked(thread));
    assert!(h.kernel.processes.get(owner).expect("process").suspensions == 0);
}

#[test]
fn the_supervisor_may_kill_a_stopped_process() {
    let (mut h, _, supervisor, handle) = exception();
    let token = h.registers(supervisor).rdi;
    h.reply(supervisor, token, &[1 << 31 | 8, 0, 0, 0, 0, 0]);
    h.ok(supervisor, Call::ProcessInfo, &[handle, BUFFER]);
    assert_eq!(h.peek_word(supervisor, BUFFER + 24), 1 << 31 | 8);
}

#[test]
fn a_default_upcall_that_the_supervisor_ignores_does_not_disturb_a_wait() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    let (_, supervisor) = h.process();
    let endpoint = h.ok(supervisor, Call::EndpointCreate, &[]);
    let handle = h.give_process(thread, supervisor);
    h.ok(supervisor, Call::ProcessSupervise, &[handle, endpoint, 33]);
    h.start(thread, Call::SleepUntil, &[0, 1000]);
    h.ok(supervisor, Call::UpcallRaise, &[handle, 0, 16, 0]);
    h.kernel.run_on(h.cpu, thread);
    h.kernel.schedule(h.cpu);
    h.receive(supervisor, endpoint, INCOMING);
    let token = h.registers(supervisor).rdi;
    h.reply(supervisor, token, &[0; 6]);
    h.kernel.run_on(h.cpu, thread);
    h.kernel.schedule(h.cpu);
    h.settle();
    assert!(h.is_blocked(thread), "it sleeps on");
    h.advance(1000);
    assert_eq!(h.result(thread), Some(Ok(0)));
}

#[test]
fn a_caller_interrupted_by_an_upcall_gets_what_its_server_answers() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    let (_, server) = h.process();
    let endpoint = h.ok(server, Call::EndpointCreate, &[]);
    let mine = h.ok(server, Call::SessionCreate, &[endpoint, 1, NONE, 0]);
    let session = h.give(server, mine, thread);
    let handle = h.give_process(thread, server);
    catch(&mut h, thread, 9, 0, 0);
    h.send(thread, session, &[5, 0, 0, 0, 0, 0], 0);
    h.receive(server, endpoint, INCOMING);
    let token = h.registers(server).rdi;
    h.ok(server, Call::UpcallRaise, &[handle, 0, 9, 0]);
    assert!(h.is_blocked(thread), "until the server answers");
    h.receive(server, endpoint, INCOMING);
    assert_eq!(h.result(server), Some(Ok(kind::CANCELLED)));
    let interrupted = (-(Error::Interrupted as i64)) as u64;
    h.reply(server, token, &[interrupted, 0, 0, 0, 0, 0]);
    h.kernel.run_on(h.cpu, thread);
    h.kernel.schedule(h.cpu);
    let frame = in_handler(&mut h, thread).expect("in the handler");
    assert_eq!(h.peek_word(thread, frame + FRAME_REGISTERS), interrupted);
    assert_eq!(
        h.peek_word(thread, frame + FRAME_REGISTERS + 32),
        5,
        "the request stands"
    );
}

#[test]
fn a_server_may_have_a_call_sent_again_and_learns_its_callers_mask() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    let (_, server) = h.process();
    let endpoint = h.ok(server, Call::EndpointCreate, &[]);
    let mine = h.ok(server, Call::SessionCreate, &[endpoint, 1, NONE, 0]);
    let session = h.give(server, mine, thread);
    h.ok(thread, Call::UpcallMask, &[mask_how::SET, 1 << 9]);
    h.send(thread, session, &[5, 0, 0, 0, 0, 0], 0);
    h.receive(server, endpoint, INCOMING);
    let token = h.registers(server).rdi;
    assert_eq!(h.ok(server, Call::MessageMask, &[token]), 1 << 9);
    let again = (-(Error::Restart as i64)) as u64;
    h.reply(server, token, &[again, 0, 0, 0, 0, 0]);
    assert!(!h.is_blocked(thread));
    h.kernel.run_on(h.cpu, thread);
    h.kernel.schedule(h.cpu);
    let registers = h.registers(thread);
    assert_eq!(registers.rip, AFTER - 2, "the call is executed again");
    assert_eq!((registers.rax, registers.rsi), (Call::Call as u64, 5));
    let stale = h.call(server, Call::MessageMask, &[token]);
    assert_eq!(stale, Err(Error::NotFound));
}

#[test]
fn an_unknown_call_enters_its_handler() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    let property = process_property::UNKNOWN_CALL_ENTRY;
    h.ok(thread, Call::ProcessSet, &[SELF, property, ENTRY]);
    h.registers(thread).rax = 39;
    h.trap(thread);
    let frame = in_handler(&mut h, thread).expect("in the handler");
    assert_eq!(h.peek_word(thread, frame + FRAME_UPCALL) & 0xffff_ffff, 64);
    assert_eq!(h.peek_word(thread, frame + FRAME_REGISTERS), 39);
}

#[test]
fn a_frame_with_kernel_addresses_is_refused() {
    let mut h = Harness::new();
    let thread = process(&mut h);
    h.poke(thread, BUFFER, &[0xff; 704]);
    assert_eq!(
        h.call(thread, Call::UpcallReturn, &[BUFFER]),
        Err(Error::BadAddress)
    );
}
