//! Resources and resource templates.

use std::future::ready;

use bytes::Bytes;
use mcp_wire::server::{Call, ReadRequest, Resource, ResourceTemplate, Server};
use serde_json::json;

use crate::media::PNG;

pub(crate) fn add(server: Server) -> Server {
    let text = Resource::new("test://static-text", "static-text")
        .description("A constant text")
        .mime_type("text/plain");
    let binary = Resource::new("test://static-binary", "static-binary")
        .description("A constant image")
        .mime_type("image/png");
    let watched = Resource::new("test://watched-resource", "watched-resource")
        .description("A resource to subscribe to")
        .mime_type("text/plain");
    let data = ResourceTemplate::new("test://template/{id}/data", "template-data")
        .description("The data of an id")
        .mime_type("application/json");
    let echo = ResourceTemplate::new("echo://{message}", "echo_resource")
        .description("Echo a message as a resource")
        .mime_type("text/plain");
    server
        .resource(text, |_, _| {
            ready("This is the content of the static text resource.")
        })
        .resource(binary, |_, _| ready(Bytes::from_static(PNG)))
        .resource(watched, |_, _| ready("This is the watched resource."))
        .resource_template(data, read_data)
        .resource_template(echo, read_echo)
}

async fn read_data(_cx: Call, read: ReadRequest) -> String {
    let id = read.variable("id").unwrap_or_default();
    let (quoted, data) = (json!(id), json!(format!("Data for ID: {id}")));
    format!(r#"{{"id":{quoted},"templateTest":true,"data":{data}}}"#)
}

async fn read_echo(_cx: Call, read: ReadRequest) -> String {
    let message = read.variable("message").unwrap_or_default();
    format!("Resource echo: {message}")
}
