//! rmcp as in its documentation: a tool made by its macros, and the service of its Streamable HTTP transport.

use rmcp::handler::server::wrapper::Parameters;
use rmcp::schemars::{self, JsonSchema};
use rmcp::serde::Deserialize;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{tool, tool_router};

pub(crate) type Config = StreamableHttpServerConfig;
pub(crate) type Service = StreamableHttpService<Echo, LocalSessionManager>;

pub(crate) fn service(config: Config) -> Service {
    Service::new(|| Ok(Echo), LocalSessionManager::default().into(), config)
}

pub(crate) struct Echo;

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "rmcp::serde")]
struct Message {
    message: String,
}

#[tool_router(server_handler)]
impl Echo {
    #[tool(description = "Echo a message")]
    async fn echo(&self, Parameters(Message { message }): Parameters<Message>) -> String {
        message
    }
}
