//! One check an object.

use kernel_abi::object::handle_flags;
use kernel_abi::socket::stream_flags;
use kernel_abi::wait::{NOW, WaitItem, WaitReport, wait_flags};
use kernel_abi::{Error, Handle, PAGE_SIZE, Rights, Signals};
use proto::{Answer, Request, Transport};
use server_rt::stubs::safe;
use server_rt::{Mapping, Session};

use crate::victim::operation;
use crate::{Check, Failure, Tally, close, equal, refused};

/// Runs them all.
pub fn all(tally: &mut Tally, victim: Handle) {
    tally.check("time passes", time_passes);
    tally.check("the lowest free slot is given first", lowest_slot);
    tally.check(
        "memory keeps what is written and forgets what is cut off",
        memory_keeps,
    );
    tally.check("a child of a memory is a copy", child_is_a_copy);
    tally.check(
        "a mapping shows what is written to its memory",
        mapping_shows,
    );
    tally.check("a pipe carries bytes, blocks and ends", pipe);
    tally.check("a message stream keeps boundaries", messages);
    tally.check("a wait ends by a signal or by its deadline", wait_ends);
    tally.check("a timer fires and counts", timer_fires);
    tally.check("a wait set reports edges once", wait_set_edges);
    tally.check("a call carries six words both ways", || words(victim));
    tally.check("a call lends buffers of any size", || buffers(victim));
    tally.check("a call and its reply carry a handle", || handles(victim));
    tally.check("a closed session is told to its server", || {
        closed_session(victim)
    });
    tally.check("a server raises the signals of its sessions", || {
        session_signals(victim)
    });
    tally.check("pages come from a pager", || paged(victim));
    tally.check("a call survives the death of its server", || {
        redelivered(victim)
    });
    tally.check("a call that kills its server twice fails alone", || {
        fatal_call(victim)
    });
    tally.check("sessions survive the death of their server", || {
        words(victim)
    });
}

fn time_passes() -> Check {
    let first = safe::monotonic_ns();
    let asked = safe::clock_read(0)?;
    let last = safe::monotonic_ns();
    equal(
        "order of clocks",
        u64::from(first <= asked && asked <= last),
        1u64,
    )?;
    let deadline = last + 2_000_000;
    safe::sleep_until(0, deadline)?;
    equal(
        "slept until the deadline",
        u64::from(safe::monotonic_ns() >= deadline),
        1u64,
    )
}

fn lowest_slot() -> Check {
    let event = safe::event_create(Signals::NONE)?;
    let low = safe::handle_duplicate(event, 3, Rights::ALL, 0)?;
    let next = safe::handle_duplicate(event, 3, Rights::ALL, 0)?;
    equal("first slot", low.0, 3u32)?;
    equal("second slot", next.0, 4u32)?;
    safe::handle_close(low)?;
    let again = safe::handle_duplicate(event, 0, Rights::WAIT, 0)?;
    equal("lowest", u64::from(again.0 <= 3), 1u64)?;
    refused(
        "right taken away",
        safe::event_signal(again, Signals::NONE, Signals::ALL),
        Error::AccessDenied,
    )?;
    close(&[event, next, again]);
    refused("closed handle", safe::handle_info(event), Error::BadHandle)
}

fn memory_keeps() -> Check {
    let memory = safe::memory_create(3 * PAGE_SIZE, kernel_abi::memory::memory_flags::RESIZABLE)?;
    safe::write_at(memory, b"across", PAGE_SIZE - 3)?;
    let mut bytes = [0; 6];
    safe::read_at(memory, &mut bytes, PAGE_SIZE - 3)?;
    equal("bytes", u64::from(&bytes == b"across"), 1u64)?;
    safe::memory_resize(memory, PAGE_SIZE)?;
    safe::memory_resize(memory, 2 * PAGE_SIZE)?;
    safe::read_at(memory, &mut bytes, PAGE_SIZE - 3)?;
    equal("cut", u64::from(&bytes == b"acr\0\0\0"), 1u64)?;
    close(&[memory]);
    Ok(())
}

fn child_is_a_copy() -> Check {
    let parent = safe::memory_create(PAGE_SIZE, 0)?;
    safe::write_at(parent, b"parent", 0)?;
    let child = safe::memory_child(parent, 0, PAGE_SIZE)?;
    safe::write_at(child, b"child!", 0)?;
    let mut bytes = [0; 6];
    safe::read_at(parent, &mut bytes, 0)?;
    equal("parent unchanged", u64::from(&bytes == b"parent"), 1u64)?;
    safe::read_at(child, &mut bytes, 0)?;
    equal("child changed", u64::from(&bytes == b"child!"), 1u64)?;
    close(&[parent, child]);
    Ok(())
}

