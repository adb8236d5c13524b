//! File name patterns (POSIX 2.14), for `fnmatch`, `glob` and shells.

use crate::character::{class_named, is_in, to_lower, to_upper};
use crate::utf8::{Decoded, decode};

/// How to match; the defaults are `fnmatch`'s.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// A backslash is an ordinary character (`FNM_NOESCAPE`).
    pub no_escape: bool,
    /// Only a slash matches a slash (`FNM_PATHNAME`).
    pub pathname: bool,
    /// A leading period must be matched explicitly (`FNM_PERIOD`).
    pub period: bool,
    /// A match may end before a slash (`FNM_LEADING_DIR`).
    pub leading_directory: bool,
    /// Case does not matter (`FNM_CASEFOLD`).
    pub fold_case: bool,
}

/// Bytes that are no character are taken one by one, out of Unicode's range.
fn next_character(text: &[u8]) -> (u32, usize) {
    match decode(text) {
        Decoded::Character(character, length) => (character, length),
        _ => (0x11_0000 + u32::from(text[0]), 1),
    }
}

enum Element {
    Star,
    Any,
    Character(u32),
    /// A bracket expression, as the range of pattern bytes between the brackets.
    Bracket(usize, usize, bool),
}

/// Whether `pattern` matches the whole of `text`.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8], options: Options) -> bool {
    let mut matcher = Matcher {
        pattern,
        text,
        options,
    };
    matcher.run()
}

struct Matcher<'a> {
    pattern: &'a [u8],
    text: &'a [u8],
    options: Options,
}

