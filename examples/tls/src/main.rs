//! Shows a server over TLS: HTTP/2 and HTTP/1.1 by ALPN, certificates that are read again without a restart, and
//! clients that are known by their certificates.
//!
//! `cargo run -p tls` makes a certificate and serves; `-- --cert FILE --key FILE` takes yours, and
//! `-- --client-ca FILE` admits only clients with a certificate of that authority. SIGHUP reads the files again.
//! With `-- --check` the example tests itself as a client, and ends.

#[path = "../../authority/mod.rs"]
mod authority;
#[path = "../../pem/mod.rs"]
mod pem;
#[path = "../../signals/mod.rs"]
mod signals;

mod certificates;
mod check;
mod client;
mod fallible;
mod options;
mod server;

use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;

use self::options::{Action, USAGE};
#[cfg(unix)]
use self::server::reload_on_hangup;
use self::server::{prepare, run};

#[tokio::main]
async fn main() -> ExitCode {
    let action = Action::parse(std::env::args().skip(1));
    let served = match action {
        Ok(Action::Help) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Action::Check) => check::run().await,
        Ok(Action::Serve(options)) => match prepare(options).await {
            Ok((listener, certificates, mcp)) => {
                #[cfg(unix)]
                tokio::spawn(reload_on_hangup(Arc::clone(&certificates)));
                println!("https://localhost:{}/mcp", port(&listener));
                run(listener, certificates, mcp).await
            }
            Err(why) => return wrong(&why),
        },
        Err(why) => return wrong(&why),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tls: {error}");
            ExitCode::FAILURE
        }
    }
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

/// Says what the caller has to change.
fn wrong(why: &str) -> ExitCode {
    eprintln!("tls: {why} (--help shows the flags)");
    ExitCode::from(2)
}
