//! Which URIs are those of pages (*MCP Apps 2026-01-26, UI Resource Format*).

/// Whether a URI can be that of a page.
pub(crate) fn is_page_uri(uri: &str) -> bool {
    uri.strip_prefix("ui://")
        .is_some_and(|rest| !rest.is_empty())
}

/// Whether clients look for a page at a URI or at a template. A scheme is the same in any case.
pub(super) fn has_page_scheme(uri: &str) -> bool {
    let scheme = uri.get(.."ui://".len());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("ui://"))
}
