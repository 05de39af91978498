//! What results are made of, whatever method they answer.

pub(crate) mod cache;
pub(crate) mod closing;
pub(crate) mod first_pages;
pub(crate) mod member;
pub(crate) mod page;
pub(crate) mod place;
pub(crate) mod text;
