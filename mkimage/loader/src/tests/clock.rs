use crate::clock::CalendarTime;

fn seconds(year: i64, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<i64> {
    CalendarTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
    }
    .unix_seconds()
}

#[test]
fn known_dates_have_known_numbers() {
    assert_eq!(seconds(1970, 1, 1, 0, 0, 0), Some(0));
    assert_eq!(seconds(2000, 2, 29, 12, 0, 0), Some(951_825_600));
    assert_eq!(seconds(2001, 9, 9, 1, 46, 40), Some(1_000_000_000));
    assert_eq!(seconds(2038, 1, 19, 3, 14, 8), Some(1 << 31));
    assert_eq!(seconds(1969, 12, 31, 23, 59, 59), Some(-1));
}

#[test]
fn consecutive_days_differ_by_a_day_across_leap_years() {
    let lengths = |year: i64| {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        [
            31,
            if leap { 29 } else { 28 },
            31,
            30,
            31,
            30,
            31,
            31,
            30,
            31,
            30,
            31,
        ]
    };
    let mut expected = 0;
    for year in 1970..2110 {
        for (month, length) in (1..).zip(lengths(year)) {
            for day in 1..=length {
                assert_eq!(seconds(year, month, day, 0, 0, 0), Some(expected));
                expected += 86_400;
            }
        }
    }
}

#[test]
fn what_is_not_a_date_is_refused() {
    assert_eq!(seconds(2026, 13, 1, 0, 0, 0), None);
    assert_eq!(seconds(2026, 0, 1, 0, 0, 0), None);
    assert_eq!(seconds(2026, 1, 0, 0, 0, 0), None);
    assert_eq!(seconds(2026, 1, 1, 24, 0, 0), None);
    assert_eq!(seconds(2026, 1, 1, 0, 60, 0), None);
}

#[test]
fn clock_registers_are_read_in_all_four_formats() {
    let expected = CalendarTime {
        year: 2026,
        month: 11,
        day: 23,
        hour: 21,
        minute: 45,
        second: 9,
    };
    let bcd_24 = CalendarTime::from_cmos([9, 0x45, 0x21, 0x23, 0x11, 0x26, 0x20], 2);
    let bcd_12 = CalendarTime::from_cmos([9, 0x45, 0x89, 0x23, 0x11, 0x26, 0x20], 0);
    let binary_24 = CalendarTime::from_cmos([9, 45, 21, 23, 11, 26, 20], 6);
    let binary_12 = CalendarTime::from_cmos([9, 45, 0x89, 23, 11, 26, 0], 4);
    assert_eq!([bcd_24, bcd_12, binary_24, binary_12], [expected; 4]);
}

#[test]
fn twelve_o_clock_is_midnight_or_noon() {
    assert_eq!(
        CalendarTime::from_cmos([0, 0, 0x12, 1, 1, 1, 0x20], 0).hour,
        0
    );
    assert_eq!(
        CalendarTime::from_cmos([0, 0, 0x92, 1, 1, 1, 0x20], 0).hour,
        12
    );
}
