//! Dates as schools' exports write them: `01/09/2016`, `1.9.2016`, `2016-09-01`, `1 September 2016`, with a time behind
//! them or not. The day stands before the month; what can only be the other way round is refused, not guessed.

use jiff::civil::Date;

/// Names of months, by their first three letters.
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// The day from which Excel counts, so that its day 60 (29 February 1900, which never was) and later ones come out right.
const EXCEL_DAY_ZERO: (i16, i8, i8) = (1899, 12, 30);

/// What is wrong with a date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoDate {
    /// The month stands before the day.
    MonthFirst,
    /// The year has two digits.
    ShortYear,
    /// It is none.
    None,
}

/// Reads a date.
pub(crate) fn read_date(text: &str) -> Result<Date, NoDate> {
    let text = text.trim();
    // `2016-09-01T00:00:00`, `01/09/2016 00:00`.
    let day = text.split(['T', ' ']).next().unwrap_or_default();
    let has_words = text.chars().any(|letter| letter.is_ascii_alphabetic() && letter != 'T' && letter != 'Z');
    let parts: Vec<&str> = if has_words {
        text.split([' ', '-', '/', '.', ',']).filter(|part| !part.is_empty()).take(4).collect()
    } else {
        day.split(['/', '-', '.']).collect()
    };
    let [first, second, third] = parts.as_slice() else { return Err(NoDate::None) };
    let number = |part: &str| part.parse::<i16>().map_err(|_| NoDate::None);
    if first.len() == 4 {
        return date(number(first)?, number(second)?, number(third)?);
    }
    if third.len() != 4 {
        return Err(if third.len() == 2 && number(third).is_ok() { NoDate::ShortYear } else { NoDate::None });
    }
    let (day, year) = (number(first)?, number(third)?);
    let month = match month_by_name(second) {
        Some(month) => month,
        None => number(second)?,
    };
    match date(year, month, day) {
        Err(NoDate::None) if month > 12 && date(year, day, month).is_ok() => Err(NoDate::MonthFirst),
        read => read,
    }
}

/// The day that a spreadsheet keeps as a number of days.
pub(crate) fn from_serial(days: f64) -> Option<Date> {
    let is_plausible = days.is_finite() && (1.0..80_000.0).contains(&days);
    let (year, month, day) = EXCEL_DAY_ZERO;
    let zero = Date::new(year, month, day).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "it lies between 1 and 80,000")]
    let whole = days.floor() as i32;
    if !is_plausible {
        return None;
    }
    zero.checked_add(jiff::Span::new().try_days(whole).ok()?).ok()
}

fn month_by_name(text: &str) -> Option<i16> {
    let start = text.get(..3)?.to_ascii_lowercase();
    let place = MONTHS.iter().position(|month| *month == start)?;
    i16::try_from(place + 1).ok()
}

fn date(year: i16, month: i16, day: i16) -> Result<Date, NoDate> {
    let narrow = |number: i16| i8::try_from(number).map_err(|_| NoDate::None);
    if !(1900..=2100).contains(&year) {
        return Err(NoDate::None);
    }
    Date::new(year, narrow(month)?, narrow(day)?).map_err(|_| NoDate::None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date as civil;

    #[test]
    fn dates_are_read_with_the_day_first_and_never_guessed() {
        for (text, expected) in [
            ("01/09/2016", Ok(civil(2016, 9, 1))),
            ("1/9/2016", Ok(civil(2016, 9, 1))),
            ("01.09.2016 00:00", Ok(civil(2016, 9, 1))),
            ("2016-09-01T00:00:00Z", Ok(civil(2016, 9, 1))),
            ("2016-09-01 00:00:00.000000", Ok(civil(2016, 9, 1))),
            ("1 September 2016", Ok(civil(2016, 9, 1))),
            ("01-Sep-2016", Ok(civil(2016, 9, 1))),
            ("29/02/2015", Err(NoDate::None)),
            ("12/31/2015", Err(NoDate::MonthFirst)),
            ("01/09/16", Err(NoDate::ShortYear)),
            ("01/09/3016", Err(NoDate::None)),
            ("soon", Err(NoDate::None)),
            ("", Err(NoDate::None)),
            ("é/é/éé", Err(NoDate::None)),
        ] {
            assert_eq!(read_date(text), expected, "{text}");
        }
    }

    #[test]
    fn a_spreadsheet_counts_days() {
        assert_eq!(from_serial(42_614.0), Some(civil(2016, 9, 1)));
        assert_eq!(from_serial(42_614.75), Some(civil(2016, 9, 1)));
        for none in [0.0, -1.0, 1e9, f64::NAN, f64::INFINITY] {
            assert_eq!(from_serial(none), None);
        }
    }
}
