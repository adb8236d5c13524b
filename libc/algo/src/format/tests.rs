//! Known answers, and a comparison with Rust's own exact formatting.

use super::*;
use proptest::prelude::*;
use std::string::String;
use std::vec::Vec;

struct Collected(Vec<u8>);

impl Output for Collected {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

#[derive(Clone)]
enum Given {
    I(u64),
    D(f64),
    L(Extended),
    S(&'static str),
}
use Given::{D, I, L, S};

struct List {
    values: Vec<Given>,
    next: usize,
}

impl Arguments for List {
    fn integer(&mut self) -> u64 {
        self.next += 1;
        match &self.values[self.next - 1] {
            I(value) => *value,
            S(_) => self.next as u64,
            _ => panic!("not an integer"),
        }
    }
    fn double(&mut self) -> f64 {
        self.next += 1;
        let D(value) = self.values[self.next - 1] else {
            panic!("not a double")
        };
        value
    }
    fn long_double(&mut self) -> Extended {
        self.next += 1;
        let L(value) = self.values[self.next - 1] else {
            panic!("not a long double")
        };
        value
    }
    fn string(&self, address: u64, limit: usize) -> &[u8] {
        let S(text) = self.values[address as usize - 1] else {
            panic!("not a string")
        };
        &text.as_bytes()[..text.len().min(limit)]
    }
    fn wide(&self, address: u64, index: usize) -> u32 {
        let S(text) = self.values[address as usize - 1] else {
            panic!("not a string")
        };
        text.chars().nth(index).map_or(0, u32::from)
    }
    fn store(&mut self, _: u64, _: usize, _: u64) {}
    fn error_message(&self) -> &[u8] {
        b"No error"
    }
}

fn show(text: &str, values: &[Given]) -> String {
    let mut output = Collected(Vec::new());
    let mut list = List {
        values: values.to_vec(),
        next: 0,
    };
    let count = format(&mut output, text.as_bytes(), &mut list, Unit::Byte).unwrap();
    assert_eq!(count, output.0.len());
    String::from_utf8(output.0).unwrap()
}

#[test]
fn integers_follow_flags_width_and_precision() {
    assert_eq!(
        show(
            "%d|%5d|%-5d|%05d|%+d|% d",
            &[I(1), I(2), I(3), I(4), I(5), I(6)]
        ),
        "1|    2|3    |00004|+5| 6"
    );
    assert_eq!(
        show("%.3d|%.0d|%5.3d|%05.3d", &[I(7), I(0), I(7), I(7)]),
        "007||  007|  007"
    );
    assert_eq!(
        show(
            "%hhd %hd %d %ld",
            &[I(255), I(65535), I(0xffff_ffff), I(u64::MAX)]
        ),
        "-1 -1 -1 -1"
    );
    assert_eq!(
        show("%u %lu", &[I(u64::MAX), I(u64::MAX)]),
        "4294967295 18446744073709551615"
    );
    assert_eq!(
        show(
            "%#x %#X %#x %#o %#o %o",
            &[I(255), I(255), I(0), I(8), I(0), I(8)]
        ),
        "0xff 0XFF 0 010 0 10"
    );
    assert_eq!(
        show("%#08x|%#5o|%#05o|%-#6x|", &[I(10), I(8), I(8), I(1)]),
        "0x00000a|  010|00010|0x1   |"
    );
    assert_eq!(show("%b %#b", &[I(5), I(5)]), "101 0b101");
}

#[test]
fn strings_are_cut_and_padded() {
    assert_eq!(
        show(
            "[%s] [%5s] [%-5s] [%.2s] [%5.1s]",
            &[S("abc"), S("abc"), S("abc"), S("abc"), S("abc")]
        ),
        "[abc] [  abc] [abc  ] [ab] [    a]"
    );
    assert_eq!(
        show("%s %.3s %c%c%%", &[I(0), I(0), I(65), I(66)]),
        "(null) (nu AB%"
    );
    assert_eq!(
        show("%ls|%.3ls|%lc", &[S("aé€"), S("aé€"), I(0x20ac)]),
        "aé€|aé|€"
    );
    assert_eq!(
        show("%*d|%-*d|%.*f", &[I(4), I(1), I(4), I(2), I(1), D(2.55)]),
        "   1|2   |2.5"
    );
    assert_eq!(show("%m", &[]), "No error");
}

#[test]
fn arguments_can_be_numbered() {
    assert_eq!(
        show("%2$s %1$d %2$s %3$*1$d|", &[I(4), S("b"), I(9)]),
        "b 4 b    9|"
    );
    let mut output = Collected(Vec::new());
    let mut list = List {
        values: [I(1), I(2)].to_vec(),
        next: 0,
    };
    assert_eq!(
        format(&mut output, b"%1$d %d", &mut list, Unit::Byte),
        Err(FormatError::Invalid)
    );
}

#[test]
fn floating_point_is_exact() {
    assert_eq!(
        show(
            "%f %.0f %.1f %e %g",
            &[D(1.5), D(2.5), D(0.25), D(12345.678), D(0.0001)]
        ),
        "1.500000 2 0.2 1.234568e+04 0.0001"
    );
    assert_eq!(
        show(
            "%g %g %g %#g %g",
            &[D(1e5), D(1e6), D(1e-5), D(1.0), D(100000.0)]
        ),
        "100000 1e+06 1e-05 1.00000 100000"
    );
    assert_eq!(
        show("%.55f", &[D(0.1)]),
        "0.1000000000000000055511151231257827021181583404541015625"
    );
    assert_eq!(
        show("%.0f %.0e %#.0f", &[D(9.5), D(9.5), D(1.0)]),
        "10 1e+01 1."
    );
    assert_eq!(
        show(
            "%f %F %5.1f|%-8.2f|%08.2f",
            &[D(f64::INFINITY), D(f64::NAN), D(12.56), D(12.56), D(-12.56)]
        ),
        "inf NAN  12.6|12.56   |-0012.56"
    );
    assert_eq!(
        show("%010f %g %g", &[D(f64::INFINITY), D(0.0), D(-0.0)]),
        "       inf 0 -0"
    );
    assert_eq!(
        show("%.3g %.10g %g", &[D(999.9), D(0.1), D(123456789.0)]),
        "1e+03 0.1 1.23457e+08"
    );
    assert_eq!(
        show("%.14g", &[D(core::f64::consts::PI)]),
        "3.1415926535898"
    );
    assert_eq!(
        show("%.0f|%.0f|%.0f|%.2f", &[D(0.5), D(1.5), D(0.51), D(0.001)]),
        "0|2|1|0.00"
    );
}

#[test]
fn hexadecimal_floating_point_is_normalized() {
    assert_eq!(
        show("%a %a %a %A", &[D(1.0), D(0.5), D(0.0), D(255.0)]),
        "0x1p+0 0x1p-1 0x0p+0 0X1.FEP+7"
    );
    assert_eq!(
        show("%.0a %.1a %.3a %a", &[D(1.5), D(1.999), D(1.0), D(-12.56)]),
        "0x2p+0 0x2.0p+0 0x1.000p+0 -0x1.91eb851eb851fp+3"
    );
    assert_eq!(show("%a", &[D(5e-324)]), "0x1p-1074");
}

#[test]
fn long_doubles_have_their_own_range() {
    let tenth = Extended {
        significand: 0xcccc_cccc_cccc_cccd,
        sign_exponent: 16379,
    };
    assert_eq!(
        show(
            "%.20Lf %.3Lf %La",
            &[L(tenth), L(Extended::from_f64(2.5)), L(tenth)]
        ),
        "0.10000000000000000000 2.500 0x1.999999999999999ap-4"
    );
    assert_eq!(
        show(
            "%.6Lg",
            &[L(Extended {
                significand: 1,
                sign_exponent: 0
            })]
        ),
        "3.6452e-4951"
    );
    assert_eq!(
        show(
            "%.6Lg",
            &[L(Extended {
                significand: u64::MAX,
                sign_exponent: 0x7ffe
            })]
        ),
        "1.18973e+4932"
    );
}

proptest! {
    #[test]
    fn fixed_agrees_with_rust(bits: u64, precision in 0usize..40) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        prop_assert_eq!(show("%.*f", &[I(precision as u64), D(value)]), std::format!("{value:.precision$}"));
    }

