use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Body as _;
use mcp_wire::{McpService, ResponseBody};

/// The handler of a route such as `web::resource("/mcp").to(mcp)`, or of `default_service`.
pub async fn mcp(request: HttpRequest, body: Bytes, service: web::Data<McpService>) -> HttpResponse {
    let mut head = http::Request::builder()
        .method(request.method().as_str())
        .uri(request.uri().to_string());
    for (name, value) in request.headers() {
        head = head.header(name.as_str(), value.as_bytes());
    }
    let Ok(asked) = head.body(Full::new(body)) else {
        return HttpResponse::BadRequest().finish();
    };
    let service = match request.peer_addr() {
        Some(peer) => service.with_peer_addr(peer),
        None => service.get_ref().clone(),
    };
    let (head, body) = service.call(asked).await.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).expect("a status");
    let mut answer = HttpResponse::build(status);
    for (name, value) in &head.headers {
        answer.append_header((name.as_str(), value.as_bytes()));
    }
    answer.body(Frames(body))
}

struct Frames(ResponseBody);

impl MessageBody for Frames {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0.size_hint().exact().map_or(BodySize::Stream, BodySize::Sized)
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let frame = ready!(Pin::new(&mut self.0.frame()).poll(cx));
        // The answers have no trailers.
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default())))
    }
}
