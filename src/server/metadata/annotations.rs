//! [`Annotations`]: hints on content and resources.

use serde_json::{Map, Value};

use super::role::Role;
use crate::wire::version::ProtocolVersion;

/// Hints on content and resources: for whom they are, how much they matter, when they changed (2025-11-25,
/// Resources, Annotations).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotations {
    audience: Vec<Role>,
    priority: Option<f64>,
    last_modified: Option<String>,
}

impl Annotations {
    /// No hints.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a role that it is meant for.
    #[must_use]
    pub fn audience(mut self, role: Role) -> Self {
        self.audience.push(role);
        self
    }

    /// How much it matters, from 0 (entirely optional) to 1 (required). Other numbers are clamped.
    #[must_use]
    pub fn priority(mut self, priority: f64) -> Self {
        self.priority = Some(priority.clamp(0.0, 1.0));
        self
    }

    /// When it changed last, as an ISO 8601 text such as `2025-01-12T15:00:58Z`. From 2025-06-18 on.
    #[must_use]
    pub fn last_modified(mut self, time: impl Into<String>) -> Self {
        self.last_modified = Some(time.into());
        self
    }

    pub(crate) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut hints = Map::new();
        if !self.audience.is_empty() {
            let audience = self.audience.iter().map(|role| role.as_str().into());
            hints.insert("audience".to_owned(), Value::Array(audience.collect()));
        }
        if let Some(priority) = self.priority {
            hints.insert("priority".to_owned(), priority.into());
        }
        if let Some(time) = self
            .last_modified
            .as_deref()
            .filter(|_| version.has_last_modified())
        {
            hints.insert("lastModified".to_owned(), time.into());
        }
        hints.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// SPEC E-50: `lastModified` from 2025-06-18 on.
    #[test]
    fn annotations_take_the_form_of_the_revision() {
        let hints = Annotations::new()
            .audience(Role::User)
            .priority(7.0)
            .last_modified("2025-01-12T15:00:58Z");
        assert_eq!(
            hints.to_value(ProtocolVersion::V2024_11_05),
            json!({"audience": ["user"], "priority": 1.0})
        );
        let new = hints.to_value(ProtocolVersion::V2025_06_18);
        assert_eq!(new["lastModified"], "2025-01-12T15:00:58Z");
    }
}
