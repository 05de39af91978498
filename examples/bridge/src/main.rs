//! A bridge from standard input and output to a URL: a desktop client that can only start commands reaches any server
//! with it, on `http://` or `https://` and with headers of your choice. It waits while the server restarts, and opens
//! the session again.
//!
//! Run it with `cargo run -p bridge -- [--ca FILE] URL [NAME:VALUE]...`. In the configuration of a client:
//! `{"mcpServers": {"remote": {"command": "bridge", "args": ["https://example.com/mcp", "Authorization: Bearer …"]}}}`.
//!
//! It speaks Streamable HTTP and 2026-07-28, and HTTP+SSE with servers that refuse them at their URL. It does not repeat
//! arguments in headers (`x-mcp-header`), because it does not know the schemas of the tools.

use std::path::Path;
use std::process::ExitCode;

use bridge::{Server, Trust};

const USAGE: &str = "usage: bridge [--ca FILE]... URL [NAME:VALUE]...
  --ca FILE    believes certificates of the authorities in this file too (PEM)";

/// Reads the command line.
fn server(mut args: impl Iterator<Item = String>) -> Result<Server, String> {
    let mut trust = Trust::default();
    let url = loop {
        match args.next().unwrap_or_default() {
            flag if flag == "--ca" => {
                let file = args.next().ok_or("--ca needs a file")?;
                trust.add(Path::new(&file))?;
            }
            flag if flag.starts_with("--") => return Err(format!("{flag} is unknown")),
            url => break url,
        }
    };
    Server::parse(&url, &args.collect::<Vec<_>>(), trust)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let server = match server(std::env::args().skip(1)) {
        Ok(server) => server,
        Err(fault) => {
            eprintln!("{fault}\n{USAGE}");
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
