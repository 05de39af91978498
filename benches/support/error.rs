//! The error of everything that can fail here.

use std::error::Error;

pub(crate) type Failed = Box<dyn Error + Send + Sync>;
