//! Time zones: POSIX `TZ` strings (POSIX 8.3) and TZif files (RFC 8536).

use super::{DAY_SECONDS, Fields, break_down, date_from_days, days_from_date, is_leap, seconds};
use alloc::vec::Vec;

/// What holds at a moment: offset from UTC, whether it is daylight saving time, and the
/// abbreviation as an index into [`Zone::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Seconds east of UTC.
    pub offset_s: i64,
    /// Daylight saving time.
    pub daylight: bool,
    /// Where its abbreviation begins.
    pub name: usize,
}

/// The day of a rule.
#[derive(Clone, Copy, Debug)]
enum Day {
    /// `Jn`: 1 to 365, February 29 not counted.
    Julian(i64),
    /// `n`: 0 to 365.
    Zero(i64),
    /// `Mm.w.d`.
    Month(i64, i64, i64),
}

/// When a change happens: the day, and seconds after its midnight in local time.
#[derive(Clone, Copy, Debug)]
struct Rule {
    day: Day,
    second: i64,
}

impl Rule {
    /// Seconds after 1970 of the change, in the local time before it.
    fn local(&self, year: i64) -> i64 {
        let start = days_from_date(year, 1, 1);
        let days = match self.day {
            Day::Julian(day) => start + day - 1 + i64::from(is_leap(year) && day >= 60),
            Day::Zero(day) => start + day,
            Day::Month(month, week, weekday) => {
                let first = days_from_date(year, month, 1);
                let shift = (weekday - (first + 4)).rem_euclid(7);
                let next = if month == 12 {
                    days_from_date(year + 1, 1, 1)
                } else {
                    days_from_date(year, month + 1, 1)
                };
                let mut day = first + shift + 7 * (week - 1);
                while day >= next {
                    day -= 7;
                }
                day
            }
        };
        days * DAY_SECONDS + self.second
    }
}

/// A standard time and, perhaps, a daylight saving time with the rules between them.
#[derive(Clone, Debug)]
struct Rules {
    standard: Local,
    daylight: Option<(Local, Rule, Rule)>,
}

impl Rules {
    fn at(&self, time_s: i64) -> Local {
        let Some((daylight, start, end)) = &self.daylight else {
            return self.standard;
        };
        let year =
            date_from_days((time_s.saturating_add(self.standard.offset_s)).div_euclid(DAY_SECONDS))
                .0;
        let start = start.local(year) - self.standard.offset_s;
        let end = end.local(year) - daylight.offset_s;
        // South of the equator the year begins in daylight saving time.
        let inside = if start < end {
            (start..end).contains(&time_s)
        } else {
            !(end..start).contains(&time_s)
        };
        if inside { *daylight } else { self.standard }
    }
}

/// A time zone.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Moments and what holds from each on.
    transitions: Vec<(i64, Local)>,
    before: Local,
    /// What holds after the last transition, if a rule tells.
    rules: Option<Rules>,
    names: Vec<u8>,
}

