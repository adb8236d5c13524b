//! Known answers: syntax, leftmost-longest, subexpressions, errors, bounds.

use super::*;
use proptest::prelude::*;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

const BASIC: Options = Options {
    extended: false,
    fold_case: false,
    newline: false,
    utf8: true,
};
const EXTENDED: Options = Options {
    extended: true,
    ..BASIC
};

/// Spans as "(0,2)(?,?)", or what went wrong.
fn spans(pattern: &str, text: &str, options: Options) -> String {
    match Regex::new(pattern.as_bytes(), options) {
        Err(error) => format!("{error:?}"),
        Ok(regex) => {
            let mut found: Vec<Option<Span>> = [None].repeat(regex.groups() + 1);
            if !regex.find(text.as_bytes(), Context::default(), &mut found) {
                return "none".to_string();
            }
            found
                .iter()
                .map(|span| span.map_or("(?,?)".to_string(), |(from, to)| format!("({from},{to})")))
                .collect()
        }
    }
}

fn check(options: Options, cases: &[(&str, &str, &str)]) {
    for (pattern, text, expected) in cases {
        assert_eq!(
            &spans(pattern, text, options),
            expected,
            "{pattern} on {text}"
        );
    }
}

#[test]
fn extended_syntax() {
    check(
        EXTENDED,
        &[
            ("abc", "xabcx", "(1,4)"),
            ("a.c", "aéc", "(0,4)"),
            ("a*", "baa", "(0,0)"),
            ("a+", "baa", "(1,3)"),
            ("ab?c", "ac", "(0,2)"),
            ("^a$", "a", "(0,1)"),
            ("^a$", "ba", "none"),
            ("a|b|c", "xc", "(1,2)"),
            ("a{2}", "aaa", "(0,2)"),
            ("a{2,}", "aaaa", "(0,4)"),
            ("a{1,2}", "aaa", "(0,2)"),
            ("a{,2}b", "aab", "(0,3)"),
            ("(ab){2}", "ababab", "(0,4)(2,4)"),
            ("[a-c]+", "xabcx", "(1,4)"),
            ("[^a-c]+", "abxyc", "(2,4)"),
            ("[]x]+", "a]x]", "(1,4)"),
            ("[[:digit:]_]+", "ab12_c", "(2,5)"),
            ("[a-]+", "-a-", "(0,3)"),
            ("\\.", "a.b", "(1,2)"),
            ("\\<b", "ab b", "(3,4)"),
            ("b\\>", "ba b", "(3,4)"),
            ("\\bfoo\\b", "a foo b", "(2,5)"),
            ("\\w+", "  a_1 ", "(2,5)"),
            ("a||b", "b", "(0,1)"),
            ("()", "x", "(0,0)(0,0)"),
            ("a{", "a{", "(0,2)"),
            ("", "x", "(0,0)"),
            ("[[.-.]]", "-", "(0,1)"),
            ("é+", "aéé", "(1,5)"),
            ("[à-ü]", "é", "(0,2)"),
        ],
    );
}

#[test]
fn basic_syntax() {
    check(
        BASIC,
        &[
            ("a+", "aa+", "(1,3)"),
            ("*a", "b*a", "(1,3)"),
            ("\\(*a\\)", "*a", "(0,2)(0,2)"),
            ("^*a", "*a", "(0,2)"),
            ("a\\{2\\}", "aaa", "(0,2)"),
            ("a\\|b", "b", "(0,1)"),
            ("a\\+", "aa", "(0,2)"),
            ("a^b$c", "a^b$c", "(0,5)"),
            ("\\(a\\)\\1", "xaa", "(1,3)(1,2)"),
            ("\\(.*\\)x\\1$", "abxab", "(0,5)(0,2)"),
            ("\\(a*\\)b\\1", "aabaa", "(0,5)(0,2)"),
            ("(a)", "(a)", "(0,3)"),
            ("a{1}", "a{1}", "(0,4)"),
        ],
    );
}

