//! The calendar, time zones, and times as text (C 7.27, POSIX `<time.h>`).

pub mod format;
pub mod parse;
pub mod zone;

/// Seconds in a day.
pub const DAY_SECONDS: i64 = 86_400;

/// Broken-down time, with the standard's ranges and origins (`struct tm`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Seconds, 0 to 60.
    pub second: i32,
    /// Minutes, 0 to 59.
    pub minute: i32,
    /// Hours, 0 to 23.
    pub hour: i32,
    /// Day of the month, 1 to 31.
    pub day: i32,
    /// Months since January, 0 to 11.
    pub month: i32,
    /// Years since 1900.
    pub year: i32,
    /// Days since Sunday, 0 to 6.
    pub weekday: i32,
    /// Days since January 1, 0 to 365.
    pub year_day: i32,
    /// Positive for daylight saving time, 0 for not, negative for unknown.
    pub daylight: i32,
    /// Seconds east of UTC.
    pub offset_s: i64,
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar; the month counts
/// from 1. (Counting years from March puts the leap day last.)
#[must_use]
pub fn days_from_date(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date (year, month from 1, day) that is `days` after 1970-01-01.
#[must_use]
pub fn date_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Whether a year has a February 29.
#[must_use]
pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Breaks down a time of day and date `time_s` seconds after 1970 in a zone `offset_s` east.
/// `None` where the year does not fit an `int`.
#[must_use]
pub fn break_down(time_s: i64, offset_s: i64) -> Option<Fields> {
    let local = time_s.checked_add(offset_s)?;
    let (days, second) = (
        local.div_euclid(DAY_SECONDS),
        local.rem_euclid(DAY_SECONDS) as i32,
    );
    // Farther than any `int` year, and far from overflow in the calendar's arithmetic.
    if days.unsigned_abs() > 800_000_000_000 {
        return None;
    }
    let (year, month, day) = date_from_days(days);
    Some(Fields {
        second: second % 60,
        minute: second / 60 % 60,
        hour: second / 3600,
        day: day as i32,
        month: month as i32 - 1,
        year: i32::try_from(year - 1900).ok()?,
        weekday: (days + 4).rem_euclid(7) as i32,
        year_day: (days - days_from_date(year, 1, 1)) as i32,
        daylight: 0,
        offset_s,
    })
}

/// Seconds after 1970 of broken-down time taken as UTC; fields may be out of range.
#[must_use]
pub fn seconds(fields: &Fields) -> i64 {
    let months = i64::from(fields.month);
    let year = i64::from(fields.year) + 1900 + months.div_euclid(12);
    let days = days_from_date(year, months.rem_euclid(12) + 1, 1) + i64::from(fields.day) - 1;
    days * DAY_SECONDS
        + i64::from(fields.hour) * 3600
        + i64::from(fields.minute) * 60
        + i64::from(fields.second)
}

/// The ISO 8601 year and week number.
#[must_use]
pub fn iso_week(fields: &Fields) -> (i64, i64) {
    let year = i64::from(fields.year) + 1900;
    // Weeks belong to the year of their Thursday.
    let thursday = i64::from(fields.year_day) + 3 - i64::from((fields.weekday + 6) % 7);
    let length = |year: i64| if is_leap(year) { 366 } else { 365 };
    if thursday < 0 {
        return (year - 1, (thursday + length(year - 1)) / 7 + 1);
    }
    if thursday >= length(year) {
        return (year + 1, 1);
    }
    (year, thursday / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        let fields = break_down(951_827_696, 0).unwrap();
        assert_eq!(
            (
                fields.year,
                fields.month,
                fields.day,
                fields.hour,
                fields.minute,
                fields.second
            ),
            (100, 1, 29, 12, 34, 56)
        );
        assert_eq!((fields.weekday, fields.year_day), (2, 59));
        assert_eq!(break_down(-1, 0).unwrap().year, 69);
        assert_eq!(break_down(i64::MAX, 0), None);
        assert_eq!(iso_week(&break_down(1_230_768_000, 0).unwrap()), (2009, 1));
        assert_eq!(iso_week(&break_down(1_104_537_600, 0).unwrap()), (2004, 53));
    }

    proptest! {
        #[test]
        fn breaking_down_is_undone(time in -60_000_000_000_000_000i64..60_000_000_000_000_000) {
            prop_assert_eq!(seconds(&break_down(time, 0).unwrap()), time);
        }
    }
}
