//! Own routes can make their connection one of another protocol.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use mcp_wire::{McpService, Serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::support::probe::probe;
use crate::support::soon;

/// Short for a limit, long for a machine that is busy with other tests.
const SHORT: Duration = Duration::from_millis(300);

/// Answers 101, and says again what it hears; tells when it is over.
async fn echo(
    mut request: Request<Incoming>,
    over: mpsc::UnboundedSender<()>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    if request.headers().get(UPGRADE).is_none() {
        return Ok(response);
    }
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut io = TokioIo::new(upgraded.await.unwrap());
        let mut bytes = [0; 64];
        while let Ok(len @ 1..) = io.read(&mut bytes).await {
            if io.write_all(&bytes[..len]).await.is_err() {
                break;
            }
        }
        let _ = over.send(());
    });
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, "echo".parse().unwrap());
    headers.insert(CONNECTION, "upgrade".parse().unwrap());
    Ok(response)
}

struct Echoing {
    client: TcpStream,
    over: mpsc::UnboundedReceiver<()>,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<(), mcp_wire::Error>>,
    address: std::net::SocketAddr,
}

/// A connection that echoes; what was sent with its request is `early`.
async fn echoing(set: impl FnOnce(Serve) -> Serve, early: &str) -> Echoing {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mcp = McpService::builder(probe().0).build().unwrap();
    let (told, over) = mpsc::unbounded_channel();
    let routes = service_fn(move |request| echo(request, told.clone()));
    let (stop, stopped) = oneshot::channel();
    let run = set(Serve::new(listener, mcp))
        .routes(routes)
        .run(async { drop(stopped.await) });
    let run = tokio::spawn(run);
    let mut client = TcpStream::connect(address).await.unwrap();
    let request =
        "GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    client
        .write_all(format!("{request}{early}").as_bytes())
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon("the head", client.read_u8()).await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{head:?}");
    Echoing {
        client,
        over,
        stop,
        run,
        address,
    }
}

impl Echoing {
    async fn hears(&mut self, text: &str) {
        let mut heard = vec![0; text.len()];
        soon("the echo", self.client.read_exact(&mut heard))
            .await
            .unwrap();
        assert_eq!(heard, text.as_bytes());
    }
}

async fn is_cut(client: &mut TcpStream) {
    match soon("the end", client.read(&mut [0])).await {
        Ok(len) => assert_eq!(len, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

/// FIELD E-8: the route has the connection, with what was sent early, whatever the bytes look like to a reader
/// of HTTP, and beyond the times of one.
#[tokio::test]
async fn a_route_that_answers_101_has_its_connection() {
    let short = |serve: Serve| serve.idle_timeout(SHORT).header_timeout(SHORT);
    let mut echoing = echoing(short, "early").await;
    echoing.hears("early").await;
    for text in [
        "half a head: GET / HT",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\n",
        "\0\r\n",
    ] {
        tokio::time::sleep(2 * SHORT).await;
        echoing.client.write_all(text.as_bytes()).await.unwrap();
        echoing.hears(text).await;
    }
    echoing.client.shutdown().await.unwrap();
    soon("the end", echoing.over.recv()).await.unwrap();
    is_cut(&mut echoing.client).await;
    echoing.stop.send(()).unwrap();
    soon("the end", echoing.run).await.unwrap().unwrap();
}

/// It counts as a connection for as long as the route has it.
#[tokio::test]
async fn an_upgraded_connection_is_one_of_those_that_there_may_be() {
    let mut echoing = echoing(|serve| serve.max_connections(1), "").await;
    let status = async |address| {
        let mut other = TcpStream::connect(address).await.unwrap();
        let request = b"GET /plain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        other.write_all(request).await.unwrap();
        let mut said = String::new();
        let _ = soon("an answer", other.read_to_string(&mut said)).await;
        said[9..12].to_owned()
    };
    assert_eq!(status(echoing.address).await, "503");
    echoing.client.shutdown().await.unwrap();
    soon("the end", echoing.over.recv()).await.unwrap();
    let is_free = async { while status(echoing.address).await != "200" {} };
    soon("a free place", is_free).await;
    echoing.stop.send(()).unwrap();
    soon("the end", echoing.run).await.unwrap().unwrap();
}

/// it is cut at the deadline and not before, and both its ends learn of it.
#[tokio::test]
async fn an_upgraded_connection_is_cut_when_the_server_is_at_its_end() {
    let mut echoing = echoing(|serve| serve.drain_deadline(SHORT), "").await;
    let began = tokio::time::Instant::now();
    echoing.stop.send(()).unwrap();
    echoing.client.write_all(b"still here").await.unwrap();
    let mut heard = [0; 10];
    soon("the echo", echoing.client.read_exact(&mut heard))
        .await
        .unwrap();
    assert_eq!(&heard, b"still here");
    soon("the end", echoing.over.recv()).await.unwrap();
    assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
    is_cut(&mut echoing.client).await;
    soon("the end", echoing.run).await.unwrap().unwrap();
}
