//! The process that makes the calls of a round. It may end in any way: by what it calls, by a
//! signal, or killed because it waits.

use crate::arguments::Arguments;
use crate::pool::{Pool, make};
use crate::random::Random;
use crate::raw::{Registers, system_call};
use crate::shared::Shared;
use crate::table::{Operation, Target};
use kernel_abi::{Call, Handle};
use std::sync::atomic::Ordering::Relaxed;

/// Who makes the calls when it is not root.
const USER: u32 = 1000;
/// Calls that, rightly, end or stop the caller or take its memory away: they come last.
const ENDING: [Call; 16] = [
    Call::ProcessExit,
    Call::ProcessKill,
    Call::ProcessSuspend,
    Call::ProcessReplace,
    Call::ProcessWrite,
    Call::ProcessSet,
    Call::ThreadExit,
    Call::ThreadCreate,
    Call::UpcallReturn,
    Call::UpcallSuspend,
    Call::HandleCloseRange,
    Call::HandleRevoke,
    Call::MemoryMap,
    Call::MemoryUnmap,
    Call::MemoryProtect,
    Call::MemoryRemap,
];
/// What root may rightly do to all, and is not tried as root: ending processes by their numbers is
/// in [`Arguments::process`].
const SHIELDED: [&str; 7] = [
    "supervisor::kill",
    "supervisor::update",
    "supervisor::crash",
    "supervisor::shut_down",
    "supervisor::set_clock",
    "directory::mount",
    "directory::unmount",
];

/// A round's calls.
struct Worker {
    random: Random,
    pool: Pool,
    is_root: bool,
    shared: &'static Shared,
    own_number: u32,
}

/// Makes the calls of a round, and exits.
pub fn run(shared: &'static Shared, targets: &[Target], seed: u64, round: u64, is_root: bool) -> ! {
    prepare(is_root);
    let pool = Pool::new(is_root);
    answer_calls(&pool);
    if is_root {
        // SAFETY: the name ends with NUL.
        unsafe { libc::chroot(c".".as_ptr()) };
    }
    let mut worker = Worker {
        random: Random::new(seed, round),
        pool,
        is_root,
        shared,
        own_number: std::process::id(),
    };
    let mut order: Vec<usize> = (0..targets.len()).collect();
    worker.random.shuffle(&mut order);
    // Stable: each part keeps its order. Of the calls that may end the round, each is the first
    // of them in its turn.
    let turn = ENDING[round as usize % ENDING.len()];
    order.sort_by_key(|&index| match &targets[index] {
        Target::Call(call, ..) if *call == turn => 1,
        Target::Call(call, ..) if ENDING.contains(call) => 2,
        _ => 0,
    });
    for index in order {
        worker.one(index, &targets[index]);
    }
    std::process::exit(0)
}

extern "C" fn interrupted(_signal: i32) {}

/// Limits, a group of its own, the user, and a handler that does nothing: a signal ends waits.
fn prepare(is_root: bool) {
    let limit = |resource, most| {
        let limit = libc::rlimit {
            rlim_cur: most,
            rlim_max: most,
        };
        // SAFETY: the limit is a live structure.
        unsafe { libc::setrlimit(resource, &limit) }
    };
    limit(libc::RLIMIT_NPROC, 24);
    limit(libc::RLIMIT_FSIZE, 1 << 20);
    limit(libc::RLIMIT_NOFILE, 256);
    limit(libc::RLIMIT_AS, 64 << 20);
    // SAFETY: the structures are live and zero where they are not set.
    unsafe {
        libc::setsid();
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = interrupted as *const () as usize;
        libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut());
        if !is_root {
            libc::setgroups(0, std::ptr::null());
            libc::setgid(USER);
            libc::setuid(USER);
        }
    }
    // SAFETY: names end with NUL. What is inherited goes to where it does no harm.
    unsafe {
        let output = libc::open(c"o".as_ptr(), libc::O_RDWR | libc::O_CREAT, 0o666);
        (0..3).for_each(|standard| {
            libc::dup2(output, standard);
        });
        libc::mkdir(c"d".as_ptr(), 0o777);
        libc::mkfifo(c"f".as_ptr(), 0o666);
    }
}

