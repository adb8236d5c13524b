//! Regular expressions (POSIX.1-2024 chapter 9), basic and extended.
//!
//! A pattern becomes a tree ([`parse`]) and a small program ([`program`]). The program,
//! run as a set of states ([`search`]), finds the leftmost longest match in time linear in
//! the text. Only where the caller wants subexpressions, [`capture`] walks the tree over the
//! match's span and gives each part, from left to right, the longest piece that lets the
//! rest match: that is POSIX's rule, which neither backtracking nor a thread's history
//! follows. Patterns with back-references, which no automaton knows, go to [`backtrack`].

mod backtrack;
mod capture;
mod parse;
mod program;
mod repetition;
mod search;
mod set;

use parse::Node;
use program::Program;

/// How to read a pattern.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Extended syntax (`REG_EXTENDED`).
    pub extended: bool,
    /// Case does not matter (`REG_ICASE`).
    pub fold_case: bool,
    /// A newline ends a line for `^`, `$`, `.` and negated sets (`REG_NEWLINE`).
    pub newline: bool,
    /// Characters are UTF-8, else bytes.
    pub utf8: bool,
}

/// What an execution must know of the text's surroundings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context {
    /// The text does not begin a line (`REG_NOTBOL`).
    pub not_line_start: bool,
    /// The text does not end a line (`REG_NOTEOL`).
    pub not_line_end: bool,
}

/// Why a pattern is no regular expression; the names are `<regex.h>`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegexError {
    /// `REG_BADPAT`.
    BadPattern,
    /// `REG_ECOLLATE`.
    Collation,
    /// `REG_ECTYPE`.
    ClassName,
    /// `REG_EESCAPE`.
    TrailingBackslash,
    /// `REG_ESUBREG`.
    BackReference,
    /// `REG_EBRACK`.
    Bracket,
    /// `REG_EPAREN`.
    Parenthesis,
    /// `REG_EBRACE`.
    Brace,
    /// `REG_BADBR`.
    BraceContent,
    /// `REG_ERANGE`.
    Range,
    /// `REG_ESPACE`: too large.
    TooLarge,
    /// `REG_BADRPT`.
    Repetition,
}

/// A span of the text in bytes.
pub type Span = (usize, usize);

/// A compiled pattern.
#[derive(Debug)]
pub struct Regex {
    tree: Node,
    program: Program,
    options: Options,
    groups: usize,
    has_references: bool,
}

impl Regex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub fn new(pattern: &[u8], options: Options) -> Result<Self, RegexError> {
        let parsed = parse::parse(pattern, options)?;
        let mut tree = parsed.tree;
        let program = Program::compile(&mut tree, parsed.sets, options)?;
        Ok(Regex {
            tree,
            program,
            options,
            groups: parsed.groups,
            has_references: parsed.has_references,
        })
    }

    /// The number of parenthesized subexpressions.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Finds the leftmost longest match; `spans[0]` becomes its span, the others those of
    /// the subexpressions (`None` where one took no part). False without a match.
    pub fn find(&self, text: &[u8], context: Context, spans: &mut [Option<Span>]) -> bool {
        spans.fill(None);
        let text = Text {
            bytes: text,
            context,
            options: self.options,
        };
        if self.has_references {
            return backtrack::find(&self.tree, &self.program, &text, self.groups, spans);
        }
        let Some(span) = search::find(&self.program, &text) else {
            return false;
        };
        if let Some(first) = spans.first_mut() {
            *first = Some(span);
        }
        if spans.len() > 1 && self.groups > 0 {
            capture::capture(&self.tree, &self.program, &text, span, spans);
        }
        true
    }
}

/// The text with what assertions need.
struct Text<'a> {
    bytes: &'a [u8],
    context: Context,
    options: Options,
}

impl Text<'_> {
    /// The character at `index` and its length in bytes. A byte that is no character
    /// stands for itself, beyond Unicode's range.
    fn character(&self, index: usize) -> (u32, usize) {
        let first = self.bytes[index];
        if first < 0x80 || !self.options.utf8 {
            return (u32::from(first), 1);
        }
        match crate::utf8::decode(&self.bytes[index..]) {
            crate::utf8::Decoded::Character(character, length) => (character, length),
            _ => (0x11_0000 + u32::from(first), 1),
        }
    }

    fn line_starts(&self, index: usize) -> bool {
        if index == 0 {
            return !self.context.not_line_start;
        }
        self.options.newline && self.bytes[index - 1] == b'\n'
    }

    fn line_ends(&self, index: usize) -> bool {
        if index == self.bytes.len() {
            return !self.context.not_line_end;
        }
        self.options.newline && self.bytes[index] == b'\n'
    }

    /// Whether word characters stand before and behind `index`.
    fn words_around(&self, index: usize) -> (bool, bool) {
        // A continuation byte belongs to a letter more often than not; ASCII decides exactly.
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        (
            index > 0 && word(self.bytes[index - 1]),
            self.bytes.get(index).is_some_and(|&byte| word(byte)),
        )
    }

    fn holds(&self, assertion: parse::Assertion, index: usize) -> bool {
        use parse::Assertion;
        let (before, behind) = match assertion {
            Assertion::LineStart => return self.line_starts(index),
            Assertion::LineEnd => return self.line_ends(index),
            _ => self.words_around(index),
        };
        match assertion {
            Assertion::WordStart => !before && behind,
            Assertion::WordEnd => before && !behind,
            Assertion::WordBoundary => before != behind,
            _ => before == behind,
        }
    }
}

#[cfg(test)]
mod tests;
