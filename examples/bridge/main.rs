//! A bridge from standard input and output to a URL: a desktop client that can only start commands reaches any server
//! with it, on `http://` and with headers of your choice. It waits while the server restarts, and opens the session again.
//!
//! Run it with `cargo run --example bridge -- http://127.0.0.1:8000/mcp [NAME:VALUE]...`. In the configuration of a client:
//! `{"mcpServers": {"remote": {"command": "bridge", "args": ["http://127.0.0.1:8000/mcp", "Authorization: Bearer …"]}}}`.
//!
//! It speaks Streamable HTTP and 2026-07-28. It does not repeat arguments in headers (`x-mcp-header`), because it does not
//! know the schemas of the tools.

mod bridge;
mod http;

use std::process::ExitCode;

use http::Server;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_default();
    let headers: Vec<_> = args.collect();
    let server = match Server::parse(&url, &headers) {
        Ok(server) => server,
        Err(fault) => {
            eprintln!("{fault}\nusage: bridge http://HOST:PORT/PATH [NAME:VALUE]...");
            return ExitCode::from(2);
        }
    };
    let code = match bridge::run(server, tokio::io::stdin(), tokio::io::stdout()).await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            1
        }
    };
    // The runtime would wait for the thread that reads standard input.
    std::process::exit(code)
}
