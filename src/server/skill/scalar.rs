//! What a plain scalar means by the core schema of YAML 1.2 (*YAML 1.2.2, 10.3.2*).

use serde_json::Value;

/// The value of a plain scalar; `None` for a number that JSON does not have.
pub(super) fn value_of(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ if is_beyond_json(text) => return None,
        _ => match number_of(text) {
            Some(number) => number?,
            None => text.into(),
        },
    })
}

/// Infinity, and what is not a number.
fn is_beyond_json(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// The number that a text is. The inner `None` is one that is too large.
fn number_of(text: &str) -> Option<Option<Value>> {
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
            return is_number.then(|| with_radix(digits, radix));
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if is_digits(unsigned) {
        let number = text.strip_prefix('+').unwrap_or(text);
        let integer = number.parse::<i64>().map(Value::from);
        let integer = integer.or_else(|_| number.parse::<u64>().map(Value::from));
        return Some(integer.ok().or_else(|| finite(number)));
    }
    is_float(unsigned).then(|| finite(text))
}

fn with_radix(digits: &str, radix: u32) -> Option<Value> {
    if let Ok(integer) = u64::from_str_radix(digits, radix) {
        return Some(integer.into());
    }
    let digits = digits.chars().filter_map(|c| c.to_digit(radix));
    let number = digits.fold(0.0, |sum, digit| sum * f64::from(radix) + f64::from(digit));
    serde_json::Number::from_f64(number).map(Value::from)
}

fn finite(text: &str) -> Option<Value> {
    let number: f64 = text.parse().ok()?;
    serde_json::Number::from_f64(number).map(Value::from)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let is_exponent = |text: &str| is_digits(text.strip_prefix(['+', '-']).unwrap_or(text));
    let is_mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => is_digits(fraction),
        Some((whole, fraction)) => is_digits(whole) && (fraction.is_empty() || is_digits(fraction)),
        None => is_digits(mantissa),
    };
    is_mantissa && exponent.is_none_or(is_exponent)
}
