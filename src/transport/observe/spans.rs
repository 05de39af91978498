//! The feature `tracing`: a span for each request, and an event for each [`ServiceEvent`].
//!
//! They contain no id of a session or a request, no token and no content (SPEC G-13). They contain the
//! client's trace context (SPEC A-32) without its `baggage`, which belongs to the application.

use std::time::Duration;

use hyper::header::HeaderMap;
use tracing::field::{Empty, display};
use tracing::{Span, debug, error, info, info_span, warn};

use super::events::{Hint, Outcome, ServiceEvent, SessionEnd};
use crate::protocol::trace::TraceContext;
use crate::wire::message::Request;
use crate::wire::params::Params;
use crate::wire::version::ProtocolVersion;

/// The span of a request, inside the current span of its HTTP request. The parser limits the length of
/// the method.
pub(crate) fn of_request(version: ProtocolVersion, request: &Request, headers: &HeaderMap) -> Span {
    let span = info_span!(
        target: "mcp_wire",
        "mcp_request",
        method = request.method(),
        revision = version.as_str(),
        outcome = Empty,
        trace_id = Empty,
        parent_id = Empty,
        sampled = Empty,
        tracestate = Empty,
    );
    // Reading the trace context costs time, so it is left out if no subscriber listens.
    if span.is_disabled() {
        return span;
    }
    let meta = request.params().and_then(Params::meta);
    if let Some(trace) = TraceContext::read(meta, headers) {
        span.record("trace_id", trace.trace_id());
        span.record("parent_id", trace.parent_id());
        span.record("sampled", trace.is_sampled());
        if let Some(state) = trace.tracestate() {
            span.record("tracestate", state);
        }
    }
    span
}

/// Sends an event to the subscriber.
pub(crate) fn tell(event: &ServiceEvent<'_>) {
    match event {
        // The operator may have to act: a limit was reached, or a browser was kept out.
        ServiceEvent::Refused {
            reason,
            status,
            hint: Some(Hint { value, setting }),
        } => info!(target: "mcp_wire", reason, status, value, setting, "refused"),
        ServiceEvent::Refused {
            reason,
            status: status @ (403 | 429 | 500..),
            ..
        } => info!(target: "mcp_wire", reason, status, "refused"),
        ServiceEvent::Refused { reason, status, .. } => {
            debug!(target: "mcp_wire", reason, status, "refused");
        }
        ServiceEvent::Finished {
            outcome, elapsed, ..
        } => finished(*outcome, *elapsed),
        ServiceEvent::SessionOpened => debug!(target: "mcp_wire", "session opened"),
        ServiceEvent::SessionTakenUp => debug!(target: "mcp_wire", "session taken up"),
        ServiceEvent::SessionEnded {
            reason: reason @ SessionEnd::Evicted,
        } => {
            info!(target: "mcp_wire", reason = reason.as_str(), "session ended");
        }
        ServiceEvent::SessionEnded { reason } => {
            debug!(target: "mcp_wire", reason = reason.as_str(), "session ended");
        }
        ServiceEvent::StreamCut => {
            warn!(target: "mcp_wire", "the stream was cut because its client does not read");
        }
        ServiceEvent::HandlerFailed {
            method,
            name,
            reason,
        } => warn!(target: "mcp_wire", method, name, reason, "the handler failed"),
        ServiceEvent::SkillNameRepeated { name, count } => {
            warn!(target: "mcp_wire", name, count, "several skills have one name");
        }
        ServiceEvent::NotificationPanicked => {
            error!(target: "mcp_wire", "the handler of a notification panicked");
        }
        ServiceEvent::TaskEnded { end, elapsed } => {
            let end = end.as_str();
            info!(target: "mcp_wire", end, ?elapsed, "a task has ended");
        }
        ServiceEvent::HandshakeFailed { peer, reason } => {
            let peer = peer.as_ref().map(display);
            info!(target: "mcp_wire", peer, reason, "the handshake failed");
        }
    }
}

/// Called in the span of the request, which has the method.
fn finished(outcome: Outcome, elapsed: Duration) {
    match outcome {
        Outcome::Error(code) => {
            debug!(target: "mcp_wire", outcome = outcome.as_str(), code, ?elapsed, "finished");
        }
        Outcome::Result | Outcome::Cancelled => {
            debug!(target: "mcp_wire", outcome = outcome.as_str(), ?elapsed, "finished");
        }
        Outcome::Closed => {
            info!(target: "mcp_wire", outcome = outcome.as_str(), ?elapsed, "finished");
        }
        Outcome::TimedOut => {
            warn!(target: "mcp_wire", outcome = outcome.as_str(), ?elapsed, "finished");
        }
        Outcome::Panicked => {
            error!(target: "mcp_wire", outcome = outcome.as_str(), ?elapsed, "finished");
        }
    }
}
