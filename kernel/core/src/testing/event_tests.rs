//! Events that count, events over upcalls, timers, and sets of sets.

use super::{BUFFER, Harness};
use crate::kernel::ThreadId;
use kernel_abi::message::status_flags;
use kernel_abi::process::mask_how;
use kernel_abi::wait::{NOW, event_kind, wait_flags};
use kernel_abi::{Call, Error, Handle, Signals};

const NONBLOCK: u64 = status_flags::NONBLOCK as u64;

fn raised(h: &mut Harness, thread: ThreadId, handle: u64) -> Signals {
    h.poke_words(thread, BUFFER + 0x500, &[handle | 3 << 32, 0]);
    h.ok(thread, Call::Wait, &[BUFFER + 0x500, 1, NOW, 0]);
    Signals(h.peek_word(thread, BUFFER + 0x508) as u32)
}

#[test]
fn a_counter_adds_writes_up_and_a_read_takes_all_or_one() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let other = h.thread(process);
    for (kind, first) in [(event_kind::COUNTER, 8), (event_kind::SEMAPHORE, 1)] {
        let event = h.ok(thread, Call::EventCreateCounter, &[kind, 5]);
        h.poke_words(thread, BUFFER, &[3]);
        assert_eq!(h.ok(thread, Call::Write, &[event, BUFFER, 8]), 8);
        assert_eq!(h.ok(thread, Call::Read, &[event, BUFFER, 8]), 8);
        assert_eq!(h.peek_word(thread, BUFFER), first);
        let short = h.call(thread, Call::Read, &[event, BUFFER, 7]);
        assert_eq!(short, Err(Error::BadArgument));
        let word = h.call(thread, Call::EventSignal, &[event, 0, 1]);
        assert_eq!(word, Err(Error::WrongKind));
    }
    let event = h.ok(thread, Call::EventCreateCounter, &[event_kind::COUNTER, 0]);
    assert_eq!(raised(&mut h, thread, event), Signals::WRITABLE);
    h.start(thread, Call::Read, &[event, BUFFER, 8]);
    assert!(h.is_blocked(thread));
    h.poke_words(other, BUFFER + 64, &[1]);
    h.ok(other, Call::Write, &[event, BUFFER + 64, 8]);
    assert_eq!(h.result(thread), Some(Ok(8)));
}

#[test]
fn a_counter_never_overflows() {
    let mut h = Harness::new();
    let (process, thread) = h.process();
    let other = h.thread(process);
    let event = h.ok(thread, Call::EventCreateCounter, &[event_kind::COUNTER, 1]);
    h.poke_words(thread, BUFFER, &[u64::MAX, u64::MAX - 2, 1]);
    let most = h.call(thread, Call::Write, &[event, BUFFER, 8]);
    assert_eq!(most, Err(Error::BadArgument));
    h.ok(thread, Call::Write, &[event, BUFFER + 8, 8]);
    assert_eq!(raised(&mut h, thread, event), Signals::READABLE);
    h.start(thread, Call::Write, &[event, BUFFER + 16, 8]);
    assert!(h.is_blocked(thread));
    h.ok(other, Call::Read, &[event, BUFFER + 64, 8]);
    assert_eq!(h.result(thread), Some(Ok(8)));
    assert_eq!(h.peek_word(thread, BUFFER + 64), u64::MAX - 1);
    h.ok(thread, Call::Read, &[event, BUFFER, 8]);
    h.ok(thread, Call::StatusFlags, &[event, 1, NONBLOCK]);
    let empty = h.call(thread, Call::Read, &[event, BUFFER, 8]);
    assert_eq!(empty, Err(Error::WouldBlock));
}

