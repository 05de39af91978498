//! A reader of event streams, line by line over the whole text, as the section "Interpreting an
//! event stream" of the WHATWG HTML standard is written. It does no chunking and no recovery.

/// An event as the script of a page sees it.
#[derive(Debug, PartialEq)]
pub struct Seen {
    pub name: String,
    pub id: String,
    pub data: String,
}

/// The events of a whole stream, and the last reconnection time.
pub fn read(stream: &[u8]) -> (Vec<Seen>, Option<u64>) {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    // CRLF, LF and CR all end a line, so they become LF. Text after the last one is an unfinished line, which is
    // dropped with its event.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (lines, _unfinished) = text.rsplit_once('\n').unwrap_or_default();

    let mut events = Vec::new();
    let mut retry = None;
    let (mut name, mut data, mut id) = (String::new(), String::new(), String::new());
    for line in lines.split('\n') {
        if line.is_empty() {
            if let Some(data) = data.strip_suffix('\n') {
                events.push(Seen {
                    name: if name.is_empty() { "message" } else { &name }.to_owned(),
                    id: id.clone(),
                    data: data.to_owned(),
                });
            }
            name.clear();
            data.clear();
            continue;
        }
        let (field, value) = match line.find(':') {
            Some(0) => continue,
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(' ').unwrap_or(value))
            }
            None => (line, ""),
        };
        match field {
            "event" => name = value.to_owned(),
            "data" => data += &format!("{value}\n"),
            "id" if !value.contains('\0') => id = value.to_owned(),
            "retry" if !value.is_empty() && !value.contains(|c: char| !c.is_ascii_digit()) => {
                retry = value.parse().ok();
            }
            _ => {}
        }
    }
    (events, retry)
}
