//! Calls everything that can be called with arguments good and bad, as a user and as root, and
//! looks after each round whether the system is as it was.
//!
//! Usage: `fuzz SECONDS [SEED [ROUND]]`. The same seed makes the same calls; with a round, only
//! that one is made, again and again.

mod arguments;
mod overseer;
mod pool;
mod random;
mod raw;
mod shared;
mod system;
mod table;
mod worker;

use std::time::{Duration, Instant};

fn main() {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<u64>());
    let mut next = || words.next().and_then(Result::ok);
    let (seconds, seed, only) = (next().unwrap_or(60), next().unwrap_or(1), next());
    eprintln!("seed {seed}");
    let mut overseer = overseer::Overseer::new(seed);
    match overseer.run(Instant::now() + Duration::from_secs(seconds), only) {
        Ok(()) => println!("nothing was harmed"),
        Err(failure) => {
            println!("{failure}");
            std::process::exit(1);
        }
    }
}
