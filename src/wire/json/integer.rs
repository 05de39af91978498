//! The integer that a number token is, however it is written.

use super::token::number;

/// Why a token is no integer that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoInteger {
    /// It is not a number.
    Type,
    /// It is a number with a fraction.
    Fraction,
    /// It does not fit into 128 bits.
    TooLarge,
}

/// The most digits that surely fit into an `i128`.
const MAX_DIGITS: i64 = 38;

/// Reads a token that the scanner has checked. As in JSON Schema, a number without a fraction is an integer:
/// `5`, `5.0` and `0.5e1` are the same. The value is exact, unlike that of a float.
pub(crate) fn integer(token: &[u8]) -> Result<i128, NoInteger> {
    let (is_negative, unsigned) = match token {
        [b'-', unsigned @ ..] => (true, unsigned),
        unsigned => (false, unsigned),
    };
    if !unsigned.first().is_some_and(u8::is_ascii_digit) {
        return Err(NoInteger::Type);
    }
    let (mantissa, exponent) = split(unsigned, |byte| matches!(byte, b'e' | b'E'));
    let (whole, fraction) = split(mantissa, |byte| byte == b'.');
    let digits = || whole.iter().chain(fraction);
    let Some(first) = digits().position(|digit| *digit != b'0') else {
        return Ok(0);
    };
    let zeros = digits().rev().take_while(|digit| **digit == b'0').count();
    let significant = digits().count() - first - zeros;
    let power = power(exponent) - fraction.len() as i64 + zeros as i64;
    if power < 0 {
        return Err(NoInteger::Fraction);
    }
    if significant as i64 > MAX_DIGITS || power > MAX_DIGITS - significant as i64 {
        return Err(NoInteger::TooLarge);
    }
    let push = |sum, digit: &u8| sum * 10 + i128::from(digit - b'0');
    let sum = digits().skip(first).take(significant).fold(0, push);
    let value = sum * 10_i128.pow(power as u32);
    Ok(if is_negative { -value } else { value })
}

/// Reads a text that nobody has checked: `None` unless all of it is a JSON number that is an integer and fits.
pub(crate) fn integer_of_text(text: &str) -> Option<i128> {
    let token = text.as_bytes();
    let is_all = number(token, 0).is_ok_and(|number| number.end == token.len());
    is_all.then(|| integer(token).ok())?
}

/// The bytes before and after the first such byte; nothing after it if there is none.
fn split(text: &[u8], is_separator: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| is_separator(*byte)) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, b""),
    }
}

/// The power of ten that these digits of an exponent mean. A huge one stays huge, with room to add the
/// length of a text.
fn power(exponent: &[u8]) -> i64 {
    const HUGE: i64 = i64::MAX / 4;
    let (is_negative, digits) = match exponent {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let push = |sum: i64, digit: &u8| (sum * 10 + i64::from(digit - b'0')).min(HUGE / 16);
    let power = digits.iter().fold(0, push);
    if is_negative { -power } else { power }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// FIELD S-2: an integer is a number without a fraction, however it is written.
    #[test]
    fn an_integer_is_a_number_without_a_fraction() {
        for (token, expected) in [
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("-0.000e99999999999999999999", Ok(0)),
            ("5", Ok(5)),
            ("5.0", Ok(5)),
            ("-5.00", Ok(-5)),
            ("1e3", Ok(1000)),
            ("1E+3", Ok(1000)),
            ("0.5e1", Ok(5)),
            ("1500e-2", Ok(15)),
            ("9007199254740993.0", Ok(9_007_199_254_740_993)),
            ("18446744073709551615", Ok(u64::MAX.into())),
            ("18446744073709551616", Ok(i128::from(u64::MAX) + 1)),
            ("-9223372036854775809", Ok(i128::from(i64::MIN) - 1)),
            ("5.5", Err(NoInteger::Fraction)),
            ("1e-1", Err(NoInteger::Fraction)),
            ("1e-99999999999999999999", Err(NoInteger::Fraction)),
            ("1e400", Err(NoInteger::TooLarge)),
            ("-1e99999999999999999999", Err(NoInteger::TooLarge)),
            (
                "999999999999999999999999999999999999999",
                Err(NoInteger::TooLarge),
            ),
            ("\"5\"", Err(NoInteger::Type)),
            ("true", Err(NoInteger::Type)),
            ("null", Err(NoInteger::Type)),
            ("[5]", Err(NoInteger::Type)),
        ] {
            assert_eq!(integer(token.as_bytes()), expected, "{token}");
        }
    }

    proptest! {
        #[test]
        fn an_integer_is_the_same_with_a_point_moved(value: i64, zeros in 0..12_usize, places in 0..5_usize) {
            let zeros = "0".repeat(zeros);
            let sign = if value < 0 { "-" } else { "" };
            let digits = value.unsigned_abs().to_string();
            let (before, after) = digits.split_at(digits.len().saturating_sub(places).max(1));
            let power = after.len();
            for text in [
                format!("{value}.{zeros}0"),
                format!("{value}{zeros}e-{}", zeros.len()),
                format!("{sign}{before}.{after}{zeros}0E+{power}"),
            ] {
                prop_assert_eq!(integer(text.as_bytes()), Ok(value.into()), "{}", text);
            }
        }
    }
}
