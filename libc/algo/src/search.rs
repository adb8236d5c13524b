//! Searching in byte strings.

use core::cmp::Ordering;

/// The first place of `needle` in `haystack`, in linear time (Crochemore and Perrin's
/// two-way algorithm).
#[must_use]
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.len() <= 1 {
        return needle.first().map_or(Some(0), |&byte| {
            haystack.iter().position(|&found| found == byte)
        });
    }
    if needle.len() > haystack.len() {
        return None;
    }
    let (split, period) = critical_factorization(needle);
    if needle[..split] == needle[period..period + split] {
        find_periodic(haystack, needle, split, period)
    } else {
        find_plain(haystack, needle, split, split.max(needle.len() - split) + 1)
    }
}

/// The longer of the two maximal suffixes, by `<` and by `>`, and its period.
fn critical_factorization(needle: &[u8]) -> (usize, usize) {
    let forward = maximal_suffix(needle, false);
    let backward = maximal_suffix(needle, true);
    if forward.0 > backward.0 {
        forward
    } else {
        backward
    }
}

fn maximal_suffix(needle: &[u8], reversed: bool) -> (usize, usize) {
    let (mut start, mut candidate, mut offset, mut period) = (0, 1, 0, 1);
    while candidate + offset < needle.len() {
        let (new, old) = (needle[candidate + offset], needle[start + offset]);
        let ordering = if reversed {
            old.cmp(&new)
        } else {
            new.cmp(&old)
        };
        match ordering {
            Ordering::Less => {
                candidate += offset + 1;
                offset = 0;
                period = candidate - start;
            }
            Ordering::Equal if offset + 1 == period => {
                candidate += period;
                offset = 0;
            }
            Ordering::Equal => offset += 1,
            Ordering::Greater => {
                start = candidate;
                candidate += 1;
                offset = 0;
                period = 1;
            }
        }
    }
    (start, period)
}

fn find_plain(haystack: &[u8], needle: &[u8], split: usize, shift: usize) -> Option<usize> {
    let mut place = 0;
    while place + needle.len() <= haystack.len() {
        let window = &haystack[place..place + needle.len()];
        match (split..needle.len()).find(|&index| window[index] != needle[index]) {
            Some(index) => place += index - split + 1,
            None if window[..split] == needle[..split] => return Some(place),
            None => place += shift,
        }
    }
    None
}

fn find_periodic(haystack: &[u8], needle: &[u8], split: usize, period: usize) -> Option<usize> {
    let (mut place, mut known) = (0, 0);
    while place + needle.len() <= haystack.len() {
        let window = &haystack[place..place + needle.len()];
        match (split.max(known)..needle.len()).find(|&index| window[index] != needle[index]) {
            Some(index) => {
                place += index - split + 1;
                known = 0;
            }
            None => {
                if (known..split.max(known)).all(|index| window[index] == needle[index]) {
                    return Some(place);
                }
                place += period;
                known = needle.len() - period;
            }
        }
    }
    None
}

/// GNU `strverscmp`: runs of digits compare as numbers, those with leading zeros as fractions.
#[must_use]
pub fn compare_versions(left: &[u8], right: &[u8]) -> i32 {
    let common = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let byte = |text: &[u8], index: usize| text.get(index).copied().unwrap_or(0);
    let (a, b) = (byte(left, common), byte(right, common));
    if common == left.len() && common == right.len() {
        return 0;
    }
    let run = left[..common]
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let run_text = &left[common - run..common];
    let plain = i32::from(a) - i32::from(b);
    if run_text.first() == Some(&b'0') {
        // A fraction; while it is all zeros, the one that goes on with digits is smaller.
        let zeros = run_text.iter().all(|&byte| byte == b'0');
        return match (zeros, a.is_ascii_digit(), b.is_ascii_digit()) {
            (true, true, false) => -1,
            (true, false, true) => 1,
            _ => plain,
        };
    }
    if run > 0 || matches!((a, b), (b'1'..=b'9', b'1'..=b'9')) {
        let digits = |text: &[u8]| {
            text[common..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        match digits(left).cmp(&digits(right)) {
            Ordering::Equal => {}
            ordering => return ordering as i32,
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_the_slow_way_finds(haystack in "[ab]{0,60}", needle in "[ab]{0,8}") {
            prop_assert_eq!(find(haystack.as_bytes(), needle.as_bytes()), haystack.find(&needle));
        }
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(compare_versions(b"item9", b"item10") < 0);
        assert!(compare_versions(b"a1b", b"a1c") < 0);
        assert!(compare_versions(b"000", b"00") < 0);
        assert!(compare_versions(b"010", b"09") < 0);
        assert!(compare_versions(b"00", b"01") < 0);
        assert!(compare_versions(b"01", b"010") < 0);
        assert!(compare_versions(b"09", b"0") < 0);
        assert_eq!(compare_versions(b"x", b"x"), 0);
    }
}
