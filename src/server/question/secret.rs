//! Recognises fields that ask for secrets by their names.

/// Whether the last words of a name are those of a secret: `access_token` is one, `token_count` is not (SPEC
/// E-106).
pub(crate) fn names_a_secret(name: &str) -> bool {
    const SECRETS: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "secret",
        "token",
        "credential",
        "credentials",
        "apikey",
        "api_key",
        "access_key",
        "private_key",
        "secret_key",
        "cvv",
        "cvc",
    ];
    let name = words(name);
    SECRETS.iter().any(|secret| {
        name.strip_suffix(secret)
            .is_some_and(|before| before.is_empty() || before.ends_with('_'))
    })
}

/// A name in lower case, its words joined by `_`: `newAPIKey2` and `new-api.key` are `new_api_key`.
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut chars = name.chars().peekable();
    let mut last = '_';
    while let Some(c) = chars.next() {
        let is_last_of_capitals = chars.peek().is_some_and(|next| next.is_lowercase());
        let starts_word = c.is_uppercase() && (!last.is_uppercase() || is_last_of_capitals);
        if (starts_word || !c.is_alphanumeric()) && !words.is_empty() && !words.ends_with('_') {
            words.push('_');
        }
        if c.is_alphanumeric() {
            words.extend(c.to_lowercase());
        }
        last = c;
    }
    let end = words.trim_end_matches(|c: char| c == '_' || c.is_ascii_digit());
    words.truncate(end.len());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC E-106.
    #[test]
    fn a_secret_is_known_by_the_last_words_of_its_name() {
        for name in [
            "password",
            "Password",
            "new_password",
            "newPassword2",
            "user-password",
            "apiKey",
            "API_KEY",
            "openaiAPIKey",
            "apikey",
            "access_token",
            "accessToken",
            "token",
            "client.secret",
            "clientSecret",
            "sshPrivateKey",
            "credentials",
            "cvv",
        ] {
            assert!(names_a_secret(name), "{name} as {}", words(name));
        }
        for name in [
            "",
            "_",
            "name",
            "token_count",
            "max_tokens",
            "secretary",
            "key",
            "keyboard",
            "passport",
            "password_hint_shown",
            "nontoken",
            "7",
        ] {
            assert!(!names_a_secret(name), "{name} as {}", words(name));
        }
    }
}
