//! The last release of rmcp with HTTP+SSE, as in its documentation.

use axum::Router;
// The macros refer to this name.
use rmcp_sse as rmcp;

use rmcp::ServerHandler;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{ServerCapabilities, ServerInfo};
use rmcp::schemars::{self, JsonSchema};
use rmcp::serde::Deserialize;
use rmcp::transport::sse_server::{SseServer, SseServerConfig};
use rmcp::{tool, tool_handler, tool_router};

/// Needs a runtime, because each session spawns a task.
pub(crate) fn router() -> Router {
    let (server, router) = SseServer::new(SseServerConfig {
        // Unused: this program has its own listener.
        bind: ([127, 0, 0, 1], 0).into(),
        sse_path: "/sse".to_owned(),
        post_path: "/messages/".to_owned(),
        ct: Default::default(),
        sse_keep_alive: None,
    });
    server.with_service(Echo::new);
    router
}

struct Echo {
    tool_router: ToolRouter<Self>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "rmcp::serde")]
struct Message {
    message: String,
}

#[tool_router]
impl Echo {
    fn new() -> Self {
        Self {
            tool_router: Self::tool_router(),
        }
    }

    #[tool(description = "Echo a message")]
    async fn echo(&self, Parameters(Message { message }): Parameters<Message>) -> String {
        message
    }
}

#[tool_handler]
impl ServerHandler for Echo {
    fn get_info(&self) -> ServerInfo {
        ServerInfo {
            capabilities: ServerCapabilities::builder().enable_tools().build(),
            ..Default::default()
        }
    }
}
