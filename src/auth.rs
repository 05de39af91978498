//! Who may ask: authorizers, identities, challenges, and what clients are told of them.
//!
//! A service without an [`Authorizer`] lets everybody in who can reach it. Three ways to run one that
//! does not:
//!
//! - **In a private network**, where only machines of yours reach the server, that may be enough. An
//!   authorizer can still look at the address that a request comes from, and give each machine an
//!   identity of its own, so that it has its own sessions and limits. See the example `private_network`.
//! - **Behind a proxy that authenticates**, and that tells in a header who it is. The authorizer reads the
//!   header, and must take it from the address of the proxy alone: everybody else can write it, too. See
//!   the example `trusted_header`. An embedder whose own stack has authenticated the request puts an
//!   [`Identity`] into its extensions, and takes [`FromExtensions`].
//! - **With a token at the server.** [`StaticTokens`] for a few clients that are known. For OAuth, an
//!   authorizer that checks tokens, and a [`ProtectedResource`] from which clients learn where to get
//!   one: see the example `jwt`, which has a real issuer of signed tokens. Serve it with TLS
//!   (*2025-11-25, Authorization, Communication Security*).
//!
//! The authorizer is asked before a body is read. What it found is bound to all that follows: a session
//! belongs to its principal and is unknown to any other, a stream ends with the identity that opened it,
//! [`McpService::revoke`](crate::McpService::revoke) ends all that a principal has. Handlers find it in
//! [`Context::identity`](crate::Context::identity).
//!
//! The token of a client is for this server: send it nowhere else (*2025-11-25, Authorization,
//! Access Token Usage*).

pub use crate::protocol::bearer::bearer_token;
pub use crate::protocol::challenge::Challenge;
pub use crate::protocol::protected::{ProtectedResource, same_resource};
pub use crate::transport::access::authorizer::{Authorizer, FromExtensions};
pub use crate::transport::access::identity::Identity;
pub use crate::transport::access::static_tokens::StaticTokens;