fn mapping_shows() -> Check {
    let memory = safe::memory_create(16 * PAGE_SIZE, 0)?;
    let mapping = Mapping::new(memory, 0, 16 * PAGE_SIZE, true)?;
    safe::write_at(memory, &7u64.to_le_bytes(), 5 * PAGE_SIZE)?;
    equal("load", mapping.load(5 * PAGE_SIZE).unwrap_or(0), 7u64)?;
    let _ = mapping.store(9 * PAGE_SIZE, 11);
    let mut word = [0; 8];
    safe::read_at(memory, &mut word, 9 * PAGE_SIZE)?;
    equal("store", u64::from_le_bytes(word), 11u64)?;
    close(&[memory]);
    Ok(())
}

fn pipe() -> Check {
    let [reader, writer] =
        safe::stream_create(stream_flags::ONE_WAY, PAGE_SIZE, handle_flags::HIGH)?;
    let nonblock = kernel_abi::message::status_flags::NONBLOCK;
    safe::status_flags(reader, 1, nonblock)?;
    safe::status_flags(writer, 1, nonblock)?;
    let mut bytes = [0; 8];
    refused("empty", safe::read(reader, &mut bytes), Error::WouldBlock)?;
    equal("written", safe::write(writer, b"12345")? as u64, 5u64)?;
    equal("read", safe::read(reader, &mut bytes[..2])? as u64, 2u64)?;
    equal("rest", safe::read(reader, &mut bytes)? as u64, 3u64)?;
    let page = [1; PAGE_SIZE as usize];
    safe::write(writer, &page)?;
    refused("full", safe::write(writer, &page), Error::WouldBlock)?;
    close(&[writer]);
    let mut whole = [0; PAGE_SIZE as usize];
    equal("drained", safe::read(reader, &mut whole)? as u64, PAGE_SIZE)?;
    equal("end", safe::read(reader, &mut bytes)? as u64, 0u64)?;
    close(&[reader]);
    let [reader, writer] =
        safe::stream_create(stream_flags::ONE_WAY, PAGE_SIZE, handle_flags::HIGH)?;
    close(&[reader]);
    refused("no reader", safe::write(writer, b"x"), Error::PeerClosed)?;
    close(&[writer]);
    Ok(())
}

fn messages() -> Check {
    let [left, right] = safe::stream_create(stream_flags::MESSAGES, PAGE_SIZE, handle_flags::HIGH)?;
    safe::write(left, b"one")?;
    safe::write(left, b"three")?;
    let mut bytes = [0; 16];
    equal("first", safe::read(right, &mut bytes)? as u64, 3u64)?;
    equal("second", safe::read(right, &mut bytes)? as u64, 5u64)?;
    safe::write(right, b"back")?;
    equal("the other way", safe::read(left, &mut bytes)? as u64, 4u64)?;
    close(&[left, right]);
    Ok(())
}

fn wait_ends() -> Check {
    let event = safe::event_create(Signals::NONE)?;
    let mut items = [WaitItem {
        handle: event.0,
        signals: Signals::READABLE.0,
        ..Default::default()
    }];
    equal("nothing yet", safe::wait(&mut items, NOW)? as u64, 0u64)?;
    let deadline = safe::monotonic_ns() + 1_000_000;
    equal("deadline", safe::wait(&mut items, deadline)? as u64, 0u64)?;
    safe::event_signal(event, Signals::NONE, Signals::READABLE)?;
    equal(
        "raised",
        safe::wait(&mut items, kernel_abi::wait::FOREVER)? as u64,
        1u64,
    )?;
    equal("which", items[0].raised, Signals::READABLE.0)?;
    close(&[event]);
    let mut items = [WaitItem {
        handle: event.0,
        signals: 1,
        ..Default::default()
    }];
    equal("closed", safe::wait(&mut items, NOW)? as u64, 1u64)?;
    equal("error", items[0].error, Error::BadHandle as u32)
}

fn timer_fires() -> Check {
    let timer = safe::timer_create(0)?;
    safe::timer_set(timer, safe::monotonic_ns() + 1_000_000, 1_000_000)?;
    let mut count = [0; 8];
    safe::read(timer, &mut count)?;
    equal("expiries", u64::from(u64::from_le_bytes(count) >= 1), 1u64)?;
    let refused = safe::timer_set_with(timer, u64::MAX, 0, !0) == Err(Error::BadArgument);
    equal("unknown flags are refused", refused, 1u64)?;
    // By no flags, whatever the call before left in the registers.
    safe::timer_set(timer, u64::MAX, 0)?;
    close(&[timer]);
    Ok(())
}