    #[test]
    fn scientific_agrees_with_rust(bits: u64, precision in 0usize..40) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let expected = std::format!("{value:.precision$e}");
        let (digits, exponent) = expected.split_once('e').unwrap();
        let exponent: i32 = exponent.parse().unwrap();
        let sign = if exponent < 0 { '-' } else { '+' };
        prop_assert_eq!(show("%.*e", &[I(precision as u64), D(value)]), std::format!("{digits}e{sign}{:02}", exponent.abs()));
    }

    #[test]
    fn no_format_makes_the_engine_fail_badly(text in "[%a-zA-Z0-9.*$#+ -]{0,20}") {
        let mut output = Collected(Vec::new());
        let mut list = Endless;
        let _ = format(&mut output, text.as_bytes(), &mut list, Unit::Byte);
    }
}

/// Has an argument of every type, always.
struct Endless;

impl Arguments for Endless {
    fn integer(&mut self) -> u64 {
        7
    }
    fn double(&mut self) -> f64 {
        1.25
    }
    fn long_double(&mut self) -> Extended {
        Extended::from_f64(1.25)
    }
    fn string(&self, _: u64, limit: usize) -> &[u8] {
        &b"text"[..limit.min(4)]
    }
    fn wide(&self, _: u64, index: usize) -> u32 {
        u32::from(index < 3) * 0xe9
    }
    fn store(&mut self, _: u64, _: usize, _: u64) {}
    fn error_message(&self) -> &[u8] {
        b""
    }
}
