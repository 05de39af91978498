//! Agent Skills: listed, read and replaced, as clients see them.

mod entries;
mod folders;
mod frontmatter;
mod serving;

use mcp_wire::server::{Server, Skill, Skills};
use mcp_wire::test::{Client, Error};
use mcp_wire::{McpService, ProtocolVersion};
use serde_json::{Value, json};

const SKILLS: &str = "io.modelcontextprotocol/skills";

/// A `SKILL.md` of this name.
fn manifest(name: &str) -> String {
    format!("---\nname: {name}\ndescription: What {name} is for\n---\n\n# {name}\n")
}

fn skill(path: &str) -> Skill {
    let name = path.rsplit('/').next().unwrap();
    Skill::new(path, manifest(name))
}

fn server(skills: Skills) -> Server {
    Server::new("s", "1").skills(skills)
}

fn service(skills: Skills) -> McpService {
    McpService::builder(server(skills)).build().unwrap()
}

fn modern(mcp: &McpService) -> Client {
    Client::new(mcp).version(ProtocolVersion::V2026_07_28)
}

async fn list(client: &Client) -> Vec<Value> {
    let mut all = Vec::new();
    let mut params = json!({});
    loop {
        let page = client.request("skills/list", params).await.unwrap();
        all.extend(page["skills"].as_array().unwrap().iter().cloned());
        match page.get("nextCursor") {
            Some(cursor) => params = json!({ "cursor": cursor }),
            None => return all,
        }
    }
}

async fn get(client: &Client, uri: &str) -> Result<Value, Error> {
    let result = client.request("skills/get", json!({ "uri": uri })).await;
    result.map(|mut result| result["skill"].take())
}

async fn directory(client: &Client, uri: &str) -> Result<Vec<Value>, Error> {
    let params = json!({ "uri": uri });
    let result = client.request("resources/directory/read", params).await;
    result.map(|result| result["resources"].as_array().unwrap().clone())
}

fn texts(items: &[Value], key: &str) -> Vec<String> {
    let texts = items.iter().map(|item| item[key].as_str().unwrap());
    texts.map(ToOwned::to_owned).collect()
}

/// Why these skills cannot be served.
#[track_caller]
fn fault(skills: Skills) -> String {
    let refused = McpService::builder(server(skills)).build();
    refused.unwrap_err().to_string()
}