/// Reads a `TZ` string from the front.
struct Reader<'a> {
    text: &'a [u8],
    names: Vec<u8>,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.first().copied().unwrap_or(0)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte && byte != 0;
        if found {
            self.text = &self.text[1..];
        }
        found
    }

    fn name(&mut self) -> Option<usize> {
        let quoted = self.take(b'<');
        let wanted = |byte: &u8| {
            byte.is_ascii_alphabetic()
                || quoted && (byte.is_ascii_digit() || matches!(byte, b'+' | b'-'))
        };
        let length = self.text.iter().take_while(|byte| wanted(byte)).count();
        let (name, rest) = self.text.split_at(length);
        self.text = rest;
        if length < 3 || quoted && !self.take(b'>') {
            return None;
        }
        let start = self.names.len();
        self.names.extend_from_slice(name);
        self.names.push(0);
        Some(start)
    }

    fn number(&mut self, max: i64) -> Option<i64> {
        let length = self
            .text
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if length == 0 || length > 4 {
            return None;
        }
        let value = self.text[..length]
            .iter()
            .fold(0, |value, byte| value * 10 + i64::from(byte - b'0'));
        self.text = &self.text[length..];
        (value <= max).then_some(value)
    }

    /// `[+-]hh[:mm[:ss]]`; POSIX.1-2024 allows up to 167 hours in rules.
    fn time(&mut self) -> Option<i64> {
        let negative = self.take(b'-');
        if !negative {
            self.take(b'+');
        }
        let mut value = self.number(167)? * 3600;
        for unit in [60, 1] {
            if !self.take(b':') {
                break;
            }
            value += self.number(59)? * unit;
        }
        Some(if negative { -value } else { value })
    }

    fn rule(&mut self) -> Option<Rule> {
        if !self.take(b',') {
            return None;
        }
        let day = if self.take(b'J') {
            Day::Julian(self.number(365)?.max(1))
        } else if self.take(b'M') {
            let month = self.number(12)?.max(1);
            let week = self.take(b'.').then(|| self.number(5))??.max(1);
            Day::Month(month, week, self.take(b'.').then(|| self.number(6))??)
        } else {
            Day::Zero(self.number(365)?)
        };
        let second = if self.take(b'/') {
            self.time()?
        } else {
            2 * 3600
        };
        Some(Rule { day, second })
    }

    fn rules(&mut self) -> Option<Rules> {
        let name = self.name()?;
        let standard = Local {
            offset_s: -self.time()?,
            daylight: false,
            name,
        };
        if self.text.is_empty() {
            return Some(Rules {
                standard,
                daylight: None,
            });
        }
        let name = self.name()?;
        let offset_s = if matches!(self.peek(), b',' | 0) {
            standard.offset_s + 3600
        } else {
            -self.time()?
        };
        let local = Local {
            offset_s,
            daylight: true,
            name,
        };
        let (start, end) = if self.text.is_empty() {
            // Unspecified by POSIX; everyone takes the rules of the United States.
            (
                Rule {
                    day: Day::Month(3, 2, 0),
                    second: 7200,
                },
                Rule {
                    day: Day::Month(11, 1, 0),
                    second: 7200,
                },
            )
        } else {
            (self.rule()?, self.rule()?)
        };
        self.text.is_empty().then_some(Rules {
            standard,
            daylight: Some((local, start, end)),
        })
    }
}

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Zone {
            transitions: Vec::new(),
            before: Local {
                offset_s: 0,
                daylight: false,
                name: 0,
            },
            rules: None,
            names: b"UTC\0".to_vec(),
        }
    }

    /// A zone given by a POSIX rule such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    #[must_use]
    pub fn from_rule(text: &[u8]) -> Option<Self> {
        let mut reader = Reader {
            text,
            names: Vec::new(),
        };
        let rules = reader.rules()?;
        Some(Zone {
            transitions: Vec::new(),
            before: rules.standard,
            rules: Some(rules),
            names: reader.names,
        })
    }

    /// A zone from a TZif file's contents, version 2 or later.
    #[must_use]
    pub fn from_file(data: &[u8]) -> Option<Self> {
        let first = Header::parse(data)?;
        if first.version < b'2' {
            return first.zone(data.get(44..)?, 4, b"");
        }
        let second = data.get(44 + first.size(4)..)?;
        let header = Header::parse(second)?;
        let body = second.get(44..)?;
        let footer = body.get(header.size(8)..)?.strip_prefix(b"\n")?;
        let length = footer.iter().position(|&byte| byte == b'\n')?;
        header.zone(body, 8, &footer[..length])
    }

    /// What holds at a moment.
    #[must_use]
    pub fn at(&self, time_s: i64) -> Local {
        let behind = self
            .transitions
            .partition_point(|&(from, _)| from <= time_s);
        match (&self.rules, behind.checked_sub(1)) {
            (Some(rules), last)
                if last.is_none_or(|last| last + 1 == self.transitions.len())
                    && (last.is_some() || self.transitions.is_empty()) =>
            {
                rules.at(time_s)
            }
            (_, Some(last)) => self.transitions[last].1,
            (_, None) => self.before,
        }
    }

    /// The abbreviation that begins at `index`, with its NUL.
    #[must_use]
    pub fn name(&self, index: usize) -> &[u8] {
        let rest = self.names.get(index..).unwrap_or(b"\0");
        let length = rest
            .iter()
            .position(|&byte| byte == 0)
            .map_or(rest.len(), |end| end + 1);
        &rest[..length]
    }

    /// Standard and daylight saving time as they were last, for `tzname` and `timezone`.
    #[must_use]
    pub fn kinds(&self) -> (Local, Option<Local>) {
        if let Some(rules) = &self.rules {
            return (
                rules.standard,
                rules.daylight.map(|(daylight, ..)| daylight),
            );
        }
        let last = |daylight| {
            self.transitions
                .iter()
                .rev()
                .map(|&(_, local)| local)
                .find(|local| local.daylight == daylight)
        };
        (last(false).unwrap_or(self.before), last(true))
    }

    /// Breaks a moment down in this zone; also tells what holds.
    #[must_use]
    pub fn break_down(&self, time_s: i64) -> Option<(Fields, Local)> {
        let local = self.at(time_s);
        let mut fields = break_down(time_s, local.offset_s)?;
        fields.daylight = i32::from(local.daylight);
        Some((fields, local))
    }

    /// The moment of a local time (`mktime`). Where a change makes it ambiguous or leaves
    /// it out, `fields.daylight` decides which offset counts.
    #[must_use]
    pub fn moment(&self, fields: &Fields) -> i64 {
        let local = seconds(fields);
        // The offsets around the moment: a day on either side covers every change.
        let (early, late) = (self.at(local - DAY_SECONDS), self.at(local + DAY_SECONDS));
        let candidates = [early, late].map(|candidate| local - candidate.offset_s);
        let fits = |time_s: i64| {
            let found = self.at(time_s);
            time_s + found.offset_s == local
                && (fields.daylight < 0 || found.daylight == (fields.daylight > 0))
        };
        if let Some(time_s) = candidates.into_iter().find(|&time_s| fits(time_s)) {
            return time_s;
        }
        // The wanted kind of time does not hold then: take its offset anyway, as POSIX says.
        let (standard, daylight) = self.kinds();
        match (fields.daylight, daylight) {
            (1.., Some(daylight)) if !self.at(local - daylight.offset_s).daylight => {
                local - daylight.offset_s
            }
            (0, _) if self.at(local - standard.offset_s).daylight => local - standard.offset_s,
            // A local time that is left out: as if the change had not happened yet.
            _ => candidates[0],
        }
    }
}

