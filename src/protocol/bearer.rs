//! [`bearer_token`]: the token of a request, for authorizers that take such tokens (SPEC F.1).

use hyper::Uri;
use hyper::header::{AUTHORIZATION, HeaderMap};

use super::challenge::Challenge;
use super::fields::Field;

/// The bearer token of a request: one `Authorization: Bearer …` line, with a token of the
/// characters that RFC 6750 gives it. A token in the query is never used (*2025-11-25,
/// Authorization, Token Requirements*).
///
/// # Errors
///
/// The [`Challenge`] to answer with: missing, also for another scheme and for a token that is only in
/// the query; or invalid, for several lines, an ill-formed token, and one in both places.
pub fn bearer_token<'h>(headers: &'h HeaderMap, uri: &Uri) -> Result<&'h str, Challenge> {
    let query = uri.query().unwrap_or_default();
    let in_query = query
        .split('&')
        .any(|pair| pair.split('=').next() == Some("access_token"));
    let line = match Field::of(headers, AUTHORIZATION) {
        Field::Absent => return Err(Challenge::missing()),
        Field::One(line) => line,
        Field::Several => {
            return Err(Challenge::invalid_request("several Authorization headers"));
        }
    };
    let ill_formed = || Challenge::invalid_request("the Authorization header is ill-formed");
    let line = line.to_str().map_err(|_| ill_formed())?.trim();
    let (scheme, token) = line.split_once(' ').unwrap_or((line, ""));
    if scheme.is_empty() {
        return Err(ill_formed());
    }
    // SPEC F-2: the scheme in any case.
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Challenge::missing());
    }
    let token = token.trim_start_matches(' ');
    if !is_b64token(token) {
        return Err(ill_formed());
    }
    if in_query {
        return Err(Challenge::invalid_request("a token in two places"));
    }
    Ok(token)
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
pub(crate) fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_of_it = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(is_of_it)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::super::challenge::Kind;
    use super::*;

    /// SPEC F.1 rows 1 to 4, F-2, F-3.
    #[test]
    fn a_token_is_read_from_one_place_only() {
        #[track_caller]
        fn check(lines: &[&[u8]], uri: &str, expected: Result<&str, Kind>) {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
            }
            let token = bearer_token(&headers, &uri.parse().unwrap());
            assert_eq!(token.map_err(|challenge| challenge.kind()), expected);
        }
        let (missing, invalid) = (Err(Kind::Missing), Err(Kind::InvalidRequest));
        check(&[b"Bearer abc"], "/mcp", Ok("abc"));
        check(&[b"bearer   a-._~+/0=="], "/mcp", Ok("a-._~+/0=="));
        check(&[b"BEARER abc"], "/mcp?session_id=1", Ok("abc"));
        check(&[], "/mcp", missing);
        check(&[b"Basic YTpi"], "/mcp", missing);
        check(&[b"Bearerabc"], "/mcp", missing);
        check(&[], "/mcp?access_token=abc", missing);
        check(&[b"Bearer abc"], "/mcp?x=1&access_token=abc", invalid);
        check(&[b"Bearer abc"], "/mcp?access_token", invalid);
        check(&[b"Bearer abc", b"Bearer abc"], "/mcp", invalid);
        check(&[b"Basic YTpi", b"Bearer abc"], "/mcp", invalid);
        for line in [
            &b""[..],
            b"Bearer",
            b"Bearer ",
            b"Bearer =",
            b"Bearer a=b",
            b"Bearer a b",
            b"Bearer a,b",
            b"Bearer \"a\"",
            b"Bearer a\x80",
        ] {
            check(&[line], "/mcp", invalid);
        }
    }
}
