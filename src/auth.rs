//! Who may use a service: authorizers, identities, challenges, and what clients are told about them.
//!
//! A service without an [`Authorizer`] admits everyone who can reach it. There are three ways to
//! restrict that:
//!
//! - **In a private network** that only your machines can reach, the network may be enough. An authorizer
//!   can still look at the address of a request and give each machine an identity, so that each has its
//!   own sessions and limits. See the example `private_network`.
//! - **Behind a proxy that authenticates** and names the user in a header. The authorizer reads the
//!   header, and must accept it only from the address of the proxy, because anyone else can write it too.
//!   See the example `trusted_header`. If your own stack has authenticated the request, put an
//!   [`Identity`] into its extensions and use [`FromExtensions`].
//! - **With a token.** [`StaticTokens`] is for a few known clients. For OAuth, write an authorizer that
//!   checks tokens, and tell clients where to get one with a [`ProtectedResource`]: the example `jwt` does
//!   so with a real issuer of signed tokens. Serve tokens over TLS only
//!   (*2025-11-25, Authorization, Communication Security*).
//!
//! The authorizer is asked before a body is read. Everything that follows is bound to the identity that
//! it returns. A session belongs to its principal and does not exist for any other. A stream ends with
//! the identity that opened it. [`McpService::revoke`](crate::McpService::revoke) ends everything that a
//! principal has. Handlers find the identity in [`Context::identity`](crate::Context::identity).
//!
//! The token of a client is meant for this server only: never pass it on (*2025-11-25, Authorization,
//! Access Token Usage*).

pub use crate::protocol::bearer::bearer_token;
pub use crate::protocol::challenge::Challenge;
pub use crate::protocol::protected::{ProtectedResource, same_resource};
pub use crate::transport::access::authorizer::{Authorizer, FromExtensions};
pub use crate::transport::access::identity::Identity;
pub use crate::transport::access::static_tokens::StaticTokens;
