//! `strftime` in the C locale (C 7.27.3.5, POSIX; GNU's padding flags).

use super::{Fields, iso_week, seconds};
use alloc::vec::Vec;

/// Names by weekday.
pub const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
/// Names by month.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

struct Flags {
    /// The padding asked for: `-`, `_`, `0` or `+`.
    padding: Option<u8>,
    width: Option<usize>,
    upper: bool,
}

/// Formats `fields`, whose zone's abbreviation is `zone`.
#[must_use]
pub fn format(text: &[u8], fields: &Fields, zone: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(2 * text.len());
    append(&mut output, text, fields, zone);
    output
}

fn append(output: &mut Vec<u8>, text: &[u8], fields: &Fields, zone: &[u8]) {
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            output.push(byte);
            continue;
        }
        let (flags, letter, behind) = specification(behind);
        rest = behind;
        match letter {
            Some(letter) => convert(output, letter, &flags, fields, zone),
            None => output.push(b'%'),
        }
    }
}

fn specification(text: &[u8]) -> (Flags, Option<u8>, &[u8]) {
    let mut flags = Flags {
        padding: None,
        width: None,
        upper: false,
    };
    let mut index = 0;
    let peek = |index: usize| text.get(index).copied();
    while let Some(byte @ (b'-' | b'_' | b'0' | b'+' | b'^')) = peek(index) {
        if byte == b'^' {
            flags.upper = true;
        } else {
            flags.padding = Some(byte);
        }
        index += 1;
    }
    let digits = text[index..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits > 0 {
        let width = text[index..index + digits]
            .iter()
            .fold(0usize, |width, byte| {
                (width * 10 + usize::from(byte - b'0')).min(4096)
            });
        flags.width = Some(width);
        index += digits;
    }
    // The alternative forms of the C locale are the plain ones.
    if matches!(peek(index), Some(b'E' | b'O')) {
        index += 1;
    }
    (flags, peek(index), text.get(index + 1..).unwrap_or(b""))
}

fn number(output: &mut Vec<u8>, flags: &Flags, value: i64, width: usize, padding: u8) {
    let padding = match flags.padding {
        Some(b'-') => None,
        Some(b'_') => Some(b' '),
        Some(b'0' | b'+') => Some(b'0'),
        _ => Some(padding),
    };
    let digits = alloc::format!("{}", value.unsigned_abs());
    let sign: &[u8] = match (value < 0, flags.padding) {
        (true, _) => b"-",
        (false, Some(b'+'))
            if digits.len() > width.max(4) || flags.width.is_some_and(|width| width > 4) =>
        {
            b"+"
        }
        _ => b"",
    };
    let width = flags.width.unwrap_or(width);
    let missing = width.saturating_sub(digits.len() + sign.len());
    match padding {
        Some(b' ') => {
            output.extend(core::iter::repeat_n(b' ', missing));
            output.extend(sign);
        }
        Some(_) => {
            output.extend(sign);
            output.extend(core::iter::repeat_n(b'0', missing));
        }
        None => output.extend(sign),
    }
    output.extend(digits.as_bytes());
}

fn name(output: &mut Vec<u8>, flags: &Flags, names: &[&str], index: i32, length: usize) {
    let name = usize::try_from(index)
        .ok()
        .and_then(|index| names.get(index))
        .unwrap_or(&"-");
    let name = &name.as_bytes()[..name.len().min(length)];
    word(output, flags, name);
}

fn word(output: &mut Vec<u8>, flags: &Flags, text: &[u8]) {
    let missing = flags.width.unwrap_or(0).saturating_sub(text.len());
    output.extend(core::iter::repeat_n(b' ', missing));
    output.extend(text.iter().map(|byte| {
        if flags.upper {
            byte.to_ascii_uppercase()
        } else {
            *byte
        }
    }));
}

fn convert(output: &mut Vec<u8>, letter: u8, flags: &Flags, fields: &Fields, zone: &[u8]) {
    if let Some((value, width, padding)) = numeric(letter, fields) {
        return number(output, flags, value, width, padding);
    }
    match letter {
        b'a' => name(output, flags, &WEEKDAYS, fields.weekday, 3),
        b'A' => name(output, flags, &WEEKDAYS, fields.weekday, usize::MAX),
        b'b' | b'h' => name(output, flags, &MONTHS, fields.month, 3),
        b'B' => name(output, flags, &MONTHS, fields.month, usize::MAX),
        b'p' => word(output, flags, if fields.hour >= 12 { b"PM" } else { b"AM" }),
        b'P' => word(output, flags, if fields.hour >= 12 { b"pm" } else { b"am" }),
        b'Z' => word(output, flags, zone),
        b'c' => append(output, b"%a %b %e %T %Y", fields, zone),
        b'D' | b'x' => append(output, b"%m/%d/%y", fields, zone),
        b'F' => {
            let flags = Flags {
                padding: flags.padding,
                // The width is the whole date's; the year takes what the rest leaves.
                width: flags.width.map(|width| width.saturating_sub(6)),
                upper: false,
            };
            convert(output, b'Y', &flags, fields, zone);
            append(output, b"-%m-%d", fields, zone);
        }
        b'r' => append(output, b"%I:%M:%S %p", fields, zone),
        b'R' => append(output, b"%H:%M", fields, zone),
        b'T' | b'X' => append(output, b"%H:%M:%S", fields, zone),
        b'z' if fields.daylight >= 0 => offset(output, fields.offset_s),
        b'z' => {}
        b'n' => output.push(b'\n'),
        b't' => output.push(b'\t'),
        b'%' => output.push(b'%'),
        other => output.extend([b'%', other]),
    }
}

/// The conversions that are numbers: value, least width and padding.
fn numeric(letter: u8, fields: &Fields) -> Option<(i64, usize, u8)> {
    let year = i64::from(fields.year) + 1900;
    let hour12 = match fields.hour % 12 {
        0 => 12,
        hour => hour,
    };
    let (weekday, year_day) = (i64::from(fields.weekday), i64::from(fields.year_day));
    let from_monday = (weekday + 6) % 7;
    Some(match letter {
        b'C' => (year.div_euclid(100), 2, b'0'),
        b'd' => (fields.day.into(), 2, b'0'),
        b'e' => (fields.day.into(), 2, b' '),
        b'g' => (iso_week(fields).0.rem_euclid(100), 2, b'0'),
        b'G' => (iso_week(fields).0, 4, b'0'),
        b'H' => (fields.hour.into(), 2, b'0'),
        b'I' => (hour12.into(), 2, b'0'),
        b'j' => (year_day + 1, 3, b'0'),
        b'k' => (fields.hour.into(), 2, b' '),
        b'l' => (hour12.into(), 2, b' '),
        b'm' => (i64::from(fields.month) + 1, 2, b'0'),
        b'M' => (fields.minute.into(), 2, b'0'),
        b's' => (seconds(fields) - fields.offset_s, 1, b'0'),
        b'S' => (fields.second.into(), 2, b'0'),
        b'u' => (from_monday + 1, 1, b'0'),
        b'U' => ((year_day + 7 - weekday) / 7, 2, b'0'),
        b'V' => (iso_week(fields).1, 2, b'0'),
        b'w' => (weekday, 1, b'0'),
        b'W' => ((year_day + 7 - from_monday) / 7, 2, b'0'),
        b'y' => (year.rem_euclid(100), 2, b'0'),
        b'Y' => (year, 4, b'0'),
        _ => return None,
    })
}

fn offset(output: &mut Vec<u8>, offset_s: i64) {
    output.push(if offset_s < 0 { b'-' } else { b'+' });
    let minutes = offset_s.abs() / 60;
    output.extend(alloc::format!("{:04}", minutes / 60 * 100 + minutes % 60).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::break_down;
    use super::*;
    use std::string::String;

    fn show(text: &str, time: i64) -> String {
        String::from_utf8(format(
            text.as_bytes(),
            &break_down(time, 0).unwrap(),
            b"UTC",
        ))
        .unwrap()
    }

    #[test]
    fn every_conversion_has_its_form() {
        let time = 951_827_696; // Tuesday, 2000-02-29 12:34:56
        assert_eq!(show("%a %A %b %B %h", time), "Tue Tuesday Feb February Feb");
        assert_eq!(
            show("%c|%D|%F|%r|%R|%T|%x|%X", time),
            "Tue Feb 29 12:34:56 2000|02/29/00|2000-02-29|12:34:56 PM|12:34|12:34:56|02/29/00|12:34:56"
        );
        assert_eq!(
            show("%C %d %e %g %G %H %I %j %k %l %m %M %S", time),
            "20 29 29 00 2000 12 12 060 12 12 02 34 56"
        );
        assert_eq!(
            show("%u %U %V %w %W %y %Y %z %Z %s %%%n%t%P", time),
            "2 09 09 2 09 00 2000 +0000 UTC 951827696 %\n\tpm"
        );
        assert_eq!(
            show("%-d %_m %5Y %^a %Ey %Od %-e", 0),
            "1  1 01970 THU 70 01 1"
        );
        assert_eq!(show("%I %l %e", 0), "12 12  1");
        assert_eq!(show("%Q %", 0), "%Q %");
    }

    #[test]
    fn offsets_have_a_sign() {
        assert_eq!(
            format(b"%z", &break_down(0, -12_600).unwrap(), b""),
            b"-0330"
        );
    }
}
