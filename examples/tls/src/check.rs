//! The example as its own client: whom the server admits, in which protocol, and what a wrong command line gets.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rcgen::KeyPair;
use tokio::time::sleep;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::authority::Authority;
use crate::client::{Client, Proof};
use crate::fallible::Fallible;
use crate::options::Options;
use crate::pem::Files;
#[cfg(unix)]
use crate::server::reload_on_hangup;
use crate::server::{identity, prepare};

const BOTH: &[&str] = &["h2", "http/1.1"];

/// Tries everything, with files in a folder that is removed afterwards.
///
/// # Errors
///
/// The first thing that is not as expected.
pub(crate) async fn run() -> Fallible<()> {
    let folder = std::env::temp_dir().join(format!("mcp-wire-tls-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = all(&folder).await;
    fs::remove_dir_all(&folder)?;
    outcome?;
    println!("All checks passed.");
    Ok(())
}

async fn all(folder: &Path) -> Fallible<()> {
    let (old, new, stranger) = (Authority::new()?, Authority::new()?, Authority::new()?);
    let files = Files {
        chain: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    };
    let authority = folder.join("ca.pem");
    fs::write(&authority, old.issuer.pem())?;
    write(&old, &files)?;
    wrong_command_lines(folder, &files)?;

    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        files: Some(files.clone()),
        client_authority: Some(authority),
    };
    let (listener, certificates, mcp) = prepare(options).await?;
    let server = listener.local_addr()?;
    #[cfg(unix)]
    tokio::spawn(reload_on_hangup(Arc::clone(&certificates)));
    let serving = tokio::spawn(crate::server::run(listener, certificates, mcp));
    whom_it_admits(server, &old, &stranger).await?;
    #[cfg(unix)]
    reload(server, &files, &old, &new).await?;
    serving.abort();
    Ok(())
}

/// The protocol is the one that both sides know, and the client is known by its certificate.
async fn whom_it_admits(server: SocketAddr, old: &Authority, stranger: &Authority) -> Fallible<()> {
    let mut principals = Vec::new();
    for (offered, protocol) in [
        (BOTH, "HTTP/2"),
        (&["h2"], "HTTP/2"),
        (&["http/1.1"], "HTTP/1.1"),
        (&[], "HTTP/1.1"),
    ] {
        let proof = proof(old)?;
        let expected = identity(&proof.0).principal().to_owned();
        let mut client = Client::connect(server, old.issuer.der(), Some(proof), offered).await?;
        let principal = client.whoami().await?;
        println!(
            "{} for a client that offers {offered:?}: {principal}",
            client.protocol()
        );
        if client.protocol() != protocol || principal != expected {
            return Err(format!("expected {protocol} and {expected}").into());
        }
        principals.push(principal);
    }
    principals.dedup();
    if principals.len() != 4 {
        return Err("two certificates count as one client".into());
    }
    for (who, proof) in [
        ("a client without a certificate", None),
        ("a client of another authority", Some(proof(stranger)?)),
    ] {
        refused(who, ask(server, old, proof).await)?;
    }
    Ok(())
}

/// A renewed certificate is used for new connections, those that are open continue, and a broken file changes nothing.
#[cfg(unix)]
async fn reload(
    server: SocketAddr,
    files: &Files,
    old: &Authority,
    new: &Authority,
) -> Fallible<()> {
    let mut open = Client::connect(server, old.issuer.der(), Some(proof(old)?), BOTH).await?;
    open.whoami().await?;
    write(new, files)?;
    hang_up()?;
    let mut tries = 0;
    // The proof is still of the old authority, whose file has not changed.
    while let Err(error) = ask(server, new, Some(proof(old)?)).await {
        tries += 1;
        if tries == 100 {
            return Err(format!("the new certificate is not used: {error}").into());
        }
        sleep(Duration::from_millis(50)).await;
    }
    println!("a new connection gets the new certificate");
    refused(
        "a client that trusts the old one",
        ask(server, old, Some(proof(old)?)).await,
    )?;
    open.whoami().await?;
    println!("the connection from before the reload goes on");
    fs::write(&files.chain, "broken")?;
    hang_up()?;
    sleep(Duration::from_millis(300)).await;
    ask(server, new, Some(proof(old)?)).await?;
    println!("a broken file changes nothing");
    Ok(())
}

#[cfg(unix)]
fn hang_up() -> Fallible<()> {
    // std sends no signals; every shell does.
    let line = format!("kill -HUP {}", std::process::id());
    match Command::new("sh").args(["-c", &line]).status()?.success() {
        true => Ok(()),
        false => Err("the signal could not be sent".into()),
    }
}

/// What cannot be served is told in one line, with exit code 2.
fn wrong_command_lines(folder: &Path, files: &Files) -> Fallible<()> {
    let (chain, key) = (files.chain.to_string_lossy(), files.key.to_string_lossy());
    let missing = folder.join("missing.pem");
    let missing = missing.to_string_lossy();
    let other = folder.join("other.pem");
    fs::write(&other, KeyPair::generate()?.serialize_pem())?;
    let other = other.to_string_lossy();
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    for (args, expected) in [
        (vec!["--tls"], "there is no flag --tls"),
        (vec!["--listen"], "--listen needs a value"),
        (vec!["--listen", "here"], "here is no address"),
        (vec!["--listen", &address], "in use"),
        (vec!["--cert", &chain], "--cert and --key belong together"),
        (vec!["--cert", &missing, "--key", &key], "missing.pem: "),
        (vec!["--cert", &chain, "--key", &missing], "missing.pem: "),
        (
            vec!["--cert", &key, "--key", &key],
            "it holds no certificate",
        ),
        (
            vec!["--cert", &chain, "--key", &chain],
            "it holds no private key",
        ),
        (vec!["--cert", &chain, "--key", &other], "other.pem: "),
        (vec!["--client-ca", &missing], "missing.pem: "),
        (vec!["--client-ca", &key], "it holds no certificate"),
    ] {
        let output = Command::new(std::env::current_exe()?)
            .args(&args)
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        print!("{told}");
        let is_one_line = told.lines().count() == 1 && told.contains(expected);
        if output.status.code() != Some(2) || !is_one_line {
            return Err(format!("{args:?}: expected 2 and {expected}: {output:?}").into());
        }
    }
    Ok(())
}

/// Connects and asks once.
async fn ask(server: SocketAddr, root: &Authority, proof: Option<Proof>) -> Fallible<String> {
    let mut client = Client::connect(server, root.issuer.der(), proof, BOTH).await?;
    client.whoami().await
}

fn refused(who: &str, outcome: Fallible<String>) -> Fallible<()> {
    match outcome {
        Ok(principal) => Err(format!("{who} was admitted as {principal}").into()),
        Err(error) => {
            println!("{who} is refused: {error}");
            Ok(())
        }
    }
}

/// A new certificate for localhost, which is as good for a client.
fn proof(authority: &Authority) -> Fallible<Proof> {
    let signed = authority.sign(vec!["localhost".to_owned()])?;
    Ok((
        signed.cert.der().clone(),
        PrivateKeyDer::try_from(signed.signing_key.serialize_der())?,
    ))
}

/// Writes a new certificate of the server.
fn write(authority: &Authority, files: &Files) -> Fallible<()> {
    let signed = authority.sign(vec!["localhost".to_owned()])?;
    fs::write(&files.chain, signed.cert.pem())?;
    fs::write(&files.key, signed.signing_key.serialize_pem())?;
    Ok(())
}
