//! [`Closing`]: what every result of a revision ends with.

use serde_json::Value;

use super::cache::Cache;
use crate::server::metadata::meta::Meta;
use crate::wire::json::Json;
use crate::wire::pieces::PieceWriter;

/// The members that a revision adds to every result. The legacy era adds none (SPEC D-66); 2026-07-28 adds
/// the kind of the result, how long it may be kept, and the server.
#[derive(Clone, Copy)]
pub(crate) struct Closing<'a> {
    /// `serverInfo` as JSON text, where results name their server (SPEC D-64).
    pub(crate) server: Option<&'a str>,
    /// Set for results that may be kept (SPEC D-70).
    pub(crate) cache: Option<Cache>,
}

impl Closing<'_> {
    /// Nothing is added.
    pub(crate) const LEGACY: Self = Self {
        server: None,
        cache: None,
    };

    /// The same for a result that may be kept.
    pub(crate) fn kept(self, cache: Cache) -> Self {
        Self {
            cache: Some(cache),
            ..self
        }
    }

    /// The result of these members and the added ones.
    pub(crate) fn close(self, result: &Value, meta: &Meta) -> Json {
        self.close_text(result.to_string(), meta)
    }

    /// As [`close`](Self::close), for the text of an object.
    pub(crate) fn close_text(self, result: String, meta: &Meta) -> Json {
        let mut out = result.into_bytes();
        debug_assert!(out.ends_with(b"}"), "a result is an object");
        out.pop();
        let mut out = PieceWriter::from(out);
        self.end(&mut out, "complete", meta);
        Json::from_encoder(out.finish())
    }

    /// Ends an object whose own members are written: appends the added ones and the brace.
    pub(crate) fn end(self, out: &mut PieceWriter, kind: &str, meta: &Meta) {
        let meta = meta.to_text();
        if out.len() > 1 && (self.server.is_some() || meta.is_some()) {
            out.put(b",");
        }
        let mut put = |text: &str| out.put(text.as_bytes());
        match (self.server, meta) {
            (None, None) => {}
            (None, Some(meta)) => {
                put("\"_meta\":");
                put(&meta);
            }
            (Some(server), meta) => {
                put("\"resultType\":\"");
                put(kind);
                put("\",");
                if let Some(cache) = self.cache {
                    put(&cache.to_string());
                    put(",");
                }
                put("\"_meta\":{\"io.modelcontextprotocol/serverInfo\":");
                put(server);
                put(if meta.is_some() { "," } else { "}" });
                // The entries of `meta` without their opening brace, and so with the closing one.
                put(meta.as_deref().map_or("", |meta| &meta[1..]));
            }
        }
        out.put(b"}");
    }

    /// How many bytes [`end`](Self::end) appends to a result without `_meta` and without a cache.
    pub(crate) fn plain_len(self, kind: &str) -> usize {
        let added = r#","resultType":"","_meta":{"io.modelcontextprotocol/serverInfo":}"#;
        let server = self
            .server
            .map(|server| added.len() + kind.len() + server.len());
        server.unwrap_or_default() + "}".len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::server::result::cache::CacheScope;

    fn meta() -> Meta {
        let mut meta = Meta::default();
        meta.insert("com.example/x", 1);
        meta
    }

    /// SPEC D-66: legacy results are what they are, and `{}` stays `{}`.
    #[test]
    fn a_legacy_result_gets_nothing() {
        let kept = Closing::LEGACY.kept(Cache::default());
        assert_eq!(kept.close(&json!({}), &Meta::default()), Json::empty());
        assert_eq!(
            kept.close(&json!({"a": 1}), &meta()).as_bytes(),
            br#"{"a":1,"_meta":{"com.example/x":1}}"#
        );
    }

    #[test]
    fn what_is_added_is_as_long_as_was_said() {
        let modern = Closing {
            server: Some(r#"{"name":"n"}"#),
            ..Closing::LEGACY
        };
        for closing in [Closing::LEGACY, modern] {
            let mut out = PieceWriter::from(b"{\"a\":1".to_vec());
            let before = out.len();
            closing.end(&mut out, "complete", &Meta::default());
            assert_eq!(out.len() - before, closing.plain_len("complete"));
        }
    }

    /// SPEC D-64, D-65, D-70: what it is, how long it may be kept, who gave it.
    #[test]
    fn a_modern_result_says_what_it_is_and_whose() {
        let closing = Closing {
            server: Some(r#"{"name":"n"}"#),
            cache: None,
        };
        assert_eq!(
            closing.close(&json!({}), &Meta::default()).as_bytes(),
            br#"{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"n"}}}"#
        );
        let cache = Cache {
            ttl: Duration::from_secs(2),
            scope: CacheScope::Public,
        };
        assert_eq!(
            closing.kept(cache).close(&json!({"a": 1}), &meta()).as_bytes(),
            br#"{"a":1,"resultType":"complete","ttlMs":2000,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"n"},"com.example/x":1}}"#
        );
    }
}
