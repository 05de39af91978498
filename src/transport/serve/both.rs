//! [`Both`]: two listeners of different kinds as one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::listener::{Accepted, Listener};

/// Two [`Listener`]s of different kinds as one. Either of them may again be two.
///
/// ```no_run
/// # #[cfg(unix)]
/// # async fn example(mcp: mcp_wire::McpService) -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_wire::listener::Both;
/// use tokio::net::{TcpListener, UnixListener};
///
/// let tcp = TcpListener::bind("127.0.0.1:8000").await?;
/// let unix = UnixListener::bind("/run/mcp.sock")?;
/// mcp_wire::serve(Both::new(tcp, unix), mcp, std::future::pending()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Both<A, B> {
    first: A,
    second: B,
    /// Whether the first listener gave the last connection. Then the second is asked first, so that
    /// neither waits for the other if the other is always ready.
    is_turn_of_second: bool,
}

impl<A: Listener, B: Listener> Both<A, B> {
    /// Accepts from both.
    pub fn new(first: A, second: B) -> Self {
        Self {
            first,
            second,
            is_turn_of_second: false,
        }
    }

    fn poll_first(&mut self, cx: &mut Context<'_>) -> PollAccepted<A, B> {
        let accepted = self.first.poll_accept(cx);
        self.is_turn_of_second |= accepted.is_ready();
        accepted.map_ok(|accepted| accepted.map(|io| BothIo(Io::First(io))))
    }

    fn poll_second(&mut self, cx: &mut Context<'_>) -> PollAccepted<A, B> {
        let accepted = self.second.poll_accept(cx);
        self.is_turn_of_second &= accepted.is_pending();
        accepted.map_ok(|accepted| accepted.map(|io| BothIo(Io::Second(io))))
    }
}

impl<A: Listener, B: Listener> Listener for Both<A, B> {
    type Io = BothIo<A::Io, B::Io>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<Self::Io>>> {
        if self.is_turn_of_second
            && let Poll::Ready(accepted) = self.poll_second(cx)
        {
            return Poll::Ready(accepted);
        }
        if let Poll::Ready(accepted) = self.poll_first(cx) {
            return Poll::Ready(accepted);
        }
        self.poll_second(cx)
    }
}

/// What both listeners give.
type PollAccepted<A, B> =
    Poll<io::Result<Accepted<BothIo<<A as Listener>::Io, <B as Listener>::Io>>>>;

/// A connection of either listener of [`Both`].
#[derive(Debug)]
pub struct BothIo<A, B>(Io<A, B>);

#[derive(Debug)]
enum Io<A, B> {
    First(A),
    Second(B),
}

/// Calls a method of the connection, whichever it is.
macro_rules! either {
    ($io:expr, $method:ident($($arg:expr),*)) => {
        match &mut $io.get_mut().0 {
            Io::First(io) => Pin::new(io).$method($($arg),*),
            Io::Second(io) => Pin::new(io).$method($($arg),*),
        }
    };
}

impl<A: AsyncRead + Unpin, B: AsyncRead + Unpin> AsyncRead for BothIo<A, B> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, poll_read(cx, buffer))
    }
}

impl<A: AsyncWrite + Unpin, B: AsyncWrite + Unpin> AsyncWrite for BothIo<A, B> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Io::First(io) => io.is_write_vectored(),
            Io::Second(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_shutdown(cx))
    }
}
