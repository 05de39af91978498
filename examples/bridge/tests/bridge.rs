//! The bridge: a client that only starts commands reaches a server at a URL, with headers, and does not notice that
//! the server restarts (FIELD P-4).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bridge::Trust;
use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::listener::{Listener, Negotiated, WithHandshake};
use mcp_wire::server::Server;
use mcp_wire::{Change, Error, McpService, Serve};
use rcgen::{CertifiedKey, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use self::authority::Authority;
use self::desktop::Desktop;
use self::probe::{Seen, call, probe};
use self::support::{Running, envelope, hello, message, soon, start, text_of};

#[path = "../../authority/mod.rs"]
mod authority;
#[allow(dead_code, reason = "the tests of the library use the rest")]
#[path = "../../../tests/it/support/desktop.rs"]
mod desktop;
#[allow(dead_code, reason = "the tests of the library use the rest")]
#[path = "../../../tests/it/support/probe.rs"]
mod probe;
#[allow(dead_code, reason = "the tests of the library use the rest")]
#[path = "../../../tests/it/support/mod.rs"]
mod support;

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Mcp,
    HttpSse,
    Https,
    HttpSseOverTls,
}

const WAYS: [Way; 4] = [Way::Mcp, Way::HttpSse, Way::Https, Way::HttpSseOverTls];

impl Way {
    fn is_encrypted(self) -> bool {
        matches!(self, Self::Https | Self::HttpSseOverTls)
    }

    fn url(self, address: SocketAddr) -> String {
        let scheme = if self.is_encrypted() { "https" } else { "http" };
        let path = match self {
            Self::Mcp | Self::Https => "mcp",
            Self::HttpSse | Self::HttpSseOverTls => "sse",
        };
        format!("{scheme}://{address}/{path}")
    }

    /// The newest revision with a handshake that is spoken there.
    fn version(self) -> &'static str {
        match self {
            Self::Mcp | Self::Https => "2025-11-25",
            Self::HttpSse | Self::HttpSseOverTls => "2024-11-05",
        }
    }
}

/// A certificate for this machine, and the file with its authority.
struct Certificate {
    signed: CertifiedKey<KeyPair>,
    file: PathBuf,
}

impl Certificate {
    fn new(name: &str) -> Self {
        let authority = Authority::new().unwrap();
        let signed = authority.sign(vec!["127.0.0.1".to_owned()]).unwrap();
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pem"));
        std::fs::write(&file, authority.issuer.pem()).unwrap();
        Self { signed, file }
    }

