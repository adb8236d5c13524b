//! `strptime` in the C locale (XSI; with the GNU conversions that programs use).

use super::format::{MONTHS, WEEKDAYS};
use super::{Fields, break_down, days_from_date, seconds};

/// What was read besides the fields, needed when all is known.
#[derive(Default)]
struct Notes {
    afternoon: Option<bool>,
    century: Option<i32>,
    short_year: Option<i32>,
    week: Option<(i32, bool)>,
    has_year: bool,
    has_month: bool,
    has_day: bool,
    has_year_day: bool,
    has_weekday: bool,
}

struct Parser<'a> {
    text: &'a [u8],
    index: usize,
    fields: Fields,
    notes: Notes,
}

/// Reads `text` by `format` into `fields`; gives the length of what was read, or `None`
/// where the text does not fit.
#[must_use]
pub fn parse(text: &[u8], format: &[u8], fields: &mut Fields) -> Option<usize> {
    let mut parser = Parser {
        text,
        index: 0,
        fields: *fields,
        notes: Notes::default(),
    };
    parser.run(format)?;
    parser.finish();
    *fields = parser.fields;
    Some(parser.index)
}

impl Parser<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.index).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while crate::number::is_space(self.peek()) {
            self.index += 1;
        }
    }

    fn run(&mut self, format: &[u8]) -> Option<()> {
        let mut rest = format;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            if crate::number::is_space(byte) {
                self.skip_space();
            } else if byte != b'%' {
                self.literal(byte)?;
            } else {
                let flags = rest
                    .iter()
                    .take_while(|byte| {
                        matches!(byte, b'-' | b'_' | b'0'..=b'9' | b'^' | b'+' | b'E' | b'O')
                    })
                    .count();
                let letter = *rest.get(flags)?;
                rest = &rest[flags + 1..];
                self.convert(letter)?;
            }
        }
        Some(())
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        if self.peek() != byte {
            return None;
        }
        self.index += 1;
        Some(())
    }

    /// A number of at most `digits` digits within bounds; spaces may come first.
    fn number(&mut self, digits: usize, least: i32, most: i32) -> Option<i32> {
        self.skip_space();
        let signed = matches!(self.peek(), b'+' | b'-') && digits > 2;
        let negative = signed && self.peek() == b'-';
        self.index += usize::from(signed);
        let start = self.index;
        let mut value = 0;
        while self.index - start < digits && self.peek().is_ascii_digit() {
            value = value * 10 + i32::from(self.peek() - b'0');
            self.index += 1;
        }
        let value = if negative { -value } else { value };
        (self.index > start && (least..=most).contains(&value)).then_some(value)
    }

    fn name(&mut self, names: &[&str]) -> Option<i32> {
        let rest = &self.text[self.index..];
        let fits = |name: &str| {
            rest.len() >= name.len() && rest[..name.len()].eq_ignore_ascii_case(name.as_bytes())
        };
        for (index, name) in names.iter().enumerate() {
            for form in [*name, &name[..3]] {
                if fits(form) {
                    self.index += form.len();
                    return Some(index as i32);
                }
            }
        }
        None
    }

    fn convert(&mut self, letter: u8) -> Option<()> {
        match letter {
            b'a' | b'A' => self.weekday_name()?,
            b'b' | b'B' | b'h' => {
                self.fields.month = self.name(&MONTHS)?;
                self.notes.has_month = true;
            }
            b'c' => self.run(b"%a %b %e %T %Y")?,
            b'C' => self.notes.century = Some(self.number(2, 0, 99)?),
            b'd' | b'e' => self.day_of_month()?,
            b'D' | b'x' => self.run(b"%m/%d/%y")?,
            b'F' => self.run(b"%Y-%m-%d")?,
            b'H' | b'k' => {
                self.fields.hour = self.number(2, 0, 23)?;
                self.notes.afternoon = None;
            }
            b'I' | b'l' => self.hour_of_12()?,
            b'j' => self.day_of_year()?,
            b'm' => {
                self.fields.month = self.number(2, 1, 12)? - 1;
                self.notes.has_month = true;
            }
            b'M' => self.fields.minute = self.number(2, 0, 59)?,
            b'n' | b't' => self.skip_space(),
            b'p' | b'P' => self.half_day()?,
            b'r' => self.run(b"%I:%M:%S %p")?,
            b'R' => self.run(b"%H:%M")?,
            b's' => self.since_epoch()?,
            b'S' => self.fields.second = self.number(2, 0, 60)?,
            b'T' | b'X' => self.run(b"%H:%M:%S")?,
            b'u' => self.weekday(1, 7)?,
            b'w' => self.weekday(0, 6)?,
            b'U' => self.notes.week = Some((self.number(2, 0, 53)?, false)),
            b'W' => self.notes.week = Some((self.number(2, 0, 53)?, true)),
            b'V' => drop(self.number(2, 1, 53)?),
            b'g' => drop(self.number(2, 0, 99)?),
            b'G' => drop(self.number(4, 0, 9999)?),
            b'y' => self.notes.short_year = Some(self.number(2, 0, 99)?),
            b'Y' => {
                self.fields.year = self.number(4, -9999, 9999)? - 1900;
                self.notes.has_year = true;
            }
            b'z' => self.offset()?,
            b'Z' => {
                while self.peek().is_ascii_alphabetic() {
                    self.index += 1;
                }
            }
            b'%' => self.literal(b'%')?,
            _ => return None,
        }
        Some(())
    }

    fn day_of_month(&mut self) -> Option<()> {
        self.fields.day = self.number(2, 1, 31)?;
        self.notes.has_day = true;
        Some(())
    }

    fn day_of_year(&mut self) -> Option<()> {
        self.fields.year_day = self.number(3, 1, 366)? - 1;
        self.notes.has_year_day = true;
        Some(())
    }

    fn hour_of_12(&mut self) -> Option<()> {
        let afternoon = self.notes.afternoon == Some(true);
        self.fields.hour = self.number(2, 1, 12)? % 12 + if afternoon { 12 } else { 0 };
        Some(())
    }

    fn weekday_name(&mut self) -> Option<()> {
        self.fields.weekday = self.name(&WEEKDAYS)?;
        self.notes.has_weekday = true;
        Some(())
    }

    fn weekday(&mut self, least: i32, most: i32) -> Option<()> {
        self.fields.weekday = self.number(1, least, most)? % 7;
        self.notes.has_weekday = true;
        Some(())
    }

    fn half_day(&mut self) -> Option<()> {
        let rest = self.text.get(self.index..self.index + 2)?;
        let afternoon = if rest.eq_ignore_ascii_case(b"am") {
            false
        } else if rest.eq_ignore_ascii_case(b"pm") {
            true
        } else {
            return None;
        };
        self.index += 2;
        self.notes.afternoon = Some(afternoon);
        self.fields.hour = self.fields.hour % 12 + if afternoon { 12 } else { 0 };
        Some(())
    }

    fn since_epoch(&mut self) -> Option<()> {
        let rest = &self.text[self.index..];
        let found = crate::number::integer(|index| rest.get(index).copied().unwrap_or(0), 10)?;
        self.index += found.length;
        self.fields = break_down(found.signed(i64::MIN, i64::MAX).0, 0)?;
        Some(())
    }

    fn offset(&mut self) -> Option<()> {
        if self.peek() == b'Z' {
            self.index += 1;
            self.fields.offset_s = 0;
            return Some(());
        }
        let sign = match self.peek() {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.index += 1;
        let hours = self.number(2, 0, 24)?;
        let colon = self.peek() == b':';
        self.index += usize::from(colon);
        let minutes = if colon || self.peek().is_ascii_digit() {
            self.number(2, 0, 59)?
        } else {
            0
        };
        self.fields.offset_s = i64::from(sign * (hours * 3600 + minutes * 60));
        Some(())
    }

    /// Works out what follows from what was read.
    fn finish(&mut self) {
        let (fields, notes) = (&mut self.fields, &self.notes);
        match (notes.century, notes.short_year) {
            (Some(century), short) => fields.year = century * 100 + short.unwrap_or(0) - 1900,
            // 69 to 99 are of the last century (POSIX).
            (None, Some(short)) => fields.year = if short < 69 { short + 100 } else { short },
            (None, None) => {}
        }
        let has_year = notes.has_year || notes.century.is_some() || notes.short_year.is_some();
        if !has_year {
            return;
        }
        let year = i64::from(fields.year) + 1900;
        if let (Some((week, monday)), true, false) =
            (notes.week, notes.has_weekday, notes.has_year_day)
        {
            let first = (days_from_date(year, 1, 1) + 4).rem_euclid(7) as i32;
            let (first, weekday) = if monday {
                ((first + 6) % 7, (fields.weekday + 6) % 7)
            } else {
                (first, fields.weekday)
            };
            let start = if first == 0 { -7 } else { -first };
            self.set_from_year_day(start + 7 * week + weekday);
            return;
        }
        if notes.has_year_day && !(notes.has_month && notes.has_day) {
            self.set_from_year_day(self.fields.year_day);
        } else if notes.has_month && notes.has_day {
            let day = Fields {
                year: fields.year,
                month: fields.month,
                day: fields.day,
                ..Fields::default()
            };
            if let Some(known) = break_down(seconds(&day), 0) {
                (fields.weekday, fields.year_day) = (known.weekday, known.year_day);
            }
        }
    }

    fn set_from_year_day(&mut self, year_day: i32) {
        let day = Fields {
            year: self.fields.year,
            month: 0,
            day: year_day + 1,
            ..Fields::default()
        };
        if let Some(known) = break_down(seconds(&day), 0) {
            self.fields.month = known.month;
            self.fields.day = known.day;
            self.fields.weekday = known.weekday;
            self.fields.year_day = known.year_day;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str, format: &str) -> Option<(i64, usize)> {
        let mut fields = Fields {
            day: 1,
            year: 70,
            ..Fields::default()
        };
        let length = parse(text.as_bytes(), format.as_bytes(), &mut fields)?;
        Some((seconds(&fields), length))
    }

    #[test]
    fn dates_are_read() {
        assert_eq!(
            read("2000-02-29 12:34:56x", "%Y-%m-%d %H:%M:%S"),
            Some((951_827_696, 19))
        );
        assert_eq!(
            read("Tue Feb 29 12:34:56 2000", "%c"),
            Some((951_827_696, 24))
        );
        assert_eq!(
            read("02/29/00 01:05 pm", "%D %I:%M %p"),
            Some((951_829_500, 17))
        );
        assert_eq!(read("2000 060", "%Y %j"), Some((951_782_400, 8)));
        assert_eq!(read("951827696", "%s"), Some((951_827_696, 9)));
        assert_eq!(read("2024 W1 Wed", "%Y W%W %a"), Some((1_704_240_000, 11)));
        assert_eq!(read("1999-13-01", "%F"), None);
        assert_eq!(read("xyz", "%b"), None);
    }

    proptest! {
        #[test]
        fn what_was_formatted_is_read_back(time in -60_000_000_000i64..200_000_000_000) {
            let fields = break_down(time, 0).unwrap();
            let text = super::super::format::format(b"%Y-%m-%d %I:%M:%S %p", &fields, b"");
            let mut found = Fields::default();
            prop_assert!(parse(&text, b"%Y-%m-%d %I:%M:%S %p", &mut found).is_some());
            prop_assert_eq!(found, fields);
        }

        #[test]
        fn nothing_makes_the_parser_fail_badly(text in "[0-9a-zA-Z:/ +-]{0,20}", format in "[%a-zA-Z ]{0,12}") {
            let _ = read(&text, &format);
        }
    }
}
