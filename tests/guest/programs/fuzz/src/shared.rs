//! What the process that makes the calls tells the one that watches it, in memory that both map.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Calls that are remembered for a report.
pub const REMEMBERED: usize = 12;
/// Numbers that are remembered of a call.
pub const WORDS: usize = 12;
/// Different results that no table declares, as far as they are told.
const UNDECLARED: usize = 32;
/// Most targets.
pub const TARGETS: usize = 512;

/// The memory.
pub struct Shared {
    /// Calls that were begun, all rounds together.
    pub begun: AtomicU64,
    /// Calls that succeeded.
    pub succeeded: AtomicU64,
    /// How often each target was called.
    pub calls: [AtomicU64; TARGETS],
    /// The last calls: the target's index, the result, and what was in the registers.
    recent: [[AtomicU64; WORDS]; REMEMBERED],
    /// Results that are neither a success nor a declared error: target + 1 and value each.
    undeclared: [[AtomicU64; 2]; UNDECLARED],
}

impl Shared {
    /// Maps it. It is never unmapped.
    pub fn map() -> &'static Shared {
        let size = size_of::<Shared>();
        // SAFETY: an anonymous mapping, zeroed and aligned to a page; zeros are a value of `Shared`.
        unsafe {
            let address = libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(address, libc::MAP_FAILED, "no shared memory");
            &*address.cast::<Shared>()
        }
    }

    /// Notes that a call begins.
    pub fn begin(&self, target: usize, words: &[u64]) {
        let place = &self.recent[self.begun.load(Relaxed) as usize % REMEMBERED];
        place[0].store(target as u64 + 1, Relaxed);
        place[1].store(0, Relaxed);
        for (index, slot) in place.iter().enumerate().skip(2) {
            slot.store(words.get(index - 2).copied().unwrap_or(0), Relaxed);
        }
        self.begun.fetch_add(1, Relaxed);
        self.calls[target % TARGETS].fetch_add(1, Relaxed);
    }

    /// Notes how the last one ended.
    pub fn end(&self, value: i64) {
        let last = self.begun.load(Relaxed).wrapping_sub(1);
        self.recent[last as usize % REMEMBERED][1].store(value as u64, Relaxed);
        if value >= 0 {
            self.succeeded.fetch_add(1, Relaxed);
        }
    }

    /// Notes a result that no table declares.
    pub fn note_undeclared(&self, target: usize, value: i64) {
        let pair = [target as u64 + 1, value as u64];
        for place in &self.undeclared {
            let known = [place[0].load(Relaxed), place[1].load(Relaxed)];
            if known == pair {
                return;
            }
            if known[0] == 0 {
                place[1].store(pair[1], Relaxed);
                place[0].store(pair[0], Relaxed);
                return;
            }
        }
    }

    /// What has been noted, for people.
    pub fn undeclared(&self, names: &[String]) -> Vec<String> {
        let pairs = self.undeclared.iter().filter_map(|place| {
            let name = names.get((place[0].load(Relaxed) as usize).wrapping_sub(1))?;
            Some(format!("{name} = {}", place[1].load(Relaxed) as i64))
        });
        pairs.collect()
    }

    /// The last calls, oldest first, for people: the last one may not have ended.
    pub fn recent(&self, names: &[String]) -> String {
        let begun = self.begun.load(Relaxed);
        let mut text = String::new();
        for number in begun.saturating_sub(REMEMBERED as u64)..begun {
            let place = &self.recent[number as usize % REMEMBERED];
            let target = place[0].load(Relaxed).wrapping_sub(1) as usize;
            let name = names.get(target).map_or("?", String::as_str);
            text += &format!("  {name} = {}:", place[1].load(Relaxed) as i64);
            for word in &place[2..] {
                text += &format!(" {:#x}", word.load(Relaxed));
            }
            text.push('\n');
        }
        text
    }
}