/// A process beside this one that calls the round's endpoint, so that there are tokens.
fn answer_calls(pool: &Pool) {
    let none = u64::from(Handle::NONE.0);
    let session = make(Call::SessionCreate, [pool.endpoint, 2, none, 0]).unwrap_or(0);
    let endpoint = pool.endpoint;
    // SAFETY: there is one thread.
    if unsafe { libc::fork() } != 0 {
        return;
    }
    make(Call::HandleClose, [endpoint, 0, 0, 0]);
    loop {
        let words = [session, 1, 2, 3, 4, 5, 6, 0, 0, 0];
        // SAFETY: a call without a transfer touches no memory.
        let (value, _) = unsafe { system_call(Call::Call as u64, words) };
        if value < 0 {
            // Nobody receives any more, or a signal came.
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Worker {
    fn arguments(&mut self) -> Arguments<'_> {
        Arguments {
            random: &mut self.random,
            pool: &self.pool,
            is_root: self.is_root,
        }
    }

    fn one(&mut self, index: usize, target: &Target) {
        if self.random.one_in(3) {
            self.arguments().fill_arena();
        }
        match target {
            Target::Call(call, _, names) => self.call(index, *call, names),
            Target::Operation(operation) if self.is_shielded(target) => {
                let _ = operation;
                self.shared.calls[index].fetch_add(1, Relaxed);
            }
            Target::Operation(operation) => self.operation(index, operation),
        }
        if std::process::id() != self.own_number {
            // What was called made a copy of this process.
            std::process::exit(0);
        }
    }

    fn is_shielded(&self, target: &Target) -> bool {
        self.is_root && SHIELDED.contains(&target.name().as_str())
    }

    fn call(&mut self, index: usize, call: Call, names: &[&str]) {
        let mut registers: Registers = [0; 10];
        for (position, register) in registers.iter_mut().enumerate() {
            let name = names.get(position).copied().unwrap_or("");
            *register = self.arguments().of_call(name);
        }
        match call {
            // Messages have the rest of what they take in other registers.
            Call::ReplyReceive => {
                registers[7] = 0;
                registers[8] = self.pool.endpoint;
                registers[9] = self.pool.arena;
            }
            Call::Reply => registers[7] = 0,
            Call::Call => return self.random_message(index, registers),
            // Its output is the machine's log.
            Call::DebugWrite => registers[1] %= 16,
            _ => {}
        }
        self.shared.begin(index, &registers);
        // SAFETY: nothing but this process is at stake, which may end here.
        let (value, after) = unsafe { system_call(call as u64, registers) };
        self.shared.end(value);
        self.judge(index, value, is_kernel_error(value));
        if value > 0 {
            self.pool.note(value as u32, "");
        }
        if call == Call::ReplyReceive && value >= 0 {
            self.pool.tokens.push(after[0]);
        }
    }

    /// A message with any operation's number to any session.
    fn random_message(&mut self, index: usize, mut registers: Registers) {
        let number = self.random.below(400);
        if self.is_root {
            // As the operations that are declared, it could name what root may rightly do.
            registers[0] = self.pool.session(&mut self.random, "socket");
        }
        registers[1] = number;
        registers[7] = self.arguments().transfer(&["text"], 1, 0);
        self.send(index, registers);
    }

    fn operation(&mut self, index: usize, operation: &Operation) {
        let mut session = self.pool.session(&mut self.random, operation.interface);
        let mut opened = None;
        if operation.interface == "supervisor" && self.random.one_in(2) {
            opened = self.pool.open("/dev/supervisor", libc::O_RDWR, "");
            session = opened.map_or(session, u64::from);
        }
        let mut registers: Registers = [0; 10];
        registers[0] = session;
        registers[1] = operation.number;
        for (position, (name, kind)) in operation.scalars.iter().enumerate().take(5) {
            registers[2 + position] = self.arguments().scalar(name, kind);
        }
        let (inputs, outputs) = (&operation.inputs, operation.outputs.len());
        registers[7] = self.arguments().transfer(inputs, outputs, operation.sends);
        self.send(index, registers);
        if let Some(handle) = opened {
            make(Call::HandleClose, [handle.into(), 0, 0, 0]);
        }
    }

    fn send(&mut self, index: usize, registers: Registers) {
        self.shared.begin(index, &registers);
        // SAFETY: as above.
        let (value, after) = unsafe { system_call(Call::Call as u64, registers) };
        let answer = if value < 0 { value } else { after[1] as i64 };
        self.shared.end(answer);
        self.judge(index, value, is_kernel_error(value));
        if value >= 0 {
            self.judge(index, answer, is_server_error(answer));
        }
    }

    /// A refusal must be one that is declared.
    fn judge(&self, index: usize, value: i64, is_declared: bool) {
        if (-4095..0).contains(&value) && !is_declared {
            self.shared.note_undeclared(index, value);
        }
    }
}

/// `Restart` is declared, but never to be seen by a program.
fn is_kernel_error(value: i64) -> bool {
    let error = kernel_abi::Error::from_number(-value as i32);
    error.is_some_and(|error| error != kernel_abi::Error::Restart)
}

fn is_server_error(value: i64) -> bool {
    let error = proto::Error::from_number(-value as i32);
    error as i64 == -value && error != proto::Error::Restart
}
