//! An encoded event decodes to the same event, among comments and other events, and split into any chunks: with the
//! decoder of the crate, and with an independent reader.
//!
//! An input is a line of options and then the data, so that seeds can be written by hand:
//! `<name> <retry> <cut> <id>` LF data. See [`Input::read`].

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use mcp_wire::EventId;
use mcp_wire::sse::{Decoder, Event, EventName, KEEP_ALIVE, Received};
use mcp_wire_fuzz::stream;

fuzz_target!(|bytes: &[u8]| {
    // Both decoders agree on any bytes.
    decodes_alike(bytes, 1 + bytes.len() / 3);

    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let input = Input::read(text);
    let event = input.event();
    let frame = event.encode();
    // SPEC H-6: the frame ends with a blank line. SPEC H-4: a lone CR does not reach the wire.
    assert!(frame.ends_with(b"\n\n"));
    assert!(!frame.contains(&b'\r'));
    // The frame contains nothing but the data and the field names.
    let lines = frame.iter().filter(|byte| **byte == b'\n').count();
    assert!(frame.len() <= input.data.len() + 7 * lines + 200);

    // A frame is complete: other frames before and after it change nothing.
    let mut bytes = KEEP_ALIVE.to_vec();
    bytes.extend_from_slice(&frame);
    bytes.extend_from_slice(&KEEP_ALIVE);
    bytes.extend_from_slice(&frame);
    let (events, retry) = decodes_alike(&bytes, input.cut);
    assert_eq!(events.len(), 2);
    for event in events {
        assert_eq!(event.name, input.name.map_or("message", EventName::as_str));
        assert_eq!(event.id, input.id.as_ref().map_or("", EventId::as_str));
        assert_eq!(
            event.data,
            input.data.replace("\r\n", "\n").replace('\r', "\n")
        );
    }
    assert_eq!(retry, input.retry.map(u64::from));
});

/// Both readers return the same events. The decoder of the crate reads chunks of `cut` bytes.
fn decodes_alike(stream: &[u8], cut: usize) -> (Vec<Received>, Option<u64>) {
    let mut decoder = Decoder::new();
    let events: Vec<_> = stream
        .chunks(cut)
        .flat_map(|chunk| decoder.feed(chunk))
        .collect();
    let (seen, retry) = stream::read(stream);
    let alike = |(event, seen): (&Received, &stream::Seen)| {
        assert_eq!(
            (&event.name, &event.id, &event.data),
            (&seen.name, &seen.id, &seen.data)
        );
    };
    assert_eq!(events.len(), seen.len(), "{events:?} {seen:?}");
    events.iter().zip(&seen).for_each(alike);
    assert_eq!(decoder.retry(), retry);
    (events, retry)
}

struct Input<'a> {
    name: Option<EventName>,
    retry: Option<u32>,
    cut: usize,
    id: Option<EventId>,
    data: &'a str,
}

impl<'a> Input<'a> {
    /// Name: `e`, `m` or anything else for none. Retry: milliseconds. Cut: bytes in a chunk. Invalid options are
    /// ignored.
    fn read(text: &'a str) -> Self {
        let (choices, data) = text.split_once('\n').unwrap_or(("", text));
        let mut choices = choices.split(' ');
        let mut next = || choices.next().unwrap_or_default();
        Self {
            name: match next() {
                "e" => Some(EventName::Endpoint),
                "m" => Some(EventName::Message),
                _ => None,
            },
            retry: next().parse().ok(),
            cut: next()
                .parse::<u8>()
                .map_or(7, |cut| usize::from(cut).max(1)),
            id: EventId::parse(next()),
            data,
        }
    }

    fn event(&self) -> Event<'a> {
        let mut event = Event::new(self.data);
        if let Some(name) = self.name {
            event = event.name(name);
        }
        if let Some(id) = &self.id {
            event = event.id(id.clone());
        }
        if let Some(retry) = self.retry {
            event = event.retry(Duration::from_millis(retry.into()));
        }
        event
    }
}
