//! Who runs where and for how long.

use super::Harness;
use super::call_tests::{Pair, pair};
use crate::kernel::{Next, ThreadId};
use crate::machine::Cpu;
use crate::thread::State;
use kernel_abi::process::{priority, thread_property};
use kernel_abi::{Call, Error, Handle};
use std::vec::Vec;

fn runs(h: &mut Harness) -> ThreadId {
    match h.schedule(0) {
        Next::Run(thread) => thread,
        Next::Idle => panic!("idle"),
    }
}

#[test]
fn without_ready_threads_a_processor_is_idle_and_sets_no_slice() {
    let mut h = Harness::new();
    assert_eq!(h.schedule(0), Next::Idle);
    let (_, thread) = h.process();
    assert_eq!(h.schedule(0), Next::Run(thread));
    assert_eq!(
        h.kernel.machine.timers_ns[0],
        u64::MAX,
        "it runs alone, so no timer is set"
    );
}

#[test]
fn fair_threads_share_the_time() {
    let mut h = Harness::new();
    let (process, first) = h.process();
    let second = h.thread(process);
    let mut used = [0u64; 2];
    let mut last = runs(&mut h);
    for _ in 0..100 {
        let timer = h.kernel.machine.timers_ns[0];
        assert!(timer != u64::MAX, "a slice is set while another one waits");
        let length = timer - h.kernel.machine.now_ns;
        used[usize::from(last == second)] += length;
        h.advance(length);
        last = runs(&mut h);
    }
    let [a, b] = used;
    assert!(a.abs_diff(b) <= 8_000_000, "{a} and {b}");
    let _ = first;
}

#[test]
fn a_lower_level_gets_more_time() {
    let mut h = Harness::new();
    let (process, nice) = h.process();
    let keen = h.thread(process);
    h.ok(
        nice,
        Call::ThreadSet,
        &[0, thread_property::PRIORITY, priority::FAIR | 30],
    );
    let mut keen_ns = 0;
    for _ in 0..200 {
        let running = runs(&mut h);
        let length = h.kernel.machine.timers_ns[0].saturating_sub(h.kernel.machine.now_ns);
        if running == keen {
            keen_ns += length;
        }
        h.advance(length);
    }
    let total = h.kernel.machine.now_ns;
    assert!(keen_ns > total * 3 / 4, "{keen_ns} of {total}");
}

#[test]
fn a_real_time_thread_runs_before_all_fair_ones() {
    let mut h = Harness::new();
    let (process, fair) = h.process();
    let urgent = h.thread(process);
    h.kernel.run_on(h.cpu, fair);
    h.ok(
        urgent,
        Call::ThreadSet,
        &[0, thread_property::PRIORITY, priority::FIFO | 5],
    );
    assert_eq!(runs(&mut h), urgent);
    h.start(urgent, Call::SleepUntil, &[0, 1000]);
    assert_eq!(runs(&mut h), fair);
    h.advance(1000);
    assert_eq!(runs(&mut h), urgent, "it preempts when it wakes");
    let bad = h.call(
        urgent,
        Call::ThreadSet,
        &[0, thread_property::PRIORITY, 3 << 8],
    );
    assert_eq!(bad, Err(Error::BadArgument));
}

#[test]
fn round_robin_threads_take_turns() {
    let mut h = Harness::new();
    let (process, first) = h.process();
    let second = h.thread(process);
    for thread in [first, second] {
        h.ok(
            thread,
            Call::ThreadSet,
            &[0, thread_property::PRIORITY, priority::ROUND_ROBIN | 5],
        );
    }
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(runs(&mut h));
        let length = h.kernel.machine.timers_ns[0].saturating_sub(h.kernel.machine.now_ns);
        h.advance(length);
    }
    assert_ne!(order[0], order[1]);
    assert_eq!([order[0], order[1]], [order[2], order[3]]);
}

#[test]
fn an_idle_processor_is_woken_for_a_ready_thread_and_takes_from_others() {
    let mut h = Harness::with_cpus(2);
    assert_eq!(h.schedule(1), Next::Idle);
    let (process, first) = h.process();
    assert_eq!(h.schedule(0), Next::Run(first));
    let second = h.thread(process);
    assert!(h.kernel.machine.kicked[1]);
    assert_eq!(h.schedule(1), Next::Run(second));
    h.check();
}

