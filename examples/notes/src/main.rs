//! `notes DATABASE USERS [ADDRESS]`: serves the notes in a database to the users in a file.

use std::error::Error;

use mcp_wire::serve;
use notes::store::Store;
use notes::{service, users};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(database), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: notes DATABASE USERS [ADDRESS]".into());
    };
    let users = users::read(&std::fs::read_to_string(file)?)?;
    let mcp = service(Store::open(database)?, users)?;
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/mcp", listener.local_addr()?);
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    serve(listener, mcp, stop).await?;
    Ok(())
}
