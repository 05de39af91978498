//! What cannot be served fails the build, with a text that names the item and says what is valid.

use mcp_wire::auth::{Identity, StaticTokens};
use mcp_wire::server::{Presence, Prompt, ResourceTemplate, Server};
use mcp_wire::{Builder, McpService};

#[track_caller]
fn check(builder: Builder<Server>, says: &[&str]) {
    let error = builder.build().unwrap_err();
    assert!(error.is_setup());
    for part in says {
        assert!(error.to_string().contains(part), "{error}: no {part}");
    }
}

fn plain() -> Server {
    Server::new("s", "1")
}

/// FIELD S-5: no URI begins as these templates do.
#[test]
fn a_template_that_matches_no_uri_fails_the_build() {
    for text in ["rel/{name}", "://{name}", "1x://{a}", "/{a}", "notes:"] {
        let template = ResourceTemplate::new(text, "t");
        let server = plain().resource_template(template, async |_, _| "");
        let quoted = format!("`{text}`");
        check(
            McpService::builder(server),
            &[&quoted, "scheme", "`notes://`"],
        );
    }
    let late =
        plain().add_resource_template(ResourceTemplate::new("rel/{a}", "t"), async |_, _| "");
    assert!(late.unwrap_err().to_string().contains("`rel/{a}`"));
}

/// FIELD S-21.
#[test]
fn a_mistake_in_a_registration_fails_the_build() {
    let prompt = Prompt::new("greet")
        .argument("name", Presence::Required)
        .argument("tone", Presence::Optional)
        .argument("name", Presence::Optional);
    let server = plain().prompt(prompt, async |_, _| "");
    check(
        McpService::builder(server),
        &["\"greet\"", "\"name\" twice"],
    );

    let server = plain()
        .completion(async |_, _| Ok(Vec::new()))
        .completion(async |_, _| Ok(Vec::new()));
    check(
        McpService::builder(server),
        &["`Server::completion`", "twice"],
    );
}

/// FIELD S-21.
#[test]
fn a_mistake_in_a_setting_fails_the_build() {
    let service = || McpService::builder(plain());
    for host in ["https://a.b", "a.b/c", "a.b:port", "u@a.b", ""] {
        let quoted = format!("{host:?}");
        let says = [
            "`Builder::allowed_hosts`",
            &quoted,
            "no scheme",
            "`mcp.example.com`",
        ];
        check(service().allowed_hosts([host]), &says);
    }
    for origin in ["a.b", "https://a.b/c", ""] {
        let quoted = format!("{origin:?}");
        let says = ["`Builder::allowed_origins`", &quoted, "a scheme and a host"];
        check(service().allowed_origins([origin]), &says);
    }
    for token in ["secret\n", "", "two words"] {
        let tokens = StaticTokens::new().token(token, Identity::new("ada"));
        check(
            service().authorizer(tokens),
            &["\"ada\"", "`StaticTokens::token`"],
        );
    }
}
