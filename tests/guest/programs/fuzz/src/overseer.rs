//! Starts the rounds, ends those that wait, and looks what they left.

use crate::shared::Shared;
use crate::table::{self, Target};
use crate::{system, worker};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Where the rounds have their files.
const PLACE: &str = "/tmp/fuzz";
/// Without progress for so long, a round gets a signal ...
const POKE_AFTER: Duration = Duration::from_millis(15);
/// ... and is ended.
const KILL_AFTER: Duration = Duration::from_millis(250);
/// A killed process that is still there after this hangs.
const HANG_AFTER: Duration = Duration::from_secs(30);
/// Rounds before the counters are taken for the first time: caches and tables have grown.
const WARM_UP: u64 = 8;
/// Rounds are made however little time there is.
const LEAST_ROUNDS: u64 = WARM_UP + 2;
/// On a slow machine rounds go on beyond the time until all has been called, up to so many.
const MOST_FOR_ALL: u64 = 120;
/// How often the counters are looked at while what was closed may still be on its way.
const SETTLE_TRIES: u32 = 200;

/// What watches over the rounds.
pub struct Overseer {
    seed: u64,
    targets: Vec<Target>,
    names: Vec<String>,
    shared: &'static Shared,
    /// Processes that are none of the rounds'.
    others: BTreeSet<i32>,
    servers: String,
    before: BTreeMap<String, i64>,
}

impl Overseer {
    /// With everything as it is now.
    pub fn new(seed: u64) -> Overseer {
        let targets = table::all();
        Overseer {
            seed,
            names: targets.iter().map(Target::name).collect(),
            targets,
            shared: Shared::map(),
            others: system::processes(),
            servers: String::new(),
            before: BTreeMap::new(),
        }
    }

    /// Makes rounds until the time has come (or one round, again and again).
    pub fn run(&mut self, until: Instant, only: Option<u64>) -> Result<(), String> {
        self.servers = system::servers()?;
        let mut round = 0;
        let goes_on = |round| Instant::now() < until || round < LEAST_ROUNDS;
        while goes_on(round) || (round < MOST_FOR_ALL && !self.missed(only).is_empty()) {
            let number = only.unwrap_or(round);
            self.round(number)
                .map_err(|failure| self.report(number, &failure))?;
            if round == WARM_UP {
                system::fill_caches();
                self.before = self.settled(&BTreeMap::new())?;
            }
            round += 1;
        }
        let after = self.settled(&self.before)?;
        eprintln!(
            "{round} rounds, {} calls, {} of which succeeded; {} free pages before, {} after",
            self.shared.begun.load(Relaxed),
            self.shared.succeeded.load(Relaxed),
            self.before["free_pages"],
            after["free_pages"],
        );
        let left = system::compare(&self.before, &after);
        if !left.is_empty() {
            return Err(format!("something is left: {}", left.join("; ")));
        }
        let undeclared = self.shared.undeclared(&self.names);
        if !undeclared.is_empty() {
            let undeclared = undeclared.join(", ");
            return Err(format!("answers that no table declares: {undeclared}"));
        }
        self.check_coverage(only)
    }

    fn report(&self, round: u64, failure: &str) -> String {
        let calls = self.shared.recent(&self.names);
        format!(
            "round {round} of seed {}: {failure}\nlast calls:\n{calls}",
            self.seed
        )
    }

    /// A round: odd ones as root.
    fn round(&self, number: u64) -> Result<(), String> {
        let is_root = number % 2 == 1;
        make_place(is_root)?;
        // SAFETY: there is one thread.
        let child = unsafe { libc::fork() };
        if child < 0 {
            return Err(format!("cannot fork: {}", std::io::Error::last_os_error()));
        }
        if child == 0 {
            worker::run(self.shared, &self.targets, self.seed, number, is_root);
        }
        self.watch(child)?;
        self.clean_up()?;
        system::try_shell()?;
        let servers = system::servers()?;
        if servers != self.servers {
            return Err(format!(
                "servers were:\n{}and are:\n{servers}",
                self.servers
            ));
        }
        Ok(())
    }

