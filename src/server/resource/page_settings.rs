//! [`PageSettings`]: what a page asks of the host that shows it.

use std::net::Ipv6Addr;

use serde_json::{Map, Value, json};

/// What a page asks of the host: where it may connect to, what of the device it may use, how it is framed
/// (*MCP Apps 2026-01-26, UI Resource Format*). Nothing is asked for by default.
#[derive(Clone, Debug, Default)]
pub(super) struct PageSettings {
    /// By the name of the list: `connectDomains` and its like.
    domains: Map<String, Value>,
    /// By the name of the permission.
    permissions: Map<String, Value>,
    domain: Option<String>,
    prefers_border: Option<bool>,
    /// The first origin that cannot be one, and the list that it is in.
    fault: Option<String>,
}

impl PageSettings {
    /// Adds origins to one of the lists.
    pub(super) fn allow<T: Into<String>>(
        &mut self,
        list: &'static str,
        origins: impl IntoIterator<Item = T>,
    ) {
        let origins: Vec<String> = origins.into_iter().map(Into::into).collect();
        if let Some(wrong) = origins.iter().find(|origin| !is_origin(origin)) {
            self.fault.get_or_insert_with(|| {
                format!(
                    "{wrong:?} in `{list}` is no origin: an origin is a scheme and a host, such as \
                     `https://api.example.com`, `wss://localhost:8080` or `https://*.example.com`"
                )
            });
        }
        let allowed = self.domains.entry(list).or_insert_with(|| json!([]));
        if let Value::Array(allowed) = allowed {
            allowed.extend(origins.into_iter().map(Value::from));
        }
    }

    pub(super) fn permit(&mut self, permission: &'static str) {
        self.permissions.insert(permission.to_owned(), json!({}));
    }

    pub(super) fn set_domain(&mut self, domain: String) {
        if domain.is_empty() {
            self.fault
                .get_or_insert_with(|| "the `domain` of a page must not be empty".to_owned());
        }
        self.domain = Some(domain);
    }

    pub(super) fn set_prefers_border(&mut self, is_so: bool) {
        self.prefers_border = Some(is_so);
    }

    /// What cannot be sent, if anything.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// The object that hosts read; `None` if nothing is asked for.
    pub(super) fn to_value(&self) -> Option<Value> {
        let mut out = Map::new();
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        if !self.domains.is_empty() {
            put("csp", self.domains.clone().into());
        }
        if !self.permissions.is_empty() {
            put("permissions", self.permissions.clone().into());
        }
        if let Some(domain) = &self.domain {
            put("domain", domain.as_str().into());
        }
        if let Some(is_so) = self.prefers_border {
            put("prefersBorder", is_so.into());
        }
        (!out.is_empty()).then(|| out.into())
    }
}

/// Whether a text can stand in a Content Security Policy as an origin and as nothing else: hosts put it there.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else {
        return false;
    };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let has_numeric_port = |rest: &str| match rest.strip_prefix(':') {
        Some(port) => port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok(),
        None => rest.is_empty(),
    };
    let is_place = match host.strip_prefix('[') {
        Some(address) => address.split_once(']').is_some_and(|(address, rest)| {
            address.parse::<Ipv6Addr>().is_ok() && has_numeric_port(rest)
        }),
        None => {
            let (name, rest) = host.split_at(host.find(':').unwrap_or(host.len()));
            // In front of a name, `*` means all its subdomains. Alone it would mean every host.
            is_name(name.strip_prefix("*.").unwrap_or(name)) && has_numeric_port(rest)
        }
    };
    is_scheme && is_place
}

/// Whether a text is the labels of a host, with dots between them.
fn is_name(text: &str) -> bool {
    text.split('.').all(|label| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !label.is_empty() && label.bytes().all(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// APPS UI-7: each setting in the form that hosts read, and nothing for what is not set.
    #[test]
    fn settings_have_the_form_that_hosts_read() {
        let mut settings = PageSettings::default();
        assert_eq!(settings.to_value(), None);
        settings.allow("connectDomains", ["https://a.example"]);
        settings.allow("connectDomains", ["wss://b.example:8443"]);
        settings.allow("frameDomains", Vec::<String>::new());
        settings.permit("camera");
        settings.permit("clipboardWrite");
        settings.set_domain("a1.example.com".to_owned());
        settings.set_prefers_border(false);
        let expected = json!({
            "csp": {
                "connectDomains": ["https://a.example", "wss://b.example:8443"],
                "frameDomains": [],
            },
            "permissions": {"camera": {}, "clipboardWrite": {}},
            "domain": "a1.example.com",
            "prefersBorder": false,
        });
        assert_eq!(settings.to_value(), Some(expected));
        assert_eq!(settings.fault(), None);
    }

    /// APPS UI-7: what is no origin would change the policy of the host, or be dropped by it.
    #[test]
    fn only_origins_are_allowed() {
        for origin in [
            "https://a.example",
            "http://localhost:3000",
            "https://*.a.example",
            "https://*.a_b.example:8443",
            "http://127.0.0.1:0",
            "wss://[::1]:1",
            "wss://[::1]",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for text in [
            "",
            "*",
            "a.example",
            "https://",
            "://a.example",
            "1://a.example",
            "https://a.example/path",
            "https://a.example; script-src *",
            "https://a.example https://b.example",
            "https://a.example,https://b.example",
            "'unsafe-eval'",
            "data:",
            "https://a.example\n",
            "https://*",
            "https://*:*",
            "https://*:443",
            "https://*.",
            "https://*.*.example",
            "https://a.*.example",
            "https://a*.example",
            "https://a:b:c",
            "https://a.example:1:2",
            "https://a.example:*",
            "https://a.example:",
            "https://a.example:+1",
            "https://a.example:65536",
            "https://:1",
            "https://a..example",
            "https://.a.example",
            "https://[::1",
            "https://[::1]1",
            "https://[a.example]",
            "https://a]",
            "https://\u{e4}.example",
        ] {
            let mut settings = PageSettings::default();
            settings.allow("connectDomains", ["https://a.example", text]);
            let fault = settings.fault().unwrap_or_default();
            assert!(fault.contains("`connectDomains` is no origin"), "{text:?}");
        }
        let mut settings = PageSettings::default();
        settings.set_domain(String::new());
        assert!(settings.fault().is_some());
    }
}
