//! A handshake in front of HTTP, in the clear: the client knocks, and is told to enter.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::doors::{Io, Kind};

/// The kinds of listeners on which tests run.
pub(crate) const KINDS: [Kind; 6] = [
    Kind::Tcp,
    Kind::Unix,
    Kind::Memory,
    Kind::Handshake,
    Kind::Several,
    Kind::Mixed,
];

/// What a client says first, and what it is told.
const KNOCK: &[u8] = b"knock";
const ENTER: &[u8] = b"enter";

/// The server's side.
pub(crate) async fn accept(mut socket: TcpStream) -> io::Result<TcpStream> {
    let mut said = [0; KNOCK.len()];
    socket.read_exact(&mut said).await?;
    if said != KNOCK {
        return Err(io::ErrorKind::InvalidData.into());
    }
    socket.write_all(ENTER).await?;
    Ok(socket)
}

/// The client's side.
pub(crate) async fn connect(mut io: Box<dyn Io>) -> Box<dyn Io> {
    io.write_all(KNOCK).await.unwrap();
    let mut said = [0; ENTER.len()];
    super::soon("the handshake", io.read_exact(&mut said))
        .await
        .unwrap();
    assert_eq!(said, ENTER);
    io
}