    /// Waits for a round's end; one that waits itself gets a signal, and then the end.
    fn watch(&self, child: i32) -> Result<(), String> {
        let mut progress = (self.shared.begun.load(Relaxed), Instant::now());
        let mut is_poked = false;
        loop {
            // SAFETY: no status is asked for.
            let ended = unsafe { libc::waitpid(child, std::ptr::null_mut(), libc::WNOHANG) };
            if ended == child {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
            let begun = self.shared.begun.load(Relaxed);
            if begun != progress.0 {
                progress = (begun, Instant::now());
                is_poked = false;
                continue;
            }
            let waited = progress.1.elapsed();
            if waited > KILL_AFTER {
                return end(child);
            }
            if waited > POKE_AFTER && !is_poked {
                // SAFETY: takes no memory.
                unsafe { libc::kill(child, libc::SIGALRM) };
                is_poked = true;
            }
        }
    }

    /// Ends what a round has left running, and removes its files.
    fn clean_up(&self) -> Result<(), String> {
        let deadline = Instant::now() + HANG_AFTER;
        loop {
            let own = std::process::id() as i32;
            let left = system::processes();
            let left: Vec<i32> = left.difference(&self.others).copied().collect();
            let left: Vec<i32> = left.into_iter().filter(|number| *number != own).collect();
            // SAFETY: no status is asked for; takes no memory.
            unsafe {
                left.iter().for_each(|number| {
                    libc::kill(*number, libc::SIGKILL);
                });
                while libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) > 0 {}
            }
            if left.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                return Err(format!("processes {left:?} cannot be ended"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        system::remove_objects();
        remove_place()
    }

    /// Counters, once what was closed has gone; those given are what is hoped for.
    fn settled(&self, wanted: &BTreeMap<String, i64>) -> Result<BTreeMap<String, i64>, String> {
        let mut counters = system::counters()?;
        for _ in 0..SETTLE_TRIES {
            std::thread::sleep(Duration::from_millis(10));
            let next = system::counters()?;
            let is_still = system::compare(&counters, &next).is_empty();
            counters = next;
            if is_still && (wanted.is_empty() || system::compare(wanted, &counters).is_empty()) {
                break;
            }
        }
        Ok(counters)
    }

    /// What has not been called yet; a single round need not call everything.
    fn missed(&self, only: Option<u64>) -> Vec<&str> {
        let pairs = self.names.iter().zip(&self.shared.calls);
        let missed = pairs.filter(|(_, count)| only.is_none() && count.load(Relaxed) == 0);
        missed.map(|(name, _)| name.as_str()).collect()
    }

    /// Everything must have been called.
    fn check_coverage(&self, only: Option<u64>) -> Result<(), String> {
        match &self.missed(only)[..] {
            [] => Ok(()),
            missed => Err(format!("never called: {}", missed.join(" "))),
        }
    }
}

fn end(child: i32) -> Result<(), String> {
    // SAFETY: no status is asked for; takes no memory.
    unsafe { libc::kill(child, libc::SIGKILL) };
    let deadline = Instant::now() + HANG_AFTER;
    while Instant::now() < deadline {
        // SAFETY: as above.
        if unsafe { libc::waitpid(child, std::ptr::null_mut(), libc::WNOHANG) } == child {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err("the round's process cannot be killed".into())
}

fn make_place(is_root: bool) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{PLACE}: {error}");
    std::fs::create_dir_all(PLACE).map_err(failed)?;
    std::env::set_current_dir(PLACE).map_err(failed)?;
    if !is_root {
        std::os::unix::fs::chown(PLACE, Some(1000), Some(1000)).map_err(failed)?;
    }
    Ok(())
}

fn remove_place() -> Result<(), String> {
    std::env::set_current_dir("/").map_err(|error| format!("/: {error}"))?;
    match std::fs::remove_dir_all(PLACE) {
        Err(error) if Path::new(PLACE).exists() => Err(format!("cannot remove {PLACE}: {error}")),
        _ => Ok(()),
    }
}
