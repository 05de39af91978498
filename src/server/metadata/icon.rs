//! Icons of servers, tools, resources and prompts. From 2025-11-25 on.

use serde_json::{Value, json};

use crate::server::object_text::ObjectText;
use crate::server::uri_template::uri::is_absolute_uri;
use crate::wire::version::ProtocolVersion;

/// A picture that a client may show next to a name (*2025-11-25, Overview, Icons*).
///
/// ```
/// use mcp_wire::server::{Icon, Theme, Tool};
/// let tool = Tool::new("paint")
///     .icon(Icon::new("https://example.com/48.png").mime_type("image/png").size(48, 48))
///     .icon(Icon::new("https://example.com/dark.svg").scalable().theme(Theme::Dark));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icon {
    src: String,
    mime_type: Option<String>,
    sizes: Vec<String>,
    theme: Option<Theme>,
}

/// The background that an icon is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Theme {
    /// A light background.
    Light,
    /// A dark background.
    Dark,
}

impl Icon {
    /// An icon by its absolute URI. Clients accept the schemes `https`, `http` and `data`. Another URI fails
    /// the build of the service; in a link to a resource ([`Content::link`](crate::server::Content::link)) the
    /// icon is left out.
    pub fn new(src: impl Into<String>) -> Self {
        Self {
            src: src.into(),
            mime_type: None,
            sizes: Vec::new(),
            theme: None,
        }
    }

    /// Its MIME type. Default: the client finds it out.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Adds a size in pixels that it has. Default: clients assume that it suits every size.
    #[must_use]
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.sizes.push(format!("{width}x{height}"));
        self
    }

    /// The icon suits every size, like a vector graphic.
    #[must_use]
    pub fn scalable(mut self) -> Self {
        self.sizes.push("any".to_owned());
        self
    }

    /// The background that it is made for. Default: any.
    #[must_use]
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = Some(theme);
        self
    }

    fn may_be_sent(&self) -> bool {
        let scheme = self.src.split(':').next().unwrap_or_default();
        let is_taken = ["https", "http", "data"]
            .iter()
            .any(|taken| scheme.eq_ignore_ascii_case(taken));
        is_taken && is_absolute_uri(&self.src)
    }

    fn to_text(&self) -> String {
        let mut out = ObjectText::new();
        out.text("src", &self.src);
        if let Some(mime_type) = &self.mime_type {
            out.text("mimeType", mime_type);
        }
        if !self.sizes.is_empty() {
            out.value("sizes", &json!(self.sizes));
        }
        match self.theme {
            Some(Theme::Light) => out.text("theme", "light"),
            Some(Theme::Dark) => out.text("theme", "dark"),
            None => {}
        }
        out.finish()
    }
}

/// Why the icons cannot be served; `None` if they can.
pub(crate) fn icons_fault(icons: &[Icon]) -> Option<String> {
    let wrong = icons.iter().find(|icon| !icon.may_be_sent())?;
    let src = &wrong.src;
    Some(format!(
        "the URI of an icon must be absolute, with the scheme https, http or data: {src:?}"
    ))
}

/// The JSON text of the icons, in the revisions that have them; `None` if there are none.
pub(crate) fn icons_text(icons: &[Icon], version: ProtocolVersion) -> Option<String> {
    let icons = icons
        .iter()
        .filter(|icon| version.has_icons() && icon.may_be_sent());
    let icons: Vec<_> = icons.map(Icon::to_text).collect();
    (!icons.is_empty()).then(|| format!("[{}]", icons.join(",")))
}

/// Adds the icons to the object they belong to, in the revisions that have them.
pub(crate) fn put_icons(icons: &[Icon], object: &mut Value, version: ProtocolVersion) {
    let icons = icons_text(icons, version);
    if let Some(icons) = icons.and_then(|icons| serde_json::from_str(&icons).ok()) {
        object["icons"] = icons;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(icon: &Icon) -> Value {
        serde_json::from_str(&icon.to_text()).unwrap()
    }

    /// SPEC K: the shape of an icon.
    #[test]
    fn an_icon_tells_what_was_set() {
        assert_eq!(
            value(&Icon::new("data:image/png;base64,aQ==")),
            json!({"src": "data:image/png;base64,aQ=="})
        );
        let icon = Icon::new("https://example.com/i.svg")
            .mime_type("image/svg+xml")
            .size(48, 32)
            .scalable()
            .theme(Theme::Light);
        assert_eq!(
            value(&icon),
            json!({"src": "https://example.com/i.svg", "mimeType": "image/svg+xml",
                "sizes": ["48x32", "any"], "theme": "light"})
        );
        assert_eq!(value(&icon.theme(Theme::Dark))["theme"], "dark");
    }

    /// Clients take `https`, `http` and `data` only.
    #[test]
    fn an_icon_has_a_uri_that_clients_take() {
        for src in ["https://a.example/i", "HTTP://a.example/i", "data:,x"] {
            assert_eq!(icons_fault(&[Icon::new(src)]), None, "{src}");
        }
        for src in [
            "",
            "i.png",
            "file:///i.png",
            "javascript:x()",
            "https://a b",
        ] {
            let icons = [Icon::new("data:,x"), Icon::new(src)];
            assert!(icons_fault(&icons).is_some(), "{src}");
            let mut object = json!({});
            put_icons(&icons, &mut object, ProtocolVersion::V2025_11_25);
            assert_eq!(object["icons"].as_array().map(Vec::len), Some(1), "{src}");
        }
    }

    /// SPEC E-1, E-50, E-65: icons from 2025-11-25 on, and no empty list.
    #[test]
    fn icons_go_to_the_revisions_that_have_them() {
        for version in ProtocolVersion::ALL {
            let mut object = json!({});
            put_icons(&[], &mut object, version);
            assert_eq!(object, json!({}));
            put_icons(&[Icon::new("data:,x")], &mut object, version);
            assert_eq!(
                object.get("icons").is_some(),
                version.has_icons(),
                "{version}"
            );
        }
        assert!(!ProtocolVersion::V2025_06_18.has_icons());
        assert!(ProtocolVersion::V2025_11_25.has_icons());
        assert!(ProtocolVersion::V2026_07_28.has_icons());
    }
}
