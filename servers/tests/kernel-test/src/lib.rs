//! Tests of the kernel that only a booted system can show, in one program with two roles: the
//! victim serves, pages and dies on request; the tester prints `ok NAME` or `FAILED NAME: why` on
//! the kernel's log, a count, and stops the machine with a status.
#![no_std]

extern crate alloc;

mod checks;
mod hostile;
mod threads;
mod victim;

use kernel_abi::{Error, Handle};
use proto::supervisor;
use server_rt::{Session, Start, log};

/// Why a check failed.
#[derive(Debug)]
#[allow(dead_code, reason = "the fields are for the message")]
pub enum Failure {
    /// A call was refused that should not be.
    Kernel(Error),
    /// A call to a server failed.
    Server(proto::Error),
    /// A value is not what it should be: what, got, wanted.
    Value(&'static str, u64, u64),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Kernel(error)
    }
}

impl From<proto::Error> for Failure {
    fn from(error: proto::Error) -> Failure {
        Failure::Server(error)
    }
}

/// Result of a check.
pub type Check = Result<(), Failure>;

/// Refuses a value that is not the wanted one.
pub fn equal(what: &'static str, got: impl Into<u64>, wanted: impl Into<u64>) -> Check {
    let (got, wanted) = (got.into(), wanted.into());
    if got == wanted {
        Ok(())
    } else {
        Err(Failure::Value(what, got, wanted))
    }
}

/// Refuses a result that is not the wanted error.
pub fn refused<T>(what: &'static str, result: Result<T, Error>, wanted: Error) -> Check {
    match result {
        Ok(_) => Err(Failure::Value(what, 0, wanted as u64)),
        Err(error) => equal(what, error as u64, wanted as u64),
    }
}

/// Runs the role that the arguments name; never returns.
pub fn run(start: Start) -> ! {
    match start.argument("role") {
        Some("victim") => victim::run(&start),
        _ => test(&start),
    }
}

fn test(start: &Start) -> ! {
    let victim = start.require("victim");
    let mut tally = Tally::default();
    checks::all(&mut tally, victim);
    threads::all(&mut tally);
    hostile::all(&mut tally, victim);
    log!("{} passed, {} failed", tally.passed, tally.failed);
    let control = Session(start.require("control"));
    let status = u32::from(tally.failed > 0);
    let result = supervisor::shut_down(&control, 3, status, &[]);
    log!("the machine does not stop: {result:?}");
    server_rt::stubs::safe::process_exit(1)
}

/// Counts.
#[derive(Default)]
pub struct Tally {
    passed: u32,
    failed: u32,
}

impl Tally {
    /// Runs and reports one check.
    pub fn check(&mut self, name: &str, check: impl FnOnce() -> Check) {
        match check() {
            Ok(()) => {
                self.passed += 1;
                log!("ok {name}");
            }
            Err(failure) => {
                self.failed += 1;
                log!("FAILED {name}: {failure:?}");
            }
        }
    }
}

/// Closes what a check made; failing to is part of no check.
pub fn close(handles: &[Handle]) {
    for handle in handles {
        let _ = server_rt::stubs::safe::handle_close(*handle);
    }
}
