//! `subscriptions/listen`.

use std::future::Future;
use std::sync::{Arc, Weak};

use super::detaching::undeclared;
use super::open_request::Answer;
use super::subscribing::check_subscription;
use crate::protocol::filter::SubscriptionFilter;
use crate::protocol::operator_text::with_sources;
use crate::protocol::task::EXTENSION;
use crate::server::announce::Announce;
use crate::server::call::Call;
use crate::server::handler_error::{Failure, HandlerError};
use crate::server::registry::Registry;
use crate::server::shared::Shared;
use crate::transport::dispatch::context::Context;
use crate::transport::tasks::follow::{Listener, follow};
use crate::transport::tasks::store::TaskStore;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::Request;
use crate::wire::method::Method;

/// Tells the client of changes until the server ends (SPEC D-120 to D-134). While the client listens,
/// nothing of its request stays in memory but the id and the filter.
pub(crate) fn listen(
    server: Arc<Shared>,
    registry: Arc<Registry>,
    cx: Context,
    request: &Request,
) -> impl Future<Output = Answer> + Send + use<> {
    let id = request.id();
    let filter = SubscriptionFilter::read(request.params());
    let filter = filter.and_then(|mut filter| {
        match registry.has_tasks {
            true => check_declared(&cx, &filter)?,
            false => filter.tasks = Box::default(),
        }
        Ok(registry.honoured(filter, cx.identity()))
    });
    async move {
        let mut filter = readable(&server, &registry, &cx, filter?).await;
        drop(registry);
        match filter.tasks.is_empty() {
            true => cx.listen(filter).await?,
            false => {
                let tasks = server
                    .publisher
                    .get()
                    .and_then(|publisher| publisher.tasks());
                let store = tasks.ok_or_else(ErrorObject::internal)?;
                let store = Arc::clone(store.store());
                let principal = cx.identity().map(|identity| identity.principal().into());
                let ids = known(&store, principal.as_deref(), filter.tasks).await;
                filter.tasks = ids.clone();
                let listening = cx.listen_and(filter, |stream, id| {
                    let listener = Listener {
                        store,
                        principal,
                        id,
                        stream,
                    };
                    Box::pin(follow(listener, ids))
                });
                listening.await?;
            }
        }
        // The id goes out as the bytes that it came as (SPEC D-123, D-127).
        let mut out = b"{\"resultType\":\"complete\",\"_meta\":{".to_vec();
        out.extend_from_slice(b"\"io.modelcontextprotocol/subscriptionId\":");
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(b",\"io.modelcontextprotocol/serverInfo\":");
        out.extend_from_slice(server.modern_info().as_bytes());
        out.extend_from_slice(b"}}");
        Ok(Json::from_encoder(out))
    }
}

/// TASKS N-7: only a client that has tasks can be told of them.
fn check_declared(cx: &Context, filter: &SubscriptionFilter) -> Result<(), ErrorObject> {
    let declared = cx.client_capabilities();
    let has_tasks = declared.is_some_and(|declared| declared.has_extension(EXTENSION));
    match filter.tasks.is_empty() || has_tasks {
        true => Ok(()),
        false => Err(undeclared()),
    }
}

/// The tasks that exist and belong to the caller (TASKS L-1).
async fn known(
    store: &TaskStore,
    principal: Option<&str>,
    ids: Box<[Box<str>]>,
) -> Box<[Box<str>]> {
    let mut known = Vec::new();
    for id in ids {
        let method = Method::SubscriptionsListen;
        if store.find(method.as_str(), &id, principal).await.is_ok() {
            known.push(id);
        }
    }
    known.into()
}

/// The filter without the resources that the caller may not read (SPEC D-134). They are asked for one after the
/// other, so that one request never does more than one thing at a time.
async fn readable(
    server: &Arc<Shared>,
    registry: &Registry,
    cx: &Context,
    mut filter: SubscriptionFilter,
) -> SubscriptionFilter {
    let mut verdicts = Vec::new();
    for uri in filter.uris.iter() {
        let announcer = Arc::downgrade(server) as Weak<dyn Announce>;
        let call = Call::silent(cx.clone(), Some(announcer));
        let Some(found) = registry.watchable(uri) else {
            verdicts.push(false);
            continue;
        };
        let checked = check_subscription(registry, found, &call).await;
        verdicts.push(checked.is_ok());
        if let Err((name, error)) = checked {
            report(server, name, error);
        }
    }
    let mut verdicts = verdicts.into_iter();
    filter.retain_resources(|_| verdicts.next().unwrap_or(false));
    filter
}

/// Tells the operator of a failure that no client hears of.
fn report(server: &Shared, name: &str, error: HandlerError) {
    if let Failure::Internal(cause) = error.into_failure() {
        server.report(
            Method::SubscriptionsListen.as_str(),
            name,
            &with_sources(&*cause),
        );
    }
}
