//! From a pattern's text to a tree.

use super::set::Set;
use super::{Options, RegexError};
use crate::character::{CharacterClass, class_named};
use crate::utf8::{Decoded, decode};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What matches a place, not characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assertion {
    LineStart,
    LineEnd,
    WordStart,
    WordEnd,
    WordBoundary,
    NoWordBoundary,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Empty,
    Character(u32),
    Any,
    /// An index into the pattern's sets.
    Set(usize),
    Assertion(Assertion),
    Group(Box<Node>, usize),
    Reference(usize),
    Sequence(Vec<Node>),
    Alternatives(Vec<Node>),
    /// Any number of times.
    Star(Box<Node>),
    /// Once or not at all.
    Optional(Box<Node>),
}

/// A part of the pattern; `start..end` are its instructions in the program.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

impl Node {
    pub fn new(kind: Kind) -> Self {
        Node {
            kind,
            start: 0,
            end: 0,
        }
    }
}

pub(super) struct Parsed {
    pub tree: Node,
    pub sets: Vec<Set>,
    pub groups: usize,
    pub has_references: bool,
}

/// Parentheses inside each other: the tree is walked by recursion.
const DEPTH_MAX: usize = 200;
/// Tree nodes, copies for intervals included.
const NODES_MAX: usize = 60_000;

pub(super) fn parse(pattern: &[u8], options: Options) -> Result<Parsed, RegexError> {
    let mut parser = Parser {
        pattern,
        index: 0,
        options,
        sets: Vec::new(),
        groups: 0,
        closed: Vec::new(),
        depth: 0,
        nodes: 0,
        has_references: false,
    };
    let tree = parser.alternatives()?;
    if parser.index < pattern.len() {
        return Err(RegexError::Parenthesis);
    }
    Ok(Parsed {
        tree,
        sets: parser.sets,
        groups: parser.groups,
        has_references: parser.has_references,
    })
}

pub(super) struct Parser<'a> {
    pub(super) pattern: &'a [u8],
    pub(super) index: usize,
    pub(super) options: Options,
    sets: Vec<Set>,
    groups: usize,
    closed: Vec<usize>,
    depth: usize,
    pub(super) nodes: usize,
    has_references: bool,
}

