//! Tells which doc comments the readers of `cargo doc` see.

/// The public documentation of a Rust file: its text, and the numbers of its lines.
///
/// The comment of an item that is `pub`, of a variant of a public enum and of a method of a public trait;
/// with `is_public_module` also that of the file. Lines from `end` on are tests.
pub(crate) fn public_docs(text: &str, is_public_module: bool, end: usize) -> Vec<(usize, String)> {
    let mut docs = Vec::new();
    let mut block: Vec<(usize, String)> = Vec::new();
    // The indentation of the public enum or trait that is open.
    let mut open: Option<usize> = None;
    let mut attribute = 0;
    for (line, number) in text.lines().zip(1..end) {
        let indentation = line.len() - line.trim_start().len();
        let line = line.trim();
        if let Some(doc) = line.strip_prefix("//!") {
            if is_public_module {
                docs.push((number, doc.to_owned()));
            }
        } else if let Some(doc) = line.strip_prefix("///") {
            block.push((number, doc.to_owned()));
        } else if attribute > 0 || line.starts_with("#[") {
            attribute += line.matches('[').count();
            attribute = attribute.saturating_sub(line.matches(']').count());
        } else if !line.is_empty() {
            let is_public = line.starts_with("pub ") || open.is_some();
            if is_public {
                docs.append(&mut block);
            }
            block.clear();
            let opens = ["pub enum ", "pub trait "]
                .iter()
                .any(|word| line.starts_with(word));
            if opens && line.ends_with('{') {
                open = Some(indentation);
            } else if line.starts_with('}') && open == Some(indentation) {
                open = None;
            }
        }
    }
    docs
}
