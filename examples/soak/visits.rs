//! The life of a client: one visit after the other, in the way of its revision.

use mcp_wire::ProtocolVersion;

use crate::client::Client;
use crate::{http_sse, stateless, streamable};

/// Visits the server until the round is over.
pub(crate) async fn visit_until_over(mut client: Client) {
    // The clients do not all come at once.
    client.pause().await;
    while !client.is_over() {
        client.round.ledger.count_visit(client.revision);
        let visit = match client.revision {
            ProtocolVersion::V2024_11_05 => http_sse::visit(&mut client).await,
            ProtocolVersion::V2026_07_28 => stateless::visit(&mut client).await,
            _ => streamable::visit(&mut client).await,
        };
        if let Err(failure) = visit {
            let who = format!("{}, client {}", client.revision, client.number);
            client.round.ledger.fail(format!("{who}: {failure}"));
            client.forget_connection();
        }
        client.pause().await;
    }
}