impl Parser<'_> {
    pub(super) fn rest(&self) -> &[u8] {
        &self.pattern[self.index..]
    }

    pub(super) fn at(&self, text: &[u8]) -> bool {
        self.rest().starts_with(text)
    }

    pub(super) fn take(&mut self, text: &[u8]) -> bool {
        let found = self.at(text);
        if found {
            self.index += text.len();
        }
        found
    }

    /// An operator's spelling: with a backslash in basic syntax, without in extended.
    pub(super) fn operator(&self, letter: u8) -> bool {
        if self.options.extended {
            self.rest().first() == Some(&letter)
        } else {
            self.at(&[b'\\', letter])
        }
    }

    pub(super) fn take_operator(&mut self, letter: u8) -> bool {
        let found = self.operator(letter);
        if found {
            self.index += if self.options.extended { 1 } else { 2 };
        }
        found
    }

    fn character(&mut self) -> u32 {
        let rest = self.rest();
        if self.options.utf8
            && let Decoded::Character(character, length) = decode(rest)
        {
            self.index += length;
            return character;
        }
        let byte = u32::from(rest[0]);
        self.index += 1;
        if byte >= 0x80 && self.options.utf8 {
            0x11_0000 + byte
        } else {
            byte
        }
    }

    fn node(&mut self, kind: Kind) -> Result<Node, RegexError> {
        self.count(1)?;
        Ok(Node::new(kind))
    }

    pub(super) fn count(&mut self, nodes: usize) -> Result<(), RegexError> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            Err(RegexError::TooLarge)
        } else {
            Ok(())
        }
    }

    fn alternatives(&mut self) -> Result<Node, RegexError> {
        let first = self.sequence()?;
        if !self.operator(b'|') {
            return Ok(first);
        }
        let mut branches = alloc::vec![first];
        while self.take_operator(b'|') {
            branches.push(self.sequence()?);
        }
        self.node(Kind::Alternatives(branches))
    }

    fn sequence(&mut self) -> Result<Node, RegexError> {
        let mut parts = Vec::new();
        while self.index < self.pattern.len()
            && !self.operator(b'|')
            && !(self.operator(b')') && (self.depth > 0 || !self.options.extended))
        {
            let before = self.nodes;
            let atom = self.atom(parts.is_empty())?;
            let cost = self.nodes - before;
            parts.push(self.repeated(atom, cost)?);
        }
        match parts.len() {
            0 => self.node(Kind::Empty),
            1 => parts.pop().ok_or(RegexError::BadPattern),
            _ => self.node(Kind::Sequence(parts)),
        }
    }

    fn atom(&mut self, first: bool) -> Result<Node, RegexError> {
        if self.take_operator(b'(') {
            return self.group();
        }
        let byte = self.rest()[0];
        match byte {
            b'\\' => self.escape(),
            b'.' => {
                self.index += 1;
                self.node(Kind::Any)
            }
            b'[' => {
                self.index += 1;
                self.bracket()
            }
            b'^' if self.options.extended || first => {
                self.index += 1;
                let node = self.node(Kind::Assertion(Assertion::LineStart))?;
                // In basic syntax a star behind the anchor is a character.
                if !self.options.extended && self.take(b"*") {
                    let star = self.node(Kind::Character(u32::from(b'*')))?;
                    let star = self.repeated(star, 1)?;
                    return self.node(Kind::Sequence(alloc::vec![node, star]));
                }
                Ok(node)
            }
            b'$' if self.options.extended || self.ends_branch() => {
                self.index += 1;
                self.node(Kind::Assertion(Assertion::LineEnd))
            }
            b'*' | b'+' | b'?' if self.options.extended && first => Err(RegexError::Repetition),
            b'{' if self.options.extended
                && first
                && self.rest().get(1).is_some_and(u8::is_ascii_digit) =>
            {
                Err(RegexError::Repetition)
            }
            _ => {
                let character = self.character();
                self.node(Kind::Character(character))
            }
        }
    }

    /// Whether the `$` here is the last of its branch, which makes it an anchor in basic syntax.
    fn ends_branch(&self) -> bool {
        let behind = &self.rest()[1..];
        behind.is_empty() || behind.starts_with(b"\\)") || behind.starts_with(b"\\|")
    }

    fn group(&mut self) -> Result<Node, RegexError> {
        self.groups += 1;
        let number = self.groups;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(RegexError::TooLarge);
        }
        let inner = self.alternatives()?;
        if !self.take_operator(b')') {
            return Err(RegexError::Parenthesis);
        }
        self.depth -= 1;
        self.closed.push(number);
        self.node(Kind::Group(Box::new(inner), number))
    }

    fn escape(&mut self) -> Result<Node, RegexError> {
        let Some(&letter) = self.rest().get(1) else {
            return Err(RegexError::TrailingBackslash);
        };
        self.index += 1;
        let assertion = match letter {
            b'<' => Some(Assertion::WordStart),
            b'>' => Some(Assertion::WordEnd),
            b'b' => Some(Assertion::WordBoundary),
            b'B' => Some(Assertion::NoWordBoundary),
            _ => None,
        };
        if let Some(assertion) = assertion {
            self.index += 1;
            return self.node(Kind::Assertion(assertion));
        }
        let class = match letter {
            b'w' | b'W' => Some(CharacterClass::Alnum),
            b's' | b'S' => Some(CharacterClass::Space),
            b'd' | b'D' => Some(CharacterClass::Digit),
            _ => None,
        };
        if let Some(class) = class {
            self.index += 1;
            let mut set = Set::new(letter.is_ascii_uppercase());
            set.add_class(class);
            if letter | 0x20 == b'w' {
                set.add_range(u32::from(b'_'), u32::from(b'_'));
            }
            return self.set(set);
        }
        match letter {
            // References are POSIX only in basic syntax; everyone has them in both.
            b'1'..=b'9' => {
                let number = usize::from(letter - b'0');
                if !self.closed.contains(&number) {
                    return Err(RegexError::BackReference);
                }
                self.index += 1;
                self.has_references = true;
                self.node(Kind::Reference(number))
            }
            b'{' if !self.options.extended => Err(RegexError::Repetition),
            _ => {
                let character = match letter {
                    b'n' => {
                        self.index += 1;
                        10
                    }
                    b't' => {
                        self.index += 1;
                        9
                    }
                    _ => self.character(),
                };
                self.node(Kind::Character(character))
            }
        }
    }

    fn set(&mut self, mut set: Set) -> Result<Node, RegexError> {
        set.finish(self.options.fold_case, self.options.newline);
        self.sets.push(set);
        self.node(Kind::Set(self.sets.len() - 1))
    }

    fn bracket(&mut self) -> Result<Node, RegexError> {
        let mut set = Set::new(self.take(b"^"));
        let mut first = true;
        loop {
            if self.index >= self.pattern.len() {
                return Err(RegexError::Bracket);
            }
            if !first && self.take(b"]") {
                return self.set(set);
            }
            first = false;
            if self.take(b"[:") {
                let name = self.delimited(b":]")?;
                set.add_class(class_named(name).ok_or(RegexError::ClassName)?);
                continue;
            }
            let start = self.bracket_character()?;
            let ranged = self.at(b"-") && self.rest().len() > 1 && self.rest()[1] != b']';
            if ranged {
                self.index += 1;
                let end = self.bracket_character()?;
                if end < start {
                    return Err(RegexError::Range);
                }
                set.add_range(start, end);
            } else {
                set.add_range(start, start);
            }
        }
    }

    fn delimited(&mut self, end: &[u8]) -> Result<&[u8], RegexError> {
        let length = self
            .rest()
            .windows(2)
            .position(|pair| pair == end)
            .ok_or(RegexError::Bracket)?;
        let start = self.index;
        self.index += length + 2;
        Ok(&self.pattern[start..start + length])
    }

    fn bracket_character(&mut self) -> Result<u32, RegexError> {
        for (open, close) in [(b"[.", b".]"), (b"[=", b"=]")] {
            if self.take(open) {
                if self.index >= self.pattern.len() {
                    return Err(RegexError::Bracket);
                }
                let character = self.character();
                return if self.take(close) {
                    Ok(character)
                } else {
                    Err(RegexError::Collation)
                };
            }
        }
        if self.index >= self.pattern.len() {
            return Err(RegexError::Bracket);
        }
        Ok(self.character())
    }
}