#[test]
fn a_thread_stays_on_the_processors_it_may_run_on() {
    let mut h = Harness::with_cpus(2);
    let (_, thread) = h.process();
    h.ok(thread, Call::ThreadSet, &[0, thread_property::AFFINITY, 2]);
    h.kernel.schedule(Cpu(0));
    h.kernel.schedule(Cpu(1));
    assert_eq!(
        h.kernel.threads.get(thread).expect("thread").state,
        State::Running(Cpu(1))
    );
    let none = [0, thread_property::AFFINITY, 4];
    h.cpu = Cpu(1);
    assert_eq!(
        h.call(thread, Call::ThreadSet, &none),
        Err(Error::BadArgument)
    );
}

#[test]
fn a_server_runs_with_its_callers_priority_until_it_answers() {
    let super::call_tests::Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = super::call_tests::pair();
    let urgent = priority::FIFO | 50;
    h.ok(
        client,
        Call::ThreadSet,
        &[0, thread_property::PRIORITY, urgent],
    );
    h.receive(server, endpoint, super::BUFFER);
    h.send(client, session, &[0; 6], 0);
    let effective = |h: &Harness, id| h.kernel.threads.get(id).expect("thread").effective.raw();
    assert_eq!(effective(&h, server), urgent);
    let token = h.registers(server).rdi;
    h.reply(server, token, &[0; 6]);
    assert_eq!(effective(&h, server), priority::NORMAL);
}

#[test]
fn a_queued_call_lends_its_priority_along_the_chain() {
    let super::call_tests::Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = super::call_tests::pair();
    let (_, deep) = h.process();
    let below = h.ok(deep, Call::EndpointCreate, &[]);
    let none = u64::from(Handle::NONE.0);
    let mine = h.ok(deep, Call::SessionCreate, &[below, 1, none, 0]);
    let onward = h.give(deep, mine, server);
    h.receive(deep, below, super::BUFFER);
    let owner = h.owner(client);
    let slow = h.thread(owner);
    h.send(slow, session, &[0; 6], 0);
    h.receive(server, endpoint, super::BUFFER);
    h.send(server, onward, &[0; 6], 0);
    let urgent = priority::FIFO | 50;
    h.ok(
        client,
        Call::ThreadSet,
        &[0, thread_property::PRIORITY, urgent],
    );
    h.send(client, session, &[0; 6], 0);
    let effective = |h: &Harness, id| h.kernel.threads.get(id).expect("thread").effective.raw();
    assert_eq!(effective(&h, server), urgent);
    assert_eq!(effective(&h, deep), urgent);
}

#[test]
fn a_yielding_thread_lets_the_next_one_run() {
    let mut h = Harness::new();
    let (process, first) = h.process();
    let second = h.thread(process);
    h.kernel.run_on(h.cpu, first);
    h.start(first, Call::ThreadYield, &[]);
    assert_eq!(h.kernel.scheduler.current(h.cpu), Some(second));
}

#[test]
fn the_call_of_a_real_time_thread_is_served_before_those_that_came_earlier() {
    let Pair {
        mut h,
        server,
        endpoint,
        client,
        session,
    } = pair();
    let callers: Vec<ThreadId> = (0..3).map(|_| h.process().1).collect();
    for (&caller, level) in callers.iter().zip([0, 5, 9]) {
        if level > 0 {
            let arguments = [0, thread_property::PRIORITY, priority::FIFO | level];
            h.ok(caller, Call::ThreadSet, &arguments);
        }
        let own = h.give(client, session, caller);
        h.send(caller, own, &[level, 0, 0, 0, 0, 0], 0);
    }
    let mut served = Vec::new();
    let mut token = 0;
    for _ in &callers {
        h.reply_receive(server, token, &[0; 6], endpoint, super::BUFFER + 0x2000);
        served.push(h.words(server)[0]);
        token = h.registers(server).rdi;
    }
    assert_eq!(served, [9, 5, 0]);
}