#[test]
fn an_event_over_upcalls_is_readable_while_one_is_pending() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let set = 1 << 9;
    let event = h.ok(
        thread,
        Call::EventCreateCounter,
        &[event_kind::UPCALLS, set],
    );
    h.ok(thread, Call::UpcallMask, &[mask_how::BLOCK, set | 1 << 11]);
    let own = u64::from(Handle::SELF.0);
    h.ok(thread, Call::UpcallRaise, &[own, 0, 11, 0]);
    assert_eq!(raised(&mut h, thread, event), Signals::NONE);
    h.ok(thread, Call::UpcallRaise, &[own, 0, 9, 0]);
    assert_eq!(raised(&mut h, thread, event), Signals::READABLE);
    let read = h.call(thread, Call::Read, &[event, BUFFER, 128]);
    assert_eq!(read, Err(Error::WrongKind));
    assert_eq!(h.ok(thread, Call::UpcallTake, &[set, BUFFER, NOW]), 9);
    assert_eq!(raised(&mut h, thread, event), Signals::NONE);
    h.ok(thread, Call::EventUpcalls, &[event, BUFFER, 1, 1 << 11]);
    assert_eq!(h.peek_word(thread, BUFFER), set);
    assert_eq!(raised(&mut h, thread, event), Signals::READABLE);
    h.ok(thread, Call::HandleClose, &[event]);
    assert!(h.kernel.upcall_events.is_empty());
}

#[test]
fn a_timer_tells_when_it_expires_next() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let timer = h.ok(thread, Call::TimerCreate, &[0]);
    h.ok(thread, Call::TimerState, &[timer, BUFFER]);
    assert_eq!(h.peek_word(thread, BUFFER), u64::MAX);
    h.ok(thread, Call::TimerSet, &[timer, 1 << 40, 77]);
    h.ok(thread, Call::TimerState, &[timer, BUFFER]);
    assert_eq!(h.peek_word(thread, BUFFER), 1 << 40);
    assert_eq!(h.peek_word(thread, BUFFER + 16), 77);
}

#[test]
fn a_set_in_a_set_is_ready_when_one_of_its_items_is() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    let event = h.ok(thread, Call::EventCreate, &[0]);
    let [inner, outer] = [0; 2].map(|_| h.ok(thread, Call::WaitSetCreate, &[]));
    let add = |set, handle| [set, handle, 1, 42, wait_flags::ADD];
    h.ok(thread, Call::WaitSetChange, &add(inner, event));
    h.ok(thread, Call::WaitSetChange, &add(outer, inner));
    let wait = |h: &mut Harness| h.ok(thread, Call::WaitSetWait, &[outer, BUFFER, 4, NOW, 0]);
    assert_eq!(wait(&mut h), 0);
    h.ok(thread, Call::EventSignal, &[event, 0, 1]);
    assert_eq!(wait(&mut h), 1);
    assert_eq!(raised(&mut h, thread, inner), Signals::READABLE);
    h.ok(thread, Call::EventSignal, &[event, 1, 0]);
    assert_eq!(wait(&mut h), 0);
    assert_eq!(raised(&mut h, thread, inner), Signals::NONE);
    let again = h.call(thread, Call::WaitSetChange, &add(outer, inner));
    assert_eq!(again, Err(Error::Exists));
    let change = [outer, event, 1, 0, wait_flags::MODIFY];
    let missing = h.call(thread, Call::WaitSetChange, &change);
    assert_eq!(missing, Err(Error::NotFound));
}

#[test]
fn sets_neither_wait_for_themselves_nor_nest_deeply_from_either_end() {
    let mut h = Harness::new();
    let (_, thread) = h.process();
    for upwards in [true, false] {
        let mut sets = std::vec![h.ok(thread, Call::WaitSetCreate, &[])];
        let result = loop {
            let next = h.ok(thread, Call::WaitSetCreate, &[]);
            let last = *sets.last().expect("one");
            let (outer, inner) = if upwards { (next, last) } else { (last, next) };
            let arguments = [outer, inner, 1, 0, wait_flags::ADD];
            match h.call(thread, Call::WaitSetChange, &arguments) {
                Ok(_) => sets.push(next),
                result => break result,
            }
        };
        assert_eq!(result, Err(Error::Nested));
        assert_eq!(sets.len(), 5);
        let (first, last) = (sets[0], sets[4]);
        let (outer, inner) = if upwards {
            (first, last)
        } else {
            (last, first)
        };
        let circle = h.call(thread, Call::WaitSetChange, &[outer, inner, 1, 0, 4]);
        assert_eq!(circle, Err(Error::Nested));
        let own = h.call(thread, Call::WaitSetChange, &[first, first, 1, 0, 4]);
        assert_eq!(own, Err(Error::BadArgument));
    }
}