#[test]
fn the_longest_of_the_leftmost_wins() {
    check(
        EXTENDED,
        &[
            ("a|ab|abc", "abcd", "(0,3)"),
            ("(a|ab)(c|bcd)(d*)", "abcd", "(0,4)(0,2)(2,3)(3,4)"),
            ("(a|ab)(bcd|c)(d*)", "abcd", "(0,4)(0,2)(2,3)(3,4)"),
            ("(ab|a)(bcd|c)(d*)", "abcd", "(0,4)(0,2)(2,3)(3,4)"),
            ("a*(a|b)", "aab", "(0,3)(2,3)"),
            ("a*(a*)", "aaa", "(0,3)(3,3)"),
            ("(a*)(a*)", "aaa", "(0,3)(0,3)(3,3)"),
            ("(a*)*", "b", "(0,0)(0,0)"),
            ("(a*)+", "aa", "(0,2)(0,2)"),
            ("(a|b)*", "abb", "(0,3)(2,3)"),
            ("((a)|(b))*", "ab", "(0,2)(1,2)(?,?)(1,2)"),
            ("(a|ab|b)*", "ab", "(0,2)(0,2)"),
            ("(aa|aaa)*|(a|aaaaa)", "aaaaaa", "(0,6)(3,6)(?,?)"),
            ("x(~~)*(z*)", "x~~z", "(0,4)(1,3)(3,4)"),
            ("(a)?b", "b", "(0,1)(?,?)"),
            ("(foo|foobar)(bar)?", "foobar", "(0,6)(0,6)(?,?)"),
            ("(.)(.*)", "ab\nc", "(0,4)(0,1)(1,4)"),
        ],
    );
}

#[test]
fn mistakes_are_named() {
    check(
        EXTENDED,
        &[
            ("(a", "", "Parenthesis"),
            ("[a", "", "Bracket"),
            ("*a", "", "Repetition"),
            ("a{2,1}", "", "BraceContent"),
            ("a{1", "", "Brace"),
            ("a{256}", "", "BraceContent"),
            ("[[:nope:]]", "", "ClassName"),
            ("[b-a]", "", "Range"),
            ("a\\", "", "TrailingBackslash"),
            ("((((a{200}){200}){200}){200})", "", "TooLarge"),
        ],
    );
    check(
        BASIC,
        &[
            ("\\(a", "", "Parenthesis"),
            ("a\\)", "", "Parenthesis"),
            ("\\1", "", "BackReference"),
            ("a\\{1", "", "Brace"),
        ],
    );
}

#[test]
fn options_and_context_matter() {
    check(
        Options {
            fold_case: true,
            ..EXTENDED
        },
        &[
            ("aBc[d-f]", "AbCE", "(0,4)"),
            ("É", "é", "(0,2)"),
            ("(a)\\1", "aA", "(0,2)(0,1)"),
        ],
    );
    check(
        Options {
            newline: true,
            ..EXTENDED
        },
        &[
            ("^b.*$", "a\nbc\nd", "(2,4)"),
            ("a[^x]", "a\n", "none"),
            ("a.", "a\n", "none"),
        ],
    );
    let regex = Regex::new(b"^a$", EXTENDED).unwrap();
    assert!(!regex.find(
        b"a",
        Context {
            not_line_start: true,
            not_line_end: false
        },
        &mut []
    ));
    assert!(!regex.find(
        b"a",
        Context {
            not_line_start: false,
            not_line_end: true
        },
        &mut []
    ));
    assert!(
        Regex::new(b"a.c", EXTENDED)
            .unwrap()
            .find(b"a\xffc", Context::default(), &mut [])
    );
}

#[test]
fn nested_repetitions_are_not_exponential() {
    let text = "a".repeat(5000);
    assert_eq!(spans("(a*)*b", &text, EXTENDED), "none");
    assert_eq!(spans("(a|a)*(a|a)*c", &text, EXTENDED), "none");
    assert_eq!(spans("(x+x+)+y", &"x".repeat(200), EXTENDED), "none");
}

proptest! {
    #[test]
    fn no_pattern_breaks_the_compiler(pattern in "[ab()\\[\\]*+?{}0-9,|^$.\\\\-]{0,16}", text in "[ab]{0,12}", extended: bool) {
        let _ = spans(&pattern, &text, Options { extended, ..BASIC });
    }

    #[test]
    fn both_engines_find_the_same_span(pattern in "(a|b|ab|\\(a\\|b\\)\\*|a\\*|b\\?|\\.){1,6}".prop_map(|text| text.replace('\\', "")), text in "[ab]{0,10}") {
        if let Ok(regex) = Regex::new(pattern.as_bytes(), EXTENDED) {
            let (mut one, mut other) = ([None], [None]);
            let found = regex.find(text.as_bytes(), Context::default(), &mut one);
            let whole = Text { bytes: text.as_bytes(), context: Context::default(), options: EXTENDED };
            prop_assert_eq!(found, backtrack::find(&regex.tree, &regex.program, &whole, regex.groups, &mut other));
            prop_assert_eq!(one, other);
        }
    }
}
