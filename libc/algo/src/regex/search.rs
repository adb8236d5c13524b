//! Running the program as a set of states: one pass over the text, whatever the pattern.

use super::program::{Instruction, Program};
use super::{Span, Text};
use alloc::vec;
use alloc::vec::Vec;

/// The states that are alive, each with the earliest start that leads to it.
struct States {
    list: Vec<(usize, usize)>,
    /// For each instruction, the generation that last saw it.
    seen: Vec<u32>,
    generation: u32,
    stack: Vec<usize>,
}

impl States {
    fn new(length: usize) -> Self {
        States {
            list: Vec::new(),
            seen: vec![0; length + 1],
            generation: 0,
            stack: Vec::new(),
        }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.generation += 1;
    }

    /// Adds a state and all it leads to without a character. States are added in order of
    /// their start, so the first to reach an instruction has the earliest.
    fn add(
        &mut self,
        program: &Program,
        text: &Text<'_>,
        place: usize,
        start: usize,
        index: usize,
        end: usize,
    ) {
        self.stack.push(place);
        while let Some(place) = self.stack.pop() {
            if core::mem::replace(&mut self.seen[place], self.generation) == self.generation {
                continue;
            }
            if place == end {
                self.list.push((place, start));
                continue;
            }
            match program.code[place] {
                Instruction::Jump(to) => self.stack.push(to),
                Instruction::Split(left, right) => self.stack.extend([right, left]),
                Instruction::Assertion(assertion) if text.holds(assertion, index) => {
                    self.stack.push(place + 1)
                }
                Instruction::Assertion(_) => {}
                _ => self.list.push((place, start)),
            }
        }
    }
}

/// The leftmost longest match.
pub(super) fn find(program: &Program, text: &Text<'_>) -> Option<Span> {
    let end = program.code.len();
    let (mut now, mut next) = (States::new(end), States::new(end));
    let mut best: Option<Span> = None;
    let mut index = 0;
    now.clear();
    loop {
        if best.is_none() {
            if now.list.is_empty() {
                index = skip(program, text, index)?;
            }
            now.add(program, text, 0, index, index, end);
        }
        step(program, text, &mut now, &mut next, index, end, &mut best);
        if index >= text.bytes.len() || next.list.is_empty() && best.is_some() {
            return best;
        }
        index += text.character(index).1;
        core::mem::swap(&mut now, &mut next);
    }
}

/// The next place where a match could begin.
fn skip(program: &Program, text: &Text<'_>, index: usize) -> Option<usize> {
    match &program.first {
        Some(first) => text.bytes[index..]
            .iter()
            .position(|&byte| first[usize::from(byte)])
            .map(|skipped| index + skipped),
        None => Some(index),
    }
}

/// Takes the character at `index` in every state; notes a match that ends here.
fn step(
    program: &Program,
    text: &Text<'_>,
    now: &mut States,
    next: &mut States,
    index: usize,
    end: usize,
    best: &mut Option<Span>,
) {
    next.clear();
    for &(place, start) in &now.list {
        if place == end && best.is_none_or(|(found, _)| start <= found) {
            *best = Some((start, index));
        }
    }
    if index >= text.bytes.len() {
        return;
    }
    let (character, length) = text.character(index);
    // Cheaper than a call of `add` for each: the states are few.
    let mut list = core::mem::take(&mut now.list);
    for &(place, start) in &list {
        let alive = place != end && best.is_none_or(|(found, _)| start <= found);
        if alive && program.takes(program.code[place], character) {
            next.add(program, text, place + 1, start, index + length, end);
        }
    }
    list.clear();
    now.list = list;
}

/// All places up to `limit` where the instructions `start..end`, begun at `from`, can end.
pub(super) fn ends(
    program: &Program,
    text: &Text<'_>,
    (start, end): (usize, usize),
    from: usize,
    limit: usize,
) -> Vec<usize> {
    let mut found = Vec::new();
    let (mut now, mut next) = (
        States::new(program.code.len()),
        States::new(program.code.len()),
    );
    now.clear();
    now.add(program, text, start, from, from, end);
    let mut index = from;
    while !now.list.is_empty() {
        if now.list.iter().any(|&(place, _)| place == end) {
            found.push(index);
        }
        if index >= limit {
            break;
        }
        let mut ignored = Some((from, from));
        step(program, text, &mut now, &mut next, index, end, &mut ignored);
        index += text.character(index).1;
        core::mem::swap(&mut now, &mut next);
    }
    found
}
