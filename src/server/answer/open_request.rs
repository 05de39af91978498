//! [`OpenRequest`]: a request that is being answered.

use std::borrow::Cow;
use std::sync::Arc;

use crate::server::call::Call;
use crate::server::registry::Registry;
use crate::server::result::cache::Cache;
use crate::server::result::closing::Closing;
use crate::server::shared::Shared;
use crate::server::uri_template::uri::is_absolute_uri;
use crate::wire::json::{Json, RawJson};
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::Request;
use crate::wire::params::Params;
use crate::wire::version::{Era, ProtocolVersion};

pub(super) type Answer = Result<Json, ErrorObject>;

/// A request that is being answered, and what is known of it.
pub(super) struct OpenRequest<'s> {
    pub(super) server: &'s Arc<Shared>,
    /// What the server had when the request came.
    pub(super) registry: &'s Registry,
    pub(super) call: Call,
    pub(super) request: &'s mut Request,
    pub(super) version: ProtocolVersion,
    /// What the revision adds to every result.
    pub(super) closing: Closing<'s>,
}

impl<'s> OpenRequest<'s> {
    pub(super) fn new(
        server: &'s Arc<Shared>,
        registry: &'s Registry,
        call: Call,
        request: &'s mut Request,
    ) -> Self {
        let version = call.version();
        let closing = match version.era() {
            Era::Legacy => Closing::LEGACY,
            Era::Modern => Closing {
                server: Some(server.modern_info()),
                ..Closing::LEGACY
            },
        };
        Self {
            server,
            registry,
            call,
            request,
            version,
            closing,
        }
    }

    pub(super) fn params(&self) -> RawJson<'_> {
        params_of(self.request)
    }

    /// The name of the tool or prompt that is asked for.
    pub(super) fn name(&self) -> Result<Cow<'_, str>, ErrorObject> {
        let name = self.request.params().and_then(Params::name);
        name.ok_or_else(|| ErrorObject::invalid_params("`name` must be a string"))
    }

    /// The absolute URI that is asked for (SPEC E-56).
    pub(super) fn uri(&self) -> Result<String, ErrorObject> {
        let uri = self.request.params().and_then(Params::uri);
        uri.filter(|uri| is_absolute_uri(uri))
            .map(Cow::into_owned)
            .ok_or_else(|| ErrorObject::invalid_params("`uri` must be an absolute URI"))
    }

    /// How long a result may be kept, and for whom. What an identity was told is private: shared caches
    /// have no authorizer that would ask who reads it (SPEC D-73, G-46).
    pub(super) fn kept(&self, cache: Cache) -> Cache {
        match self.call.identity() {
            Some(_) => cache.private(),
            None => cache,
        }
    }
}

/// The text of the params, or of an empty object when they are absent (SPEC E-27). A method reads from it
/// the members that it needs: a tree of all of them may take eight times the memory.
pub(super) fn params_of(request: &Request) -> RawJson<'_> {
    let params = request.params().map(Params::as_raw);
    params.unwrap_or_else(|| RawJson::of(b"{}"))
}
