//! Shows a complete MCP server with a tool, a resource template and a prompt, next to a route of the same web
//! service.
//!
//! Run it with `cargo run --example echo [-- --listen ADDRESS]`.

mod signals;

use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use mcp_wire::server::Presence::Required;
use mcp_wire::server::{
    Arguments, Call, HandlerError, Prompt, PromptArguments, ReadRequest, ResourceTemplate, Server,
    Tool,
};
use mcp_wire::{McpService, Serve};
use serde_json::json;
use tokio::net::TcpListener;

async fn echo_tool(_cx: Call, args: Arguments) -> Result<String, HandlerError> {
    Ok(format!("Tool echo: {}", args.str("message")?))
}

async fn echo_resource(_cx: Call, read: ReadRequest) -> String {
    format!(
        "Resource echo: {}",
        read.variable("message").unwrap_or_default()
    )
}

async fn echo_prompt(_cx: Call, args: PromptArguments) -> String {
    let message = args.get("message").unwrap_or_default();
    format!("Please process this message: {message}")
}

fn echo_server() -> Server {
    let schema = json!({
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
    });
    let tool = Tool::new("echo_tool")
        .description("Echo a message as a tool")
        .input(schema);
    let template = ResourceTemplate::new("echo://{message}", "echo_resource")
        .description("Echo a message as a resource")
        .mime_type("text/plain");
    let prompt = Prompt::new("echo_prompt")
        .description("Create an echo prompt")
        .argument("message", Required);
    Server::new("Echo", env!("CARGO_PKG_VERSION"))
        .tool(tool, echo_tool)
        .resource_template(template, echo_resource)
        .prompt(prompt, echo_prompt)
}

/// The routes of the web service. They receive every request whose path is not an MCP endpoint.
async fn routes(request: Request<impl Sized>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::from(r#"{"Hello":"World"}"#));
    response.headers_mut().insert(
        CONTENT_TYPE,
        "application/json".parse().expect("a media type"),
    );
    if request.uri().path() != "/" {
        response = Response::new(Full::from("Not Found"));
        *response.status_mut() = StatusCode::NOT_FOUND;
    } else if request.method() != Method::GET {
        response = Response::new(Full::from("Method Not Allowed"));
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response
            .headers_mut()
            .insert("allow", "GET".parse().expect("a method"));
    }
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mcp = McpService::builder(echo_server()).build()?;
    let listener = TcpListener::bind(listen_address()?).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("Route of the web service:  {url}/");
    println!("MCP over Streamable HTTP:  {url}/mcp");
    println!("MCP over HTTP+SSE:         {url}/sse");
    println!("Client configuration (use one entry or both):");
    println!(
        "{}",
        json!({"mcpServers": {
            "example": {"url": format!("{url}/mcp")},
            "example-sse": {"url": format!("{url}/sse")},
        }})
    );
    Serve::new(listener, mcp)
        .routes(service_fn(routes))
        .run(signals::stop())
        .await?;
    println!("Stopped.");
    Ok(())
}

/// The address after `--listen`; 127.0.0.1:8000 by default.
fn listen_address() -> Result<String, String> {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next(), args.next()) {
        (None, _, _) => Ok("127.0.0.1:8000".to_owned()),
        (Some("--listen"), Some(address), None) => Ok(address),
        _ => Err("usage: echo [--listen ADDRESS]".to_owned()),
    }
}
