//! Calls over connections in memory, which valgrind counts.

use std::rc::Rc;

use crate::cases::Case;
use crate::client::messages::Revision;
use crate::requests::{self, SMALL, call, get, hello, initialized, modern, post};
use crate::servers::Server;
use crate::socket::{Client, Socket};

/// Makes this many calls, and checks that each was answered.
pub(crate) fn run(case: &Case, calls: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let calling = async {
        let server = (case.server)();
        match case.revision {
            Revision::Modern => post_calls(&server, modern(SMALL), calls).await,
            Revision::Session => in_session(case, &server, calls).await,
            Revision::Sse => round_trips(case, &server, calls).await,
        }
    };
    tokio::task::LocalSet::new().block_on(&runtime, calling);
}

/// Recognizes the last write of an answer: the end of an object, the last chunk of a stream, or a 202.
fn is_answer(written: &[u8]) -> bool {
    written.ends_with(b"0\r\n\r\n")
        || written.trim_ascii_end().ends_with(b"}")
        || written.starts_with(b"HTTP/1.1 202")
}

fn client() -> Rc<Client> {
    Rc::new(Client::new(is_answer))
}

async fn post_calls(server: &Server, request: Vec<u8>, calls: u64) {
    let client = client();
    send(server, &client, request, calls, 1).await;
    check(&client, calls);
}

async fn in_session(case: &Case, server: &Server, calls: u64) {
    let lines = match case.has_protocol {
        true => greet(server).await,
        false => requests::session_lines("0"),
    };
    post_calls(server, post(&call(SMALL), &lines, "/mcp"), calls).await;
}

/// Opens a session, if the server has sessions. Returns the header lines of further requests.
async fn greet(server: &Server) -> String {
    let opener = client();
    let request = post(&hello("2025-11-25"), "", "/mcp");
    send(server, &opener, request, 1, 1).await;
    let lines = match line_of(&opener, "mcp-session-id: ") {
        Some(session) => requests::session_lines(&session),
        None => requests::REVISION_LINE.to_owned(),
    };
    send(server, &opener, post(&initialized(), &lines, "/mcp"), 1, 1).await;
    lines
}

/// Each call has two answers: the 202, and the event on the stream.
async fn round_trips(case: &Case, server: &Server, calls: u64) {
    let client = client();
    let stream = Socket::new(&client, get("", "/sse"), 1, 0).stays();
    let posts = async {
        let path = loop {
            tokio::task::yield_now().await;
            if let Some(path) = line_of(&client, "data: ") {
                break path;
            }
        };
        let send = async |message: String, times, answers| {
            send(server, &client, post(&message, "", &path), times, answers).await;
        };
        if case.has_protocol {
            send(hello("2024-11-05"), 1, 2).await;
            send(initialized(), 1, 1).await;
        }
        client.forget();
        send(call(SMALL), calls, 2).await;
    };
    tokio::select! {
        biased;
        () = posts => {}
        () = server.connection(stream) => panic!("the stream ended"),
    }
    check(&client, 2 * calls);
}

/// Sends a request this many times on one connection, each time after this many answers to the last one.
async fn send(server: &Server, client: &Rc<Client>, request: Vec<u8>, times: u64, answers: usize) {
    let socket = Socket::new(client, request, times, answers);
    server.connection(socket).await;
}

fn line_of(client: &Client, start: &str) -> Option<String> {
    let first = client.first.borrow();
    let text = String::from_utf8_lossy(&first);
    let found = text.lines().find_map(|line| line.strip_prefix(start));
    found.map(str::to_owned)
}

fn check(client: &Client, answers: u64) {
    let first = client.first.borrow();
    let first = String::from_utf8_lossy(&first);
    assert!(requests::is_echo(&first), "{first}");
    assert_eq!(client.answers(), answers, "{first}");
}
