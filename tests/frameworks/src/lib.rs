//! Compiles the blocks of docs/frameworks.md.

#[rustfmt::skip]
pub mod actix;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/frameworks.md")]
struct Frameworks;

/// The page shows the adapter that the tests run.
#[test]
fn the_page_has_the_adapter_for_actix() {
    let page = include_str!("../../../docs/frameworks.md");
    assert!(page.contains(include_str!("actix.rs")));
}
