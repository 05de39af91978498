//! What can go wrong for an embedder.

use std::fmt;

/// An error of setting up or running a service. Opaque: ask it by its predicates.
///
/// What a peer does wrong is never one of these; it is answered on the wire.
pub struct Error(Box<Kind>);

enum Kind {
    /// The embedder's: settings or registrations that cannot be served.
    Setup(String),
}

impl Error {
    pub(crate) fn setup(message: String) -> Self {
        Self(Box::new(Kind::Setup(message)))
    }

    /// Whether settings or registrations were wrong.
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
