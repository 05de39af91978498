//! A server of notes for several users: what a real service on `mcp-wire` looks like.
//!
//! - [`users`]: who may use it, with tokens and scopes
//! - [`store`]: the database
//! - `notes`: what all handlers share
//! - `tools`: what a model can do with notes
//! - `resources`: the notes of each user as resources, which clients list, read and subscribe to

mod notes;
mod resources;
pub mod store;
mod tools;
pub mod users;

use std::sync::Arc;

use mcp_wire::auth::StaticTokens;
use mcp_wire::server::Server;
use mcp_wire::{Error, McpService};

use notes::Notes;
use store::Store;

/// The service, without a socket: `main` gives it one, and the tests use it as it is.
///
/// # Errors
///
/// A token that no header can carry, or a registration that cannot be served.
pub fn service(store: Store, users: StaticTokens) -> Result<McpService, Error> {
    let notes = Arc::new(Notes::new(store));
    let server = Server::new("Notes", "1.0.0").about(|about| {
        about.instructions = Some("Keeps notes. Each user sees only their own.".to_owned());
    });
    let server = tools::register(server, &notes);
    let server = resources::register(server, &notes);
    McpService::builder(server).authorizer(users).build()
}
