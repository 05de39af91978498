//! `resources/subscribe`, `resources/unsubscribe` and `logging/setLevel`: what a session asks for.

use super::open_request::{Answer, OpenRequest};
use super::subscribing::check_subscription;
use crate::protocol::level::LogLevel;
use crate::protocol::uris::Uris;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;

impl OpenRequest<'_> {
    /// SPEC E-57, E-58: a client subscribes only to what it can read.
    pub(super) async fn subscribe(&self) -> Answer {
        let uri = self.uri()?;
        let call = self.call.without_questions();
        let found = self.registry.watchable(&uri);
        let found = found.ok_or_else(|| ErrorObject::resource_not_found(&uri))?;
        let checked = check_subscription(self.registry, found, &call).await;
        checked.map_err(|(name, error)| self.failed(name, error))?;
        if self.call.subscribe(&uri) {
            return Ok(Json::empty());
        }
        Err(ErrorObject::invalid_params(format!(
            "the subscriptions of this session take more than {} bytes, each URI with {} of its own",
            Uris::LIMIT,
            Uris::ENTRY
        )))
    }

    pub(super) fn unsubscribe(&self) -> Answer {
        self.call.unsubscribe(&self.uri()?);
        Ok(Json::empty())
    }

    /// SPEC E-81.
    pub(super) fn set_log_level(&self) -> Answer {
        let level = self.params().text_of("level");
        let level = level.and_then(|level| LogLevel::parse(&level));
        let level = level.ok_or_else(|| {
            let levels = LogLevel::ALL.map(LogLevel::as_str).join(", ");
            ErrorObject::invalid_params(format!("`level` must be one of {levels}"))
        })?;
        self.call.set_log_level(level);
        Ok(Json::empty())
    }
}
