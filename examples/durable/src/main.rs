//! `durable DATABASE [ADDRESS]`: serves a tool whose calls go on as tasks, which are in the database. Start it several
//! times with the same database: each process answers for the tasks of all.

use std::error::Error;

use durable::rows::SqliteRows;
use durable::service;
use mcp_wire::serve;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let Some(database) = args.next() else {
        return Err("usage: durable DATABASE [ADDRESS]".into());
    };
    let mcp = service(SqliteRows::open(database)?)?;
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/mcp", listener.local_addr()?);
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    serve(listener, mcp, stop).await?;
    Ok(())
}
