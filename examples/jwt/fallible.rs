//! The result of everything that can fail here.

pub(crate) type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
