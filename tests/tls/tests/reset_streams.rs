//! What requests cost that the server has to reset before it has served them. Compressed heads are short on the wire
//! and long on the heap (RFC 7541), so that a client could have many of them wait.

use mcp_wire::listener::Accepted;
use mcp_wire::server::Server;
use mcp_wire::{McpService, Serve};
use mcp_wire_tls::frames::{
    END_HEADERS, HEADERS, RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, frame, frames, head,
};
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// So many fields of 34 bytes are in each head, which is a little less than the limit.
const FIELDS: usize = 1900;
const STREAMS: u32 = 600;
/// As long as the flood. It is heap too.
const PIPE: usize = 2 << 20;
/// All heads together are some 90 MiB.
const LIMIT: usize = PIPE + (10 << 20);

#[tokio::test]
async fn the_heads_of_streams_that_are_reset_do_not_pile_up() {
    let mcp = McpService::builder(Server::new("Test", "1"));
    let mcp = mcp.build().expect("a service");
    let (connections, listener) = mpsc::channel(1);
    tokio::spawn(Serve::new(listener, mcp).run(std::future::pending()));
    let (near, far) = tokio::io::duplex(PIPE);
    connections.send(Accepted::new(far)).await.expect("served");
    let mut client = Raw::open(near, &[]).await;
    client.until(SETTINGS).await;
    let mut flood = Vec::new();
    for nth in 0..STREAMS {
        let stream = 1 + 2 * nth;
        let mut block = head("POST", "/mcp", &[]);
        if nth == 0 {
            // A field that goes into the dynamic table, where its index is 62.
            block.extend([0x40, 1, b'x', 1, b'y']);
        }
        block.extend([0x80 | 62; FIELDS]);
        flood.extend(frame(HEADERS, END_HEADERS, stream, &block));
        // A window that is too large is an error of its stream (RFC 9113, 6.9.1).
        flood.extend(frame(
            WINDOW_UPDATE,
            0,
            stream,
            &(u32::MAX >> 1).to_be_bytes(),
        ));
    }
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    client.io.write_all(&flood).await.expect("it is read");
    client.io.shutdown().await.expect("an end");
    let mut said = Vec::new();
    let _ = client.io.read_to_end(&mut said).await;
    let grown = HEAP.peak_usage() - before;
    let told = frames(&said);
    let resets = told.iter().filter(|frame| frame.kind == RST_STREAM).count();
    assert!(resets > 500, "{resets}");
    assert!(grown < LIMIT, "{grown}");
}