/// A TZif header's counts (RFC 8536, 3.1).
struct Header {
    version: u8,
    utc_marks: usize,
    standard_marks: usize,
    leaps: usize,
    times: usize,
    types: usize,
    characters: usize,
}

impl Header {
    fn parse(data: &[u8]) -> Option<Self> {
        if !data.starts_with(b"TZif") || data.len() < 44 {
            return None;
        }
        let count = |index: usize| {
            let bytes = data.get(20 + 4 * index..24 + 4 * index)?;
            // More than any real file has; keeps sums of sizes from overflowing.
            usize::try_from(u32::from_be_bytes(bytes.try_into().ok()?))
                .ok()
                .filter(|&count| count < 1 << 20)
        };
        Some(Header {
            version: data[4],
            utc_marks: count(0)?,
            standard_marks: count(1)?,
            leaps: count(2)?,
            times: count(3)?,
            types: count(4)?,
            characters: count(5)?,
        })
    }

    /// The size of the data block with times of `width` bytes.
    fn size(&self, width: usize) -> usize {
        self.times * (width + 1)
            + self.types * 6
            + self.characters
            + self.leaps * (width + 4)
            + self.standard_marks
            + self.utc_marks
    }

    fn zone(&self, body: &[u8], width: usize, footer: &[u8]) -> Option<Zone> {
        let (times, rest) = body.split_at_checked(self.times * width)?;
        let (indices, rest) = rest.split_at_checked(self.times)?;
        let (types, rest) = rest.split_at_checked(self.types * 6)?;
        let mut names = rest.get(..self.characters)?.to_vec();
        names.push(0);
        let local = |index: usize| {
            let entry = types.get(6 * index..6 * index + 6)?;
            let offset = i32::from_be_bytes(entry[..4].try_into().ok()?);
            Some(Local {
                offset_s: offset.into(),
                daylight: entry[4] != 0,
                name: entry[5].into(),
            })
        };
        let mut transitions = Vec::with_capacity(self.times);
        for (time, &index) in times.chunks(width).zip(indices) {
            let time_s = match width {
                8 => i64::from_be_bytes(time.try_into().ok()?),
                _ => i32::from_be_bytes(time.try_into().ok()?).into(),
            };
            transitions.push((time_s, local(index.into())?));
        }
        let mut reader = Reader {
            text: footer,
            names,
        };
        let rules = if footer.is_empty() {
            None
        } else {
            Some(reader.rules()?)
        };
        Some(Zone {
            transitions,
            before: local(0)?,
            rules,
            names: reader.names,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn berlin() -> Zone {
        Zone::from_rule(b"CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    #[test]
    fn rules_change_at_the_right_second() {
        let zone = berlin();
        for (time, offset, name) in [
            (1_711_846_799, 3600, &b"CET\0"[..]),
            (1_711_846_800, 7200, b"CEST\0"),
            (1_729_990_799, 7200, b"CEST\0"),
            (1_729_990_800, 3600, b"CET\0"),
        ] {
            let local = zone.at(time);
            assert_eq!((local.offset_s, zone.name(local.name)), (offset, name));
        }
        let sydney = Zone::from_rule(b"AEST-10AEDT,M10.1.0,M4.1.0/3").unwrap();
        assert!(sydney.at(1_704_067_200).daylight && !sydney.at(1_719_792_000).daylight);
    }

    #[test]
    fn local_times_find_their_moment() {
        let zone = berlin();
        let mut fields = break_down(1_720_000_000 + 7200, 0).unwrap();
        fields.daylight = -1;
        assert_eq!(zone.moment(&fields), 1_720_000_000);
        // Twice on this night: with and without daylight saving time.
        let twice = |daylight| {
            zone.moment(&Fields {
                year: 124,
                month: 9,
                day: 27,
                hour: 2,
                minute: 30,
                daylight,
                ..Fields::default()
            })
        };
        assert_eq!(twice(0) - twice(1), 3600);
        // Asking for daylight saving time in winter shifts by an hour.
        let winter = |daylight| {
            zone.moment(&Fields {
                year: 124,
                month: 0,
                day: 15,
                hour: 12,
                daylight,
                ..Fields::default()
            })
        };
        assert_eq!(winter(0) - winter(1), 3600);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "X",
            "CET",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M3.5.0,M10.5.0,x",
            "<+0",
            "CET99999",
        ] {
            assert!(Zone::from_rule(text.as_bytes()).is_none(), "{text}");
        }
        let zone = Zone::from_rule(b"<-03>3").unwrap();
        assert_eq!((zone.at(0).offset_s, zone.name(0)), (-10800, &b"-03\0"[..]));
    }

    /// A version 2 file with one transition and a rule.
    fn file() -> std::vec::Vec<u8> {
        let header = |times: u8, types: u8, characters: u8| {
            let mut bytes = b"TZif2".to_vec();
            bytes.extend([0; 15]);
            for count in [0, 0, 0, times, types, characters] {
                bytes.extend([0, 0, 0, count]);
            }
            bytes
        };
        let mut data = header(0, 1, 4);
        data.extend([0; 6]);
        data.extend(b"LMT\0");
        data.extend(header(1, 2, 8));
        data.extend(1_000_000i64.to_be_bytes());
        data.push(1);
        data.extend(1000i32.to_be_bytes());
        data.extend([0, 0]);
        data.extend(3600i32.to_be_bytes());
        data.extend([0, 4]);
        data.extend(b"LMT\0CET\0\nCET-1CEST,M3.5.0,M10.5.0/3\n");
        data
    }

    #[test]
    fn files_give_history_and_rule() {
        let zone = Zone::from_file(&file()).unwrap();
        assert_eq!(
            (
                zone.at(0).offset_s,
                zone.at(2_000_000).offset_s,
                zone.at(1_720_000_000).offset_s
            ),
            (1000, 3600, 7200)
        );
    }

    proptest! {
        #[test]
        fn every_moment_survives_its_local_time(time in 0i64..4_000_000_000) {
            let zone = berlin();
            let (fields, _) = zone.break_down(time).unwrap();
            prop_assert_eq!(zone.moment(&fields), time);
        }

        #[test]
        fn a_damaged_file_is_refused_or_read(place in 0usize..180, byte: u8, cut in 0usize..180) {
            let mut data = file();
            let length = data.len();
            data[place % length] = byte;
            data.truncate(length - cut % length);
            if let Some(zone) = Zone::from_file(&data) {
                let _ = zone.at(1_720_000_000);
            }
        }
    }
}
