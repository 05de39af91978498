//! The result type of this example.

pub(crate) type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
