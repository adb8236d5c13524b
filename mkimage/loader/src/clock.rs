//! The date at boot, from what the real-time clock shows.

/// A date and time in UTC, as the real-time clock keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalendarTime {
    /// Year, with its century.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 60.
    pub second: u8,
}

impl CalendarTime {
    /// Seconds since 1970-01-01 00:00 UTC, by the Gregorian calendar; `None` for what is
    /// not a date, which a clock with an empty battery shows.
    #[must_use]
    pub fn unix_seconds(self) -> Option<i64> {
        let valid = (1..=12).contains(&self.month)
            && (1..=31).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second <= 60;
        if !valid {
            return None;
        }
        // Years that start in March put the leap day last, so that months need no table.
        let month = i64::from(self.month);
        let (year, shifted_month) = if month > 2 {
            (self.year, month - 3)
        } else {
            (self.year - 1, month + 9)
        };
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(self.day) - 1;
        // 719,468 days lie between 0000-03-01 and 1970-01-01.
        let days = year * 365 + leap_days + day_of_year - 719_468;
        let minutes = (days * 24 + i64::from(self.hour)) * 60 + i64::from(self.minute);
        Some(minutes * 60 + i64::from(self.second))
    }

    /// Decodes the seven registers of the CMOS clock: seconds, minutes, hours, day, month,
    /// year of the century and century, with status register B, which says how they count.
    #[must_use]
    pub fn from_cmos(registers: [u8; 7], status_b: u8) -> Self {
        let binary = status_b & 0x04 != 0;
        let decode = |value: u8| {
            if binary {
                value
            } else {
                (value >> 4) * 10 + (value & 0xf)
            }
        };
        let [second, minute, hour_register, day, month, year, century] = registers;
        let mut hour = decode(hour_register & 0x7f);
        if status_b & 0x02 == 0 {
            // Twelve-hour format: 12 stands for 0, bit 7 for the afternoon.
            hour = hour % 12 + if hour_register & 0x80 != 0 { 12 } else { 0 };
        }
        // The century register is not standard; where it is not kept it reads as 0.
        let century = if century == 0 { 20 } else { decode(century) };
        Self {
            year: i64::from(century) * 100 + i64::from(decode(year)),
            month: decode(month),
            day: decode(day),
            hour,
            minute: decode(minute),
            second: decode(second),
        }
    }
}
