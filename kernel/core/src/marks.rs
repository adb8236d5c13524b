//! What is to be looked at before a thread goes on: a bit each in one byte, so that the short ways
//! find the common case, none, by one comparison. And how its registers come to stand before or
//! behind the call under way.

use crate::thread::{State, Thread, encode};
use kernel_abi::Error;

/// The set of a thread's marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks(u8);

/// Something is to be done before it returns to user mode.
const ATTENTION: u8 = 1;
/// It was killed while running on a processor, which has yet to notice.
const ENDING: u8 = 2;
/// The registers stand before the `syscall` instruction, to execute it again.
const REWOUND: u8 = 4;
/// Its process is suspended.
const HELD: u8 = 8;
/// It may not run on every processor.
const CONFINED: u8 = 16;

impl Marks {
    #[inline]
    fn put(&mut self, mark: u8, on: bool) {
        if on {
            self.0 |= mark;
        } else {
            self.0 &= !mark;
        }
    }
}

impl Thread {
    /// Whether nothing at all is marked.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.marks.0 == 0
    }

    /// Whether something is to be done before it returns to user mode.
    #[inline]
    pub fn has_attention(&self) -> bool {
        self.marks.0 & ATTENTION != 0
    }

    /// Has it looked after before it returns to user mode.
    #[inline]
    pub fn call_attention(&mut self) {
        self.marks.put(ATTENTION, true);
    }

    /// Says whether something is left to be done before it returns to user mode.
    pub fn set_attention(&mut self, wanted: bool) {
        self.marks.put(ATTENTION, wanted);
    }

    /// Whether it was killed while running on a processor, which has yet to notice.
    #[inline]
    pub fn is_ending(&self) -> bool {
        self.marks.0 & ENDING != 0
    }

    /// It was killed while running on another processor.
    pub fn set_ending(&mut self) {
        self.marks.put(ENDING, true);
    }

    /// Whether the registers stand before the `syscall` instruction, to execute it again.
    #[inline]
    pub fn is_rewound(&self) -> bool {
        self.marks.0 & REWOUND != 0
    }

    /// Whether it waits to execute a call again, and nothing else is to be looked at first.
    #[inline]
    pub fn only_waits(&self) -> bool {
        self.state == State::Blocked && self.marks.0 & !CONFINED == REWOUND
    }

    /// Says where the registers stand.
    #[inline]
    pub fn set_rewound(&mut self, rewound: bool) {
        self.marks.put(REWOUND, rewound);
    }

    /// Says whether its process is suspended.
    pub fn set_held(&mut self, held: bool) {
        self.marks.put(HELD, held);
    }

    /// Sets the processors that it may run on.
    pub fn set_affinity(&mut self, affinity: u8) {
        self.affinity = affinity;
        self.marks.put(CONFINED, affinity != u8::MAX);
    }

    /// Whether the mark of suspension is set, for the invariants.
    #[cfg(test)]
    pub fn is_held(&self) -> bool {
        self.marks.0 & HELD != 0
    }

    /// Whether the mark of a restricted affinity is set, for the invariants.
    #[cfg(test)]
    pub fn is_confined(&self) -> bool {
        self.marks.0 & CONFINED != 0
    }
}

/// Length of the `syscall` instruction.
pub(crate) const SYSCALL_LENGTH: u64 = 2;

impl Thread {
    /// Sets the registers back so that the call is executed again.
    pub fn rewind(&mut self) {
        if !self.is_rewound() {
            self.set_rewound(true);
            let registers = &mut self.context.registers;
            registers.rip = registers.rip.wrapping_sub(SYSCALL_LENGTH);
            registers.rax = self.call_number;
        }
    }

    /// Lets the registers stand behind the call again.
    pub fn undo_rewind(&mut self) {
        if self.is_rewound() {
            self.set_rewound(false);
            let registers = &mut self.context.registers;
            registers.rip = registers.rip.wrapping_add(SYSCALL_LENGTH);
        }
    }

    /// Sets the result of the call under way.
    pub fn finish(&mut self, result: Result<u64, Error>) {
        self.undo_rewind();
        self.context.registers.rax = encode(result);
        self.progress = 0;
        if let Some(mask) = self.saved_mask.take() {
            self.mask = mask;
            self.call_attention();
        }
    }
}
