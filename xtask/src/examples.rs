//! Starts the examples as a reader of the README would, and asks each for something.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use crate::command::{Line, Outcome, cargo};

/// How long an example may take to print its URL, and to send what is expected of it.
const PATIENCE: Duration = Duration::from_secs(15);

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"ci","version":"1"}}}"#;

pub(crate) fn examples() -> Outcome {
    cargo("build --examples").run()?;
    echo()?;
    custom_dispatcher()?;
    mounted()?;
    cargo("run --package jwt -- --check").run()?;
    cargo("run --package tls -- --check").run()?;
    bridge()?;
    cargo("test --package everything").run()?;
    cargo("test --package everything --features tls,http2").run()?;
    with_databases()
}

/// Its tests let it reach servers of every kind, which restart meanwhile.
fn bridge() -> Outcome {
    cargo("clippy --package bridge --all-targets -- -D warnings").run()?;
    cargo("test --package bridge").run()
}

/// They are tested without a socket.
fn with_databases() -> Outcome {
    let packages = "--package notes --package durable";
    cargo(&format!("clippy {packages} --all-targets -- -D warnings")).run()?;
    cargo(&format!("test {packages}")).run()
}

/// The echo example has a route of its own beside both transports.
fn echo() -> Outcome {
    let example = Example::start("echo", &["--listen", "127.0.0.1:0"])?;
    let route = request(
        tcp(&example.host)?,
        "GET / HTTP/1.1\r\nHost: localhost",
        "",
        r#"{"Hello":"World"}"#,
    );
    route.map_err(|error| format!("echo has lost its own route: {error}"))?;
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Accept: application/json, text/event-stream";
    request(tcp(&example.host)?, head, INITIALIZE, r#""name":"Echo""#)?;
    opens_a_stream(tcp(&example.host)?, "/sse")?;
    example.stop()
}

fn custom_dispatcher() -> Outcome {
    let example = Example::start("custom_dispatcher", &["127.0.0.1:0"])?;
    opens_a_stream(tcp(&example.host)?, "/sse")?;
    example.stop()
}

/// On TCP and on a Unix socket.
fn mounted() -> Outcome {
    let socket = std::env::temp_dir().join(format!("mcp-wire-{}.sock", std::process::id()));
    let example = Example::start("mounted", &[&socket.to_string_lossy()])?;
    opens_a_stream(tcp(&example.host)?, "/api/mcp/sse")?;
    let unix = UnixStream::connect(&socket).map_err(|error| error.to_string())?;
    unix.set_read_timeout(Some(PATIENCE))
        .map_err(|error| error.to_string())?;
    opens_a_stream(unix, "/api/mcp/sse")?;
    example.stop()
}

fn tcp(host: &str) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(host).map_err(|error| format!("{host}: {error}"))?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(|error| error.to_string())?;
    Ok(stream)
}

/// An HTTP+SSE stream begins with the event that says where to send messages.
fn opens_a_stream(connection: impl Read + Write, path: &str) -> Outcome {
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream");
    request(connection, &head, "", "/messages/?session_id=")
}

/// Sends a request and reads until the answer contains `expected`.
fn request(mut connection: impl Read + Write, head: &str, body: &str, expected: &str) -> Outcome {
    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    connection
        .write_all(request.as_bytes())
        .map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&answer).contains(expected) {
        let more = match connection.read(&mut piece) {
            Ok(0) => Err("the connection has ended".to_owned()),
            Ok(length) => Ok(length),
            Err(error) => Err(error.to_string()),
        };
        match more {
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(why) => {
                let answer = String::from_utf8_lossy(&answer);
                return Err(format!("expected {expected}, but {why} after: {answer}"));
            }
        }
    }
    println!("{} -> {expected}", head.lines().next().unwrap_or_default());
    Ok(())
}

/// A running example. Dropping it ends it at once.
struct Example {
    name: &'static str,
    process: Child,
    /// Address and port, from the first URL that it prints.
    host: String,
    /// Stays open: an example that prints more must not fail.
    output: BufReader<ChildStdout>,
}

/// Where cargo puts a binary.
pub(crate) fn built(name: &str) -> String {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    format!("{target}/debug/{name}")
}

impl Example {
    fn start(name: &'static str, args: &[&str]) -> Result<Self, String> {
        let mut command = Line::new(&built(&format!("examples/{name}")))
            .args(args.iter().copied())
            .command();
        let process = command.stdout(Stdio::piped()).spawn();
        let mut process = process.map_err(|error| format!("{name} did not start: {error}"))?;
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut example = Self {
            name,
            process,
            host: String::new(),
            output,
        };
        for line in example.output.by_ref().lines().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once("http://") {
                example.host = url.split('/').next().unwrap_or_default().to_owned();
                return Ok(example);
            }
        }
        Err(format!("{name} prints no URL"))
    }

    /// Interrupts the example, which has to end well.
    fn stop(mut self) -> Outcome {
        // std sends no signals; every shell does.
        let interrupt = format!("kill -INT {}", self.process.id());
        Line::new("sh -c").arg(&interrupt).run()?;
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match self.process.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("{} ended with {status}", self.name)),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!(
            "{} still runs {PATIENCE:?} after SIGINT",
            self.name
        ))
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
