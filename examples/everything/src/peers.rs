//! Other processes of this example behind the same address. A process forwards changes to the others, because their
//! clients may be listening.

use std::io;
use std::net::SocketAddr;
use std::str;
use std::sync::Arc;

use mcp_wire::Change;
use mcp_wire::server::{Call, Server};
use tokio::net::UdpSocket;

/// The processes to notify of changes; none by default.
#[derive(Clone, Default)]
pub(crate) struct Peers(Option<Arc<Link>>);

struct Link {
    socket: UdpSocket,
    addresses: Vec<SocketAddr>,
}

impl Peers {
    /// Receives datagrams at the address where the service accepts connections.
    pub(crate) async fn bind(at: &str, addresses: &[SocketAddr]) -> io::Result<Self> {
        if addresses.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self(Some(Arc::new(Link {
            socket: UdpSocket::bind(at).await?,
            addresses: addresses.to_vec(),
        }))))
    }

    /// Notifies the clients of this process and the other processes. A datagram may be lost, as may a notification.
    pub(crate) fn publish(&self, cx: &Call, change: &Change) {
        cx.publish(change);
        let (Some(link), Some(word)) = (&self.0, word(change)) else {
            return;
        };
        for address in &link.addresses {
            let _ = link.socket.try_send_to(word.as_bytes(), *address);
        }
    }

    /// Forwards the changes of other processes to the clients of this one, without end.
    pub(crate) async fn forward(self, server: Server) {
        let Some(link) = self.0 else { return };
        let mut datagram = [0; 64];
        loop {
            // On some systems an error reports a peer that has not started yet.
            let Ok((length, from)) = link.socket.recv_from(&mut datagram).await else {
                continue;
            };
            let word = str::from_utf8(&datagram[..length]).unwrap_or_default();
            let change = CHANGES.iter().find(|(known, _)| *known == word);
            if let Some((_, change)) = change
                && link.addresses.contains(&from)
            {
                server.publish(change);
            }
        }
    }
}

/// The changes that the tools of this example announce, and their datagrams.
const CHANGES: &[(&str, Change)] = &[("tools", Change::Tools), ("prompts", Change::Prompts)];

fn word(change: &Change) -> Option<&'static str> {
    let known = CHANGES.iter().find(|(_, known)| known == change);
    known.map(|(word, _)| *word)
}
