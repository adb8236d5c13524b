//! Measures the kernel from user mode: system calls, messages, memory, in time-stamp ticks.
//!
//! One program in two roles: with `role=echo` it answers; without, it measures, prints
//! `name<TAB>operations<TAB>ticks per operation` lines on the kernel's log, and stops the machine.
//! Under `-icount shift=0` a tick is one executed instruction. The best of several rounds is
//! printed: interrupts only ever add.
#![no_std]

use kernel_abi::memory::{MapArguments, map_flags, protection};
use kernel_abi::message::{Incoming, WORDS, kind};
use kernel_abi::{Error, Handle};
use proto::supervisor;
use server_rt::stubs::{message, safe};
use server_rt::{Session, Start, log};

const ROUNDS: u32 = 5;
const OPERATIONS: u64 = 1000;
/// Operation number that the echo server answers; free of every interface.
const ECHO: u64 = 4096;

/// Runs the role that the arguments name; never returns.
pub fn run(start: Start) -> ! {
    match start.argument("role") {
        Some("echo") => echo(start.endpoint()),
        _ => measure(&start),
    }
}

fn echo(endpoint: Handle) -> ! {
    let mut incoming = Incoming::default();
    let mut token = 0;
    let mut words = [0; WORDS];
    loop {
        match message::reply_receive(token, words, None, endpoint, &mut incoming) {
            Ok(received) if received.status & 0xff == kind::CALL => {
                token = received.token;
                words = received.words;
                words[0] = 0;
            }
            _ => token = 0,
        }
    }
}

/// Prints the least ticks an operation of `work` took in any round.
fn report(name: &str, mut work: impl FnMut() -> Result<(), Error>) {
    let mut best = u64::MAX;
    for _ in 0..ROUNDS {
        let begin = safe::ticks();
        for _ in 0..OPERATIONS {
            if let Err(error) = work() {
                log!("{name}\t0\tERR:{}", error.name());
                return;
            }
        }
        best = best.min(safe::ticks() - begin);
    }
    log!(
        "{name}\t{OPERATIONS}\t{}.{}",
        best / OPERATIONS,
        best * 10 / OPERATIONS % 10
    );
}

fn measure(start: &Start) -> ! {
    let echo = start.require("echo");
    report("null_call", safe::null);
    report("call_reply", || {
        safe::call_words(echo, [ECHO, 1, 2, 3, 4, 5]).map(|_| ())
    });
    report("session_signal_refused", || {
        // The way of an error: decoded, refused, nothing changed.
        match safe::session_signal(
            echo,
            1,
            kernel_abi::Signals::NONE,
            kernel_abi::Signals::NONE,
        ) {
            Err(_) => Ok(()),
            Ok(()) => Err(Error::BadState),
        }
    });
    report(
        "event_signal",
        event_signal(safe::event_create(kernel_abi::Signals::NONE)),
    );
    report("stream_1_byte", stream(safe::stream_create(1, 4096, 0)));
    report("map_unmap_64k", map_unmap);
    finish(start)
}

fn event_signal(event: Result<Handle, Error>) -> impl FnMut() -> Result<(), Error> {
    use kernel_abi::Signals;
    move || safe::event_signal(event?, Signals::NONE, Signals::READABLE)
}

fn stream(ends: Result<[Handle; 2], Error>) -> impl FnMut() -> Result<(), Error> {
    move || {
        let [reader, writer] = ends?;
        let mut byte = [0];
        safe::write(writer, &[1])?;
        safe::read(reader, &mut byte).map(|_| ())
    }
}

fn map_unmap() -> Result<(), Error> {
    let arguments = MapArguments {
        length: 64 * 1024,
        memory: Handle::NONE.0,
        protection: protection::READ | protection::WRITE,
        flags: map_flags::ANONYMOUS,
        ..Default::default()
    };
    safe::map_and_unmap(&arguments)
}

fn finish(start: &Start) -> ! {
    let control = Session(start.require("control"));
    let result = supervisor::shut_down(&control, 1, 0, &[]);
    log!("the machine does not stop: {result:?}");
    safe::process_exit(1)
}
