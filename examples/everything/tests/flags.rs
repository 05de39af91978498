//! The program as a user starts it: what a wrong command line gets, and what each way prints.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

fn everything(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_everything"));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A running program. Dropping it ends it.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut child = everything(args).stderr(Stdio::inherit()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// What follows `beginning` on the first line that has it.
    fn line_after(&mut self, beginning: &str) -> String {
        let lines = self.output.by_ref().lines();
        let found = lines
            .map(Result::unwrap)
            .find_map(|line| line.strip_prefix(beginning).map(|rest| rest.trim().into()));
        found.unwrap_or_else(|| panic!("no line begins with {beginning:?}"))
    }

    /// Tells the process to stop. It has to end well.
    #[cfg(unix)]
    fn stop(mut self) {
        let line = format!("kill -TERM {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &line])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that is removed at the end of a test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flags-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One line on standard error, nothing on standard output, and exit code 2.
fn refused(args: &[&str], expected: &str) {
    told(args, &everything(args).output().unwrap(), expected);
}

fn told(args: &[&str], output: &Output, expected: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
    assert_eq!(told.lines().count(), 1, "{args:?}: {told}");
    assert!(told.contains(expected), "{args:?}: {told}");
    assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
}

#[test]
fn a_wrong_command_line_is_told_in_one_line() {
    for (args, expected) in [
        (&["--https"][..], "there is no flag --https"),
        (&["here"], "there is no flag here"),
        (&["--listen"], "--listen needs a value"),
        (
            &["--listen", "a:1", "--listen", "b:1"],
            "--listen is given twice",
        ),
        (&["--listen", "here"], "--listen here: "),
        (&["--peer", "here"], "--peer here: expected an address"),
        (
            &["--body-limit", "-1"],
            "--body-limit -1: expected a whole number",
        ),
        (&["--body-limit", "0"], "Limits::body"),
        (
            &["--keep-alive", "-1"],
            "--keep-alive -1: expected a number of seconds",
        ),
        (
            &["--keep-alive", "soon"],
            "--keep-alive soon: expected a number of seconds",
        ),
        (
            &["--stdio", "--http2"],
            "--http2 and --stdio contradict each other",
        ),
        (
            &["--listen", "127.0.0.1:0", "--stdio"],
            "--listen and --stdio contradict",
        ),
        (
            &["--unix", "a", "--listen", "127.0.0.1:0"],
            "--listen and --unix contradict",
        ),
        (&["--tls", "--unix", "a"], "--tls and --unix contradict"),
        (&["--cert", "a", "--tls"], "--cert needs --key"),
        (&["--key", "a", "--tls"], "--key needs --cert"),
        (&["--key", "a", "--cert", "b"], "--cert needs --tls"),
    ] {
        refused(args, expected);
    }
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&["--listen", &address], &format!("--listen {address}: "));
}

#[test]
fn a_short_secret_is_told() {
    let args = ["--listen", "127.0.0.1:0"];
    let output = everything(&args)
        .env("STATE_SECRET", "short")
        .output()
        .unwrap();
    told(&args, &output, "32 bytes");
}

#[cfg(not(feature = "tls"))]
#[test]
fn tls_that_is_not_built_is_told() {
    refused(&["--tls"], "build it with `--features tls`");
}

#[cfg(not(feature = "http2"))]
#[test]
fn http2_that_is_not_built_is_told() {
    refused(&["--http2"], "build it with `--features http2`");
}

#[cfg(feature = "tls")]
#[test]
fn a_wrong_certificate_is_told() {
    let folder = Folder::new("certificate");
    let (empty, missing) = (folder.file("empty.pem", ""), folder.path("missing.pem"));
    for (chain, expected) in [
        (&empty, "empty.pem: it holds no certificate"),
        (&missing, "missing.pem: "),
    ] {
        let args = [
            "--listen",
            "127.0.0.1:0",
            "--tls",
            "--cert",
            chain,
            "--key",
            &empty,
        ];
        refused(&args, expected);
    }
}

#[cfg(all(unix, feature = "tls"))]
#[test]
fn the_authority_lies_in_a_file_while_the_server_runs() {
    let mut running = Running::start(&["--tls", "--listen", "127.0.0.1:0"]);
    let url = running.line_after("MCP over Streamable HTTP:");
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let authority = PathBuf::from(running.line_after("Clients have to trust:"));
    let text = fs::read_to_string(&authority).unwrap();
    assert!(text.starts_with("-----BEGIN CERTIFICATE-----"), "{text}");
    running.stop();
    assert!(!authority.parent().unwrap().exists());
}

#[cfg(unix)]
#[test]
fn a_socket_path_that_cannot_be_used_is_told() {
    let folder = Folder::new("wrong-socket");
    let file = folder.file("file", "of a user");
    let living = folder.path("living");
    let _listener = UnixListener::bind(&living).unwrap();
    for path in [
        &file,
        &living,
        &folder.path("missing/socket"),
        &"x".repeat(200),
    ] {
        refused(&["--unix", path], &format!("--unix {path}: "));
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "of a user");
}

#[cfg(unix)]
#[test]
fn a_socket_replaces_that_of_a_process_that_has_ended() {
    let folder = Folder::new("socket");
    let path = folder.path("socket");
    drop(UnixListener::bind(&path).unwrap());
    let mut running = Running::start(&["--unix", &path]);
    running.line_after("MCP over HTTP+SSE:");
    assert!(answer(UnixStream::connect(&path).unwrap(), HELLO).starts_with("HTTP/1.1 204 "));
    running.stop();
    assert!(!fs::exists(&path).unwrap());
}

#[cfg(unix)]
const HELLO: &str = "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Everything that the server sends.
#[cfg(unix)]
fn answer(mut connection: UnixStream, request: &str) -> String {
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Prior knowledge: a client begins with the preface of HTTP/2 (RFC 9113, 3.3).
#[cfg(all(unix, feature = "http2"))]
#[test]
fn only_with_the_flag_a_client_may_begin_in_http2() {
    let folder = Folder::new("http2");
    let path = folder.path("socket");
    for (flag, answers) in [(Some("--http2"), true), (None, false)] {
        let args: Vec<_> = ["--unix", &path].into_iter().chain(flag).collect();
        let mut running = Running::start(&args);
        running.line_after("MCP over HTTP+SSE:");
        let mut connection = UnixStream::connect(&path).unwrap();
        // The preface, and an empty SETTINGS frame.
        connection
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .unwrap();
        let mut head = [0; 9];
        connection.read_exact(&mut head).unwrap();
        // The type of a SETTINGS frame, or `1.1` of a status line.
        assert_eq!(head[3] == 4, answers, "{flag:?}: {head:?}");
    }
}

#[test]
fn on_standard_output_there_are_messages_alone() {
    let mut child = everything(&["--stdio"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
    writeln!(child.stdin.take().unwrap(), "{initialize}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let message: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(message["result"]["serverInfo"]["name"], "Everything");
}

/// A process that waits for its input ends when it is told to.
#[cfg(unix)]
#[test]
fn a_signal_ends_a_server_on_standard_input() {
    let mut command = everything(&["--stdio"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let _open = child.stdin.take();
    let mut first = _open.as_ref().unwrap();
    writeln!(first, r#"{{"jsonrpc":"2.0","id":1,"method":"ping"}}"#).unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut running = Running { child, output };
    // The handler of the signal is there before the first answer.
    let mut line = String::new();
    running.output.read_line(&mut line).unwrap();
    assert!(line.contains("\"id\":1"), "{line}");
    running.stop();
}
