//! Intake: reads the body of a request, and decides which of its buffers may be kept.

pub(crate) mod buffers;
pub(crate) mod detach;
pub(crate) mod request_body;
pub(crate) mod unread;
