//! Patterns with back-references: trying everything, longest pieces first.
//!
//! No better way is known in general (matching them is NP-complete), so the number of
//! steps is bounded; what was found by then is the answer.

use super::parse::{Kind, Node};
use super::program::Program;
use super::{Span, Text};
use alloc::vec;
use alloc::vec::Vec;

/// Steps after which the search gives up: about a second's work.
const STEPS_MAX: u64 = 20_000_000;

pub(super) fn find(
    tree: &Node,
    program: &Program,
    text: &Text<'_>,
    groups: usize,
    spans: &mut [Option<Span>],
) -> bool {
    let mut search = Search {
        program,
        text,
        groups: vec![None; groups + 1],
        best: None,
        steps: 0,
    };
    let mut start = 0;
    loop {
        search.groups.fill(None);
        search.node(tree, start, &mut |search, end| search.finish(start, end));
        if let Some(found) = &search.best {
            for (place, span) in spans.iter_mut().zip(found) {
                *place = *span;
            }
            return true;
        }
        if start >= text.bytes.len() || search.steps > STEPS_MAX {
            return false;
        }
        start += text.character(start).1;
    }
}

struct Search<'a, 'b> {
    program: &'a Program,
    text: &'a Text<'b>,
    groups: Vec<Option<Span>>,
    best: Option<Vec<Option<Span>>>,
    steps: u64,
}

/// What is to match behind; true ends the search.
type Rest<'r, 'a, 'b> = &'r mut dyn FnMut(&mut Search<'a, 'b>, usize) -> bool;

impl<'a, 'b> Search<'a, 'b> {
    /// Notes a match if it is the longest so far; nothing is longer than the whole text.
    fn finish(&mut self, start: usize, end: usize) -> bool {
        let longer = match &self.best {
            Some(found) => found[0].is_none_or(|(_, best)| end > best),
            None => true,
        };
        if longer {
            let mut found = self.groups.clone();
            found[0] = Some((start, end));
            self.best = Some(found);
        }
        end == self.text.bytes.len()
    }

    fn node(&mut self, node: &Node, at: usize, rest: Rest<'_, 'a, 'b>) -> bool {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return true;
        }
        match &node.kind {
            Kind::Empty => rest(self, at),
            Kind::Assertion(assertion) => self.text.holds(*assertion, at) && rest(self, at),
            Kind::Character(_) | Kind::Any | Kind::Set(_) => {
                if at >= self.text.bytes.len() {
                    return false;
                }
                let (character, length) = self.text.character(at);
                self.program.takes(self.program.code[node.start], character)
                    && rest(self, at + length)
            }
            Kind::Reference(number) => self.reference(*number, at, rest),
            Kind::Group(inner, number) => {
                let number = *number;
                let before = self.groups[number];
                let found = self.node(inner, at, &mut |search, end| {
                    let outer = search.groups[number].replace((at, end));
                    let found = rest(search, end);
                    if !found {
                        search.groups[number] = outer;
                    }
                    found
                });
                if !found {
                    self.groups[number] = before;
                }
                found
            }
            Kind::Sequence(parts) => self.sequence(parts, at, rest),
            Kind::Alternatives(branches) => {
                branches.iter().any(|branch| self.node(branch, at, rest))
            }
            Kind::Optional(inner) => self.node(inner, at, rest) || rest(self, at),
            Kind::Star(inner) => self.star(inner, at, rest),
        }
    }

    fn sequence(&mut self, parts: &[Node], at: usize, rest: Rest<'_, 'a, 'b>) -> bool {
        match parts.split_first() {
            None => rest(self, at),
            Some((first, others)) => self.node(first, at, &mut |search, end| {
                search.sequence(others, end, rest)
            }),
        }
    }

    fn star(&mut self, inner: &Node, at: usize, rest: Rest<'_, 'a, 'b>) -> bool {
        // An empty iteration would repeat for ever and change nothing.
        self.node(inner, at, &mut |search, end| {
            end > at && search.star(inner, end, rest)
        }) || rest(self, at)
    }

    fn reference(&mut self, number: usize, at: usize, rest: Rest<'_, 'a, 'b>) -> bool {
        let Some((from, to)) = self.groups[number] else {
            return false;
        };
        let (wanted, found) = (
            &self.text.bytes[from..to],
            self.text.bytes.get(at..at + (to - from)),
        );
        let same = match found {
            None => false,
            Some(found) if self.text.options.fold_case => wanted.eq_ignore_ascii_case(found),
            Some(found) => wanted == found,
        };
        same && rest(self, at + (to - from))
    }
}
