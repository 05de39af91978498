//! The users of the server, from a file: `NAME TOKEN SCOPE…` on each line.

use mcp_wire::auth::{Identity, StaticTokens};

/// Reading notes.
pub const READ: &str = "notes:read";
/// Changing and deleting them.
pub const WRITE: &str = "notes:write";

/// Lines that are empty or begin with `#` are left out.
///
/// # Errors
///
/// Says which line has no token.
pub fn read(file: &str) -> Result<StaticTokens, String> {
    let mut users = StaticTokens::new();
    for (at, line) in file.lines().enumerate() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next().filter(|word| !word.starts_with('#')) else {
            continue;
        };
        let token = words
            .next()
            .ok_or_else(|| format!("line {}: {name} has no token", at + 1))?;
        users = users.token(token, Identity::new(name).scopes(words));
    }
    Ok(users)
}
