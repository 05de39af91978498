//! Other processes of this example behind one address. What changed in one of them has changed in
//! all, so it tells the others, whose clients may be those that listen.

use std::io;
use std::net::SocketAddr;
use std::str;
use std::sync::Arc;

use mcp_wire::Change;
use mcp_wire::server::Server;
use tokio::net::UdpSocket;

/// Where to tell of changes; nobody is told by default.
#[derive(Clone, Default)]
pub(crate) struct Peers(Option<Arc<Told>>);

struct Told {
    socket: UdpSocket,
    addresses: Vec<SocketAddr>,
}

impl Peers {
    /// Takes datagrams at the address that the service takes connections at.
    pub(crate) async fn meet(at: &str, addresses: &[SocketAddr]) -> io::Result<Self> {
        if addresses.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self(Some(Arc::new(Told {
            socket: UdpSocket::bind(at).await?,
            addresses: addresses.to_vec(),
        }))))
    }

    /// Tells the clients of this process, and the other processes. A datagram may be lost, as may a
    /// notification.
    pub(crate) fn publish(&self, server: &Server, change: &Change) {
        server.publish(change);
        let (Some(told), Some(word)) = (&self.0, word(change)) else {
            return;
        };
        for address in &told.addresses {
            let _ = told.socket.try_send_to(word.as_bytes(), *address);
        }
    }

    /// Passes on what the others tell, for as long as the process lives.
    pub(crate) async fn hear(self, server: Server) {
        let Some(told) = self.0 else { return };
        let mut datagram = [0; 64];
        loop {
            // On some systems an error tells of a peer that is not there yet.
            let Ok((length, from)) = told.socket.recv_from(&mut datagram).await else {
                continue;
            };
            let word = str::from_utf8(&datagram[..length]).unwrap_or_default();
            let change = CHANGES.iter().find(|(known, _)| *known == word);
            if let Some((_, change)) = change
                && told.addresses.contains(&from)
            {
                server.publish(change);
            }
        }
    }
}

/// What the tools of this example change, and how the processes call it.
const CHANGES: &[(&str, Change)] = &[("tools", Change::Tools), ("prompts", Change::Prompts)];

fn word(change: &Change) -> Option<&'static str> {
    let known = CHANGES.iter().find(|(_, known)| known == change);
    known.map(|(word, _)| *word)
}