fn wait_set_edges() -> Check {
    let (set, event) = (safe::wait_set_create()?, safe::event_create(Signals::NONE)?);
    safe::wait_set_change(set, event, Signals::READABLE, 42, wait_flags::EDGE)?;
    let mut reports = [WaitReport::default(); 4];
    equal(
        "quiet",
        safe::wait_set_wait(set, &mut reports, NOW)? as u64,
        0u64,
    )?;
    safe::event_signal(event, Signals::NONE, Signals::READABLE)?;
    equal(
        "edge",
        safe::wait_set_wait(set, &mut reports, NOW)? as u64,
        1u64,
    )?;
    equal("cookie", reports[0].cookie, 42u64)?;
    equal(
        "once",
        safe::wait_set_wait(set, &mut reports, NOW)? as u64,
        0u64,
    )?;
    close(&[set, event]);
    Ok(())
}

fn ask(victim: Handle, words: [u64; 6], handles: &[Handle]) -> Result<Answer, Failure> {
    Ok(Session(victim).call(Request {
        words,
        inputs: &[],
        outputs: &mut [],
        handles,
    })?)
}

fn words(victim: Handle) -> Check {
    let answer = ask(victim, [operation::ADD, 1, 2, 3, 4, 5], &[])?;
    equal("sum", answer.words[0], 15u64)
}

fn buffers(victim: Handle) -> Check {
    for length in [1usize, 4095, 4096, 4097, 200_000] {
        let input: alloc::vec::Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let mut output = alloc::vec![0; length];
        let request = Request {
            words: [operation::REVERSE, 0, 0, 0, 0, 0],
            inputs: &[&input],
            outputs: &mut [&mut output],
            handles: &[],
        };
        equal(
            "length",
            Session(victim).call(request)?.words[0],
            length as u64,
        )?;
        output.reverse();
        equal("reversed", u64::from(input == output), 1u64)?;
    }
    Ok(())
}

fn handles(victim: Handle) -> Check {
    let event = safe::event_create(Signals::USER_0)?;
    let answer = ask(victim, [operation::ECHO_HANDLE, 0, 0, 0, 0, 0], &[event])?;
    equal("count", answer.handle_count as u64, 1u64)?;
    let sent = safe::handle_info(event)?.object;
    equal(
        "same object",
        safe::handle_info(answer.handles[0])?.object,
        sent,
    )?;
    close(&[event, answer.handles[0]]);
    Ok(())
}

fn closed_session(victim: Handle) -> Check {
    let before = ask(victim, [operation::CLOSED, 0, 0, 0, 0, 0], &[])?.words[0];
    let session = ask(victim, [operation::CONNECT, 1000, 0, 0, 0, 0], &[])?.handles[0];
    close(&[session]);
    let after = ask(victim, [operation::CLOSED, 0, 0, 0, 0, 0], &[])?.words[0];
    equal("closed", after, before + 1)
}

fn session_signals(victim: Handle) -> Check {
    let session = ask(victim, [operation::CONNECT, 1001, 0, 0, 0, 0], &[])?.handles[0];
    let mut items = [WaitItem {
        handle: session.0,
        signals: Signals::READABLE.0,
        ..Default::default()
    }];
    equal("quiet", safe::wait(&mut items, NOW)? as u64, 0u64)?;
    ask(
        victim,
        [operation::RAISE, 1001, Signals::READABLE.0.into(), 0, 0, 0],
        &[],
    )?;
    equal("raised", safe::wait(&mut items, NOW)? as u64, 1u64)?;
    close(&[session]);
    Ok(())
}

fn paged(victim: Handle) -> Check {
    let pages = 40;
    let answer = ask(
        victim,
        [operation::PAGED, pages * PAGE_SIZE, 0, 0, 0, 0],
        &[],
    )?;
    let memory = answer.handles[0];
    let mut byte = [0];
    for page in [0, 17, 39] {
        safe::read_at(memory, &mut byte, page * PAGE_SIZE + 100)?;
        equal("read", byte[0], page)?;
    }
    let mapping = Mapping::new(memory, 0, pages * PAGE_SIZE, false)?;
    for page in 0..pages {
        mapping
            .read(page * PAGE_SIZE, &mut byte)
            .ok_or(Error::BadAddress)?;
        equal("mapped", byte[0], page)?;
    }
    close(&[memory]);
    Ok(())
}

fn redelivered(victim: Handle) -> Check {
    let answer = ask(victim, [operation::DIE_ONCE, 0, 0, 0, 0, 0], &[])?;
    equal("answered by the next instance", answer.words[0], 77u64)
}

fn fatal_call(victim: Handle) -> Check {
    match ask(victim, [operation::DIE_ALWAYS, 0, 0, 0, 0, 0], &[]) {
        Err(Failure::Server(proto::Error::Io)) => Ok(()),
        Err(failure) => Err(failure),
        Ok(answer) => equal("must fail", answer.words[0], u64::MAX),
    }
}
