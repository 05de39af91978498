//! `subscriptions/listen`.

use std::future::Future;
use std::sync::Arc;

use super::open_request::Answer;
use crate::protocol::filter::SubscriptionFilter;
use crate::server::registry::Registry;
use crate::server::shared::Shared;
use crate::transport::dispatch::context::Context;
use crate::wire::json::Json;
use crate::wire::message::Request;

/// Tells the client of changes until the server ends (SPEC D-120 to D-134). While the client listens,
/// nothing of its request stays in memory but the id and the filter.
pub(crate) fn listen(
    server: Arc<Shared>,
    registry: &Registry,
    cx: Context,
    request: &Request,
) -> impl Future<Output = Answer> + Send + use<> {
    let id = request.id();
    let filter = SubscriptionFilter::read(request.params());
    let filter = filter.map(|filter| registry.honoured(filter, cx.identity()));
    async move {
        cx.listen(filter?).await?;
        // The id goes out as the bytes that it came as (SPEC D-123, D-127).
        let mut out = b"{\"resultType\":\"complete\",\"_meta\":{".to_vec();
        out.extend_from_slice(b"\"io.modelcontextprotocol/subscriptionId\":");
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(b",\"io.modelcontextprotocol/serverInfo\":");
        out.extend_from_slice(server.modern_info().as_bytes());
        out.extend_from_slice(b"}}");
        Ok(Json::from_encoder(out))
    }
}
