//! [`Profile`]: who a client is, what it declares, and how it answers.

use std::time::Duration;

use serde_json::{Value, json};

use super::question::Replies;
use crate::protocol::level::LogLevel;
use crate::transport::access::identity::Identity;
use crate::wire::version::ProtocolVersion;

/// How long a client waits by default.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(super) struct Profile {
    pub(super) version: ProtocolVersion,
    pub(super) name: String,
    pub(super) identity: Option<Identity>,
    /// Sent with every request. They replace those that the client would send by itself.
    pub(super) headers: Vec<(String, String)>,
    /// What the test declares. `None` means what `replies` can answer.
    pub(super) capabilities: Option<Value>,
    pub(super) log_level: Option<LogLevel>,
    pub(super) replies: Replies,
    pub(super) patience: Duration,
}

impl Profile {
    pub(super) fn new() -> Self {
        Self {
            version: ProtocolVersion::LATEST_LEGACY,
            name: "test".to_owned(),
            identity: None,
            headers: Vec::new(),
            capabilities: None,
            log_level: None,
            replies: Replies::default(),
            patience: PATIENCE,
        }
    }

    pub(super) fn info(&self) -> Value {
        json!({"name": self.name, "version": "1"})
    }

    pub(super) fn capabilities(&self) -> Value {
        let declared = self.capabilities.clone();
        declared.unwrap_or_else(|| self.replies.capabilities())
    }
}