impl Matcher<'_> {
    /// One star at a time: the last star seen is the only one worth going back to, because
    /// an earlier star could only repeat what the later one can do. Under `pathname` a
    /// slash in the text fixes everything before it.
    fn run(&mut self) -> bool {
        let (mut at_pattern, mut at_text) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            if at_pattern == self.pattern.len() && self.ends_at(at_text) {
                return true;
            }
            if at_pattern < self.pattern.len() {
                let (element, length) = self.element(at_pattern);
                if matches!(element, Element::Star) {
                    if !self.hidden_period(at_text) {
                        at_pattern += length;
                        retry = Some((at_pattern, at_text));
                        continue;
                    }
                } else if at_text < self.text.len()
                    && let Some(taken) = self.step(&element, at_text)
                {
                    at_pattern += length;
                    at_text += taken;
                    continue;
                }
            }
            let Some((star, from)) = retry else {
                return false;
            };
            if from >= self.text.len() || self.options.pathname && self.text[from] == b'/' {
                return false;
            }
            let next = from + next_character(&self.text[from..]).1;
            retry = Some((star, next));
            (at_pattern, at_text) = (star, next);
        }
    }

    fn ends_at(&self, at_text: usize) -> bool {
        at_text == self.text.len() || self.options.leading_directory && self.text[at_text] == b'/'
    }

    /// A period that wildcards must not match.
    fn hidden_period(&self, at_text: usize) -> bool {
        self.options.period
            && self.text.get(at_text) == Some(&b'.')
            && (at_text == 0 || self.options.pathname && self.text[at_text - 1] == b'/')
    }

    fn element(&self, index: usize) -> (Element, usize) {
        let rest = &self.pattern[index..];
        match rest[0] {
            b'*' => (Element::Star, 1),
            b'?' => (Element::Any, 1),
            b'[' => self
                .bracket(index)
                .unwrap_or((Element::Character(u32::from(b'[')), 1)),
            b'\\' if !self.options.no_escape && rest.len() > 1 => {
                let (character, length) = next_character(&rest[1..]);
                (Element::Character(character), length + 1)
            }
            _ => {
                let (character, length) = next_character(rest);
                (Element::Character(character), length)
            }
        }
    }

    /// Finds a bracket expression's end; without one the bracket is an ordinary character.
    fn bracket(&self, index: usize) -> Option<(Element, usize)> {
        let rest = &self.pattern[index..];
        let negated = matches!(rest.get(1), Some(b'!' | b'^'));
        let start = 1 + usize::from(negated);
        let mut end = start;
        if rest.get(end) == Some(&b']') {
            end += 1;
        }
        while *rest.get(end)? != b']' {
            match (rest[end], rest.get(end + 1)) {
                (b'[', Some(&kind @ (b':' | b'.' | b'='))) => {
                    let close = rest[end + 2..]
                        .windows(2)
                        .position(|pair| pair == [kind, b']'])?;
                    end += close + 4;
                }
                (b'\\', Some(_)) if !self.options.no_escape => end += 2,
                (b'/', _) if self.options.pathname => return None,
                _ => end += 1,
            }
        }
        Some((
            Element::Bracket(index + start, index + end, negated),
            end + 1,
        ))
    }

    fn step(&self, element: &Element, at_text: usize) -> Option<usize> {
        let (character, length) = next_character(&self.text[at_text..]);
        let wild_fails =
            self.options.pathname && character == u32::from(b'/') || self.hidden_period(at_text);
        let found = match *element {
            Element::Star => false,
            Element::Any => !wild_fails,
            Element::Bracket(start, end, negated) => {
                !wild_fails && self.in_bracket(start, end, character) != negated
            }
            Element::Character(wanted) => {
                wanted == character
                    || self.options.fold_case && to_lower(wanted) == to_lower(character)
            }
        };
        found.then_some(length)
    }

    fn in_bracket(&self, start: usize, end: usize, character: u32) -> bool {
        if self.options.fold_case {
            return [to_lower(character), to_upper(character)]
                .into_iter()
                .any(|variant| self.in_set(start, end, variant));
        }
        self.in_set(start, end, character)
    }

    fn in_set(&self, start: usize, end: usize, character: u32) -> bool {
        let set = &self.pattern[start..end];
        let mut index = 0;
        while index < set.len() {
            if set[index..].starts_with(b"[:")
                && let Some(length) = set[index + 2..].windows(2).position(|pair| pair == b":]")
            {
                let name = &set[index + 2..index + 2 + length];
                if class_named(name).is_some_and(|class| is_in(character, class)) {
                    return true;
                }
                index += length + 4;
                continue;
            }
            let (first, length) = self.set_character(set, index);
            index += length;
            let mut last = first;
            if set.get(index) == Some(&b'-') && index + 1 < set.len() {
                let (bound, length) = self.set_character(set, index + 1);
                last = bound;
                index += 1 + length;
            }
            if (first..=last).contains(&character) {
                return true;
            }
        }
        false
    }

    /// A character of a set: itself, escaped, or as `[.x.]` or `[=x=]`.
    fn set_character(&self, set: &[u8], index: usize) -> (u32, usize) {
        let rest = &set[index..];
        if rest.len() >= 5 && rest[0] == b'[' && matches!(rest[1], b'.' | b'=') {
            let (character, length) = next_character(&rest[2..]);
            if rest.get(2 + length..4 + length) == Some(&[rest[1], b']']) {
                return (character, length + 4);
            }
        }
        if rest[0] == b'\\' && rest.len() > 1 && !self.options.no_escape {
            let (character, length) = next_character(&rest[1..]);
            return (character, length + 1);
        }
        next_character(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: Options = Options {
        no_escape: false,
        pathname: true,
        period: true,
        leading_directory: false,
        fold_case: false,
    };

    fn plain(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes(), Options::default())
    }

    #[test]
    fn wildcards_match_what_they_should() {
        for (pattern, text) in [
            ("*", ""),
            ("a*c", "abbc"),
            ("a?c", "aéc"),
            ("*.c", "x.y.c"),
            ("[a-c]x", "bx"),
            ("[!a]", "b"),
            ("[]]", "]"),
            ("[a-]", "-"),
        ] {
            assert!(plain(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a*c", "abb"),
            ("a?c", "ac"),
            ("[!a]", "a"),
            ("\\*", "x"),
            ("[a", "a"),
            ("", "a"),
            ("[[:digit:]]", "x"),
        ] {
            assert!(!plain(pattern, text), "{pattern} {text}");
        }
        assert!(
            plain("[a", "[a")
                && plain("\\*", "*")
                && plain("[[:alpha:]_]*", "_x")
                && plain("[\\]]", "]")
        );
    }

    #[test]
    fn paths_keep_slashes_and_leading_periods() {
        let path = |pattern: &str, text: &str| matches(pattern.as_bytes(), text.as_bytes(), PATH);
        assert!(path("*/b", "a/b") && path("a/.*", "a/.x") && path("a*", "a.x"));
        assert!(
            !path("*", "a/b")
                && !path("a/*", "a/.x")
                && !path("*", ".x")
                && !path("a[/]b", "a/b")
                && !path("[.]x", ".x")
                && !path("*b", "a/b")
        );
    }

    #[test]
    fn many_stars_are_not_exponential() {
        let text = [b'a'; 2000];
        assert!(!matches(
            "a*".repeat(200).as_bytes(),
            &text[..1],
            Options::default()
        ));
        assert!(!matches(
            [&b"*a"[..]; 100].concat().as_slice(),
            &[b'b'; 2000],
            Options::default()
        ));
    }

    #[test]
    fn case_can_be_folded() {
        let options = Options {
            fold_case: true,
            ..Options::default()
        };
        assert!(matches("É[a-c]".as_bytes(), "éB".as_bytes(), options));
    }
}
