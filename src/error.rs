//! [`Error`]: what an embedder did wrong.

use std::fmt;

/// An error in setting up or running a service. It is opaque: its predicates say what kind it is, and
/// its `Display` is a sentence for the operator that names the setting.
///
/// What a client does wrong is never an `Error`; the client is answered instead.
///
/// ```
/// # use mcp_wire::{Dispatcher, McpService};
/// # fn example(dispatcher: impl Dispatcher) {
/// let refused = McpService::builder(dispatcher)
///     .limits(|limits| limits.sessions = 0)
///     .build();
/// let error = refused.unwrap_err();
/// assert!(error.is_setup());
/// assert_eq!(error.to_string(), "`Limits::sessions` must be at least 1, not 0");
/// # }
/// ```
pub struct Error(Box<Kind>);

enum Kind {
    /// Settings or registrations of the embedder cannot be served.
    Setup(String),
}

impl Error {
    pub(crate) fn setup(message: String) -> Self {
        Self(Box::new(Kind::Setup(message)))
    }

    /// Whether a setting or a registration cannot be served.
    #[must_use]
    pub fn is_setup(&self) -> bool {
        matches!(*self.0, Kind::Setup(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Setup(message) => f.write_str(message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