    fn listener(&self, tcp: TcpListener) -> impl Listener + use<> {
        let key = PrivateKeyDer::try_from(self.signed.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![self.signed.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        WithHandshake::new(tcp, move |socket| {
            let handshake = acceptor.accept(socket);
            async move { Ok::<_, std::io::Error>(Negotiated::new(handshake.await?, |_| None)) }
        })
    }
}

/// A server that admits only those who know its token.
struct Remote {
    way: Way,
    certificate: Option<Certificate>,
    address: SocketAddr,
    server: Server,
    seen: Arc<Seen>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

fn run(
    listener: impl Listener + 'static,
    mcp: McpService,
) -> (oneshot::Sender<()>, JoinHandle<Result<(), Error>>) {
    let (stop, stopped) = oneshot::channel();
    let serve = Serve::new(listener, mcp).drain_deadline(Duration::ZERO);
    let task = tokio::spawn(serve.run(async { drop(stopped.await) }));
    (stop, task)
}

impl Remote {
    /// `name` is that of the test.
    async fn start(way: Way, name: &str) -> Self {
        let certificate = way.is_encrypted().then(|| Certificate::new(name));
        Self::start_at("127.0.0.1:0", way, certificate).await
    }

    async fn start_at(address: &str, way: Way, certificate: Option<Certificate>) -> Self {
        let (server, seen) = probe();
        let tokens = StaticTokens::new().token("t", Identity::new("ada"));
        let mcp = McpService::builder(server.clone()).authorizer(tokens);
        let mcp = mcp.build().unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, task) = match &certificate {
            Some(certificate) => run(certificate.listener(listener), mcp),
            None => run(listener, mcp),
        };
        Self {
            way,
            certificate,
            address,
            server,
            seen,
            stop,
            task,
        }
    }

    /// Stops it, and gives what it takes to start it again.
    async fn stop(self) -> (String, Way, Option<Certificate>) {
        self.stop.send(()).unwrap();
        soon("the end of the server", self.task)
            .await
            .unwrap()
            .unwrap();
        (self.address.to_string(), self.way, self.certificate)
    }

    /// A client that has started a bridge to this server.
    fn bridge(&self, headers: &[&str]) -> (Desktop, JoinHandle<std::io::Result<()>>) {
        let mut trust = Trust::default();
        if let Some(certificate) = &self.certificate {
            trust.add(&certificate.file).unwrap();
        }
        self.bridge_with(trust, headers)
    }

    fn bridge_with(
        &self,
        trust: Trust,
        headers: &[&str],
    ) -> (Desktop, JoinHandle<std::io::Result<()>>) {
        let (client, input, output) = Desktop::new();
        let headers: Vec<_> = headers.iter().map(|&header| header.to_owned()).collect();
        let server = bridge::Server::parse(&self.way.url(self.address), &headers, trust).unwrap();
        (client, tokio::spawn(bridge::run(server, input, output)))
    }
}

const TOKEN: &str = "Authorization: Bearer t";

fn echo(text: &str) -> Value {
    call("echo", json!({"message": text}))
}

#[tokio::test]
async fn a_client_of_every_revision_reaches_a_url() {
    let ways = [
        (Way::Mcp, "2025-03-26"),
        (Way::Mcp, "2025-06-18"),
        (Way::Mcp, "2025-11-25"),
        (Way::Mcp, "2026-07-28"),
        (Way::Https, "2025-11-25"),
        (Way::Https, "2026-07-28"),
        (Way::HttpSse, "2024-11-05"),
        (Way::HttpSseOverTls, "2024-11-05"),
    ];
    for (way, version) in ways {
        let remote = Remote::start(way, "revisions").await;
        let (mut client, bridge) = remote.bridge(&[TOKEN]);
        let is_modern = version == "2026-07-28";
        if !is_modern {
            client.initialize(version, json!({"elicitation": {}})).await;
        }
        for (name, expected) in [("version", version), ("echo", "é")] {
            let params = call(name, json!({"message": "é"}));
            let answer = match is_modern {
                true => client.modern(1, "tools/call", params).await,
                false => client.legacy(1, "tools/call", params).await,
            };
            assert_eq!((&answer["id"], text_of(&answer)), (&json!(1), expected));
        }
        let unknown = match is_modern {
            true => client.modern("u", "no/such", json!({})).await,
            false => client.legacy("u", "no/such", json!({})).await,
        };
        assert_eq!(
            (&unknown["id"], &unknown["error"]["code"]),
            (&json!("u"), &json!(-32601))
        );
        let params = call("wait", json!({"tag": "w"}));
        match is_modern {
            true => client.begin("w", "tools/call", params).await,
            false => client.write(message("w", "tools/call", params)).await,
        }
        remote.seen.happens("begun", "w").await;
        client
            .notify("notifications/cancelled", json!({"requestId": "w"}))
            .await;
        remote.seen.happens("over", "w").await;
        let after = match is_modern {
            true => client.modern("after", "tools/call", echo("after")).await,
            false => client.legacy("after", "tools/call", echo("after")).await,
        };
        assert_eq!(text_of(&after), "after", "the cancelled call has no answer");
        client.input = None;
        assert_eq!(client.line().await, None);
        soon("the end of the bridge", bridge)
            .await
            .unwrap()
            .unwrap();
        remote.stop().await;
    }
}

#[tokio::test]
async fn questions_and_changes_come_through() {
    let remote = Remote::start(Way::Mcp, "questions").await;
    let (mut client, _bridge) = remote.bridge(&[TOKEN]);
    client
        .initialize("2025-11-25", json!({"elicitation": {}}))
        .await;
    client
        .write(message(1, "tools/call", call("elicit", json!({}))))
        .await;
    let question = client.read().await;
    assert_eq!(question["method"], "elicitation/create");
    let answer = json!({"action": "accept", "content": {"name": "Ada"}});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": answer});
    client.write(answer.to_string()).await;
    assert!(text_of(&client.read().await).contains("Ada"));
    // Kept for the stream of the session, should it not be open yet.
    remote.server.publish(&Change::Tools);
    assert_eq!(
        client.read().await["method"],
        "notifications/tools/list_changed"
    );
}

#[tokio::test]
async fn a_restart_of_the_server_is_not_noticed() {
    for way in WAYS {
        let remote = Remote::start(way, "restarts").await;
        let (mut client, bridge) = remote.bridge(&[TOKEN]);
        client.initialize(way.version(), json!({})).await;
        let before = client.legacy(1, "tools/call", echo("before")).await;
        assert_eq!(text_of(&before), "before", "{way:?}");
        let (address, way, certificate) = remote.stop().await;
        // One request waits for the server, the other comes after it.
        client
            .write(message(2, "tools/call", echo("meanwhile")))
            .await;
        let remote = Remote::start_at(&address, way, certificate).await;
        assert_eq!(text_of(&client.read().await), "meanwhile", "{way:?}");
        let after = client.legacy(3, "tools/call", echo("after")).await;
        assert_eq!(text_of(&after), "after");
        if matches!(way, Way::Mcp | Way::Https) {
            let modern = client.modern(4, "tools/call", echo("modern")).await;
            assert_eq!(text_of(&modern), "modern");
        }
        remote.server.publish(&Change::Tools);
        assert_eq!(
            client.read().await["method"],
            "notifications/tools/list_changed"
        );
        client.input = None;
        assert_eq!(client.line().await, None, "{way:?}");
        soon("the end of the bridge", bridge)
            .await
            .unwrap()
            .unwrap();
    }
}

/// It is not known whether the server carried out what was lost, so it is not sent again.
#[tokio::test]
async fn a_call_that_is_lost_is_answered_with_an_error() {
    for way in WAYS {
        let remote = Remote::start(way, "losses").await;
        let (mut client, _bridge) = remote.bridge(&[TOKEN]);
        client.initialize(way.version(), json!({})).await;
        client
            .write(message(1, "tools/call", call("wait", json!({"tag": "w"}))))
            .await;
        remote.seen.happens("begun", "w").await;
        let (address, way, certificate) = remote.stop().await;
        let lost = client.read().await;
        assert_eq!(
            (&lost["id"], &lost["error"]["code"]),
            (&json!(1), &json!(-32603)),
            "{way:?}"
        );
        let remote = Remote::start_at(&address, way, certificate).await;
        let next = client.legacy(2, "tools/call", echo("next")).await;
        assert_eq!(text_of(&next), "next", "the other has one answer");
        assert_eq!(remote.seen.calls(), 1, "it is not sent again");
    }
}

#[tokio::test]
async fn a_refusal_answers_its_request() {
    for way in WAYS {
        let remote = Remote::start(way, "refusals").await;
        let (mut client, _bridge) = remote.bridge(&[]);
        let refused = client.legacy(1, "initialize", json!({})).await;
        assert_eq!(refused["id"], 1);
        assert!(refused["error"]["message"].is_string(), "{refused}");
    }
}

/// What a message gets whose server is not the one that was meant: at once, and not after a minute.
#[tokio::test]
async fn a_certificate_of_nobody_is_not_believed() {
    let remote = Remote::start(Way::Https, "strangers").await;
    let (mut client, _bridge) = remote.bridge_with(Trust::default(), &[TOKEN]);
    let refused = client.legacy(1, "initialize", json!({})).await;
    let told = refused["error"]["message"].as_str().unwrap();
    assert!(told.contains("certificate"), "{told}");
}

/// A client that asks first which revision is spoken finds a server of 2024-11-05 too (GOTCHAS 10).
#[tokio::test]
async fn a_question_about_revisions_finds_an_old_server() {
    let remote = Remote::start(Way::HttpSse, "discoveries").await;
    let (mut client, _bridge) = remote.bridge(&[TOKEN]);
    let answer = client.modern("d", "server/discover", json!({})).await;
    assert_eq!(answer["id"], "d");
    client.initialize("2024-11-05", json!({})).await;
    let answer = client.legacy(1, "tools/call", echo("é")).await;
    assert_eq!(text_of(&answer), "é");
}

/// What was asked before the end of the input is answered.
#[tokio::test]
async fn requests_at_the_end_of_the_input_are_answered() {
    for way in WAYS {
        let remote = Remote::start(way, "ends").await;
        let (mut client, _bridge) = remote.bridge(&[TOKEN]);
        client.initialize(way.version(), json!({})).await;
        client.write(message(1, "tools/call", echo("last"))).await;
        client.input = None;
        assert_eq!(text_of(&client.read().await), "last", "{way:?}");
        assert_eq!(client.line().await, None);
    }
}

#[test]
fn a_wrong_command_line_is_told() {
    for (url, headers, says) in [
        ("", &[][..], "not a URL"),
        ("ftp://a/mcp", &[], "http:// or https://"),
        ("/mcp", &[], "http:// or https://"),
        ("https://a_b..c/mcp", &[], "not the name of a host"),
        ("http://a/mcp", &["Authorization"], "not a header"),
        ("http://a/mcp", &["a b: c"], "not a header"),
        ("http://a/mcp", &["a: b\nc"], "not a header"),
    ] {
        let headers: Vec<_> = headers.iter().map(|&header| header.to_owned()).collect();
        let fault = bridge::Server::parse(url, &headers, Trust::default());
        let fault = fault.err().unwrap();
        assert!(fault.contains(says), "{fault}");
    }
    let missing = Trust::default().add("no-such.pem".as_ref()).unwrap_err();
    assert!(missing.starts_with("no-such.pem: "), "{missing}");
    let nothing = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("nothing.pem");
    std::fs::write(&nothing, "").unwrap();
    let fault = Trust::default().add(&nothing).unwrap_err();
    assert!(fault.contains("holds no certificate"), "{fault}");
}

/// The program itself: exit code 2 and one line that says what is wrong.
#[test]
fn the_program_refuses_a_wrong_command_line() {
    for (args, says) in [
        (&[][..], "not a URL"),
        (&["--ca"], "--ca needs a file"),
        (&["--ca", "no-such.pem", "https://a/mcp"], "no-such.pem: "),
        (&["--no-such", "https://a/mcp"], "--no-such is unknown"),
    ] {
        let program = std::process::Command::new(env!("CARGO_BIN_EXE_bridge"));
        let output = { program }.args(args).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(
            told.contains(says) && told.contains("usage: bridge"),
            "{told}"
        );
        assert_eq!(output.stdout, b"");
    }
}
