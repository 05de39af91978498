//! [`Identity`]: who a request comes from, once that was checked.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::http::request::Parts;
use tokio::time::Instant;

use crate::protocol::party::Owner;

/// Who a request comes from, and what it may do. Cheap to clone.
///
/// Sessions, streams, listening requests and request states belong to the principal who opened them:
/// for any other they are not there. So the name of a principal must be one person's or one machine's
/// for good, such as the issuer and the subject of a token; put the client there, too, if the clients of
/// one person are to be kept apart.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use mcp_wire::auth::Identity;
///
/// let identity = Identity::new("https://login.example.com ada")
///     .client("desktop")
///     .scopes(["notes"])
///     .covering(|granted, needed| needed.strip_prefix(granted).is_some_and(|rest| rest.starts_with(':')))
///     .expires_at(SystemTime::now() + Duration::from_secs(3600));
/// assert!(identity.satisfies("notes") && identity.satisfies("notes:read"));
/// assert!(!identity.satisfies("notebooks"));
/// ```
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    principal: Owner,
    client: Option<Box<str>>,
    scopes: Vec<String>,
    covers: Option<Covers>,
    expires_at: Option<SystemTime>,
    attached: Vec<Arc<dyn Any + Send + Sync>>,
}

type Covers = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

impl Identity {
    /// An identity without scopes, for as long as it asks.
    pub fn new(principal: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            principal: principal.into().into(),
            client: None,
            scopes: Vec::new(),
            covers: None,
            expires_at: None,
            attached: Vec::new(),
        }))
    }

    fn with(mut self, set: impl FnOnce(&mut Inner)) -> Self {
        set(Arc::make_mut(&mut self.0));
        self
    }

    /// The client that the principal uses.
    #[must_use]
    pub fn client(self, client: impl Into<String>) -> Self {
        let client: String = client.into();
        self.with(|inner| inner.client = Some(client.into()))
    }

    /// The scopes that were granted.
    #[must_use]
    pub fn scopes<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.with(|inner| inner.scopes = scopes.into_iter().map(Into::into).collect())
    }

    /// When a granted scope (the first) satisfies a needed one (the second), beside when they are equal
    /// (SPEC F-13). Default: never.
    #[must_use]
    pub fn covering(self, covers: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.covers = Some(Arc::new(covers)))
    }

    /// When it ends. Streams that were opened with it end then (SPEC F-52), and a request that comes
    /// later is refused. Default: never.
    #[must_use]
    pub fn expires_at(self, time: SystemTime) -> Self {
        self.with(|inner| inner.expires_at = Some(time))
    }

    /// Attaches something for handlers, such as claims: one value of each type.
    #[must_use]
    pub fn attach<T: Any + Send + Sync>(self, value: T) -> Self {
        self.with(|inner| {
            inner.attached.retain(|attached| !attached.is::<T>());
            inner.attached.push(Arc::new(value));
        })
    }

    /// Who it is.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.0.principal
    }

    /// The client that is used, if that is known.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    /// The scopes that were granted.
    #[must_use]
    pub fn granted(&self) -> &[String] {
        &self.0.scopes
    }

    /// Whether a scope was granted, or one that covers it.
    #[must_use]
    pub fn satisfies(&self, scope: &str) -> bool {
        let covers = |granted: &str| {
            let covers = self.0.covers.as_ref();
            granted == scope || covers.is_some_and(|covers| covers(granted, scope))
        };
        self.0.scopes.iter().any(|granted| covers(granted))
    }

    /// Whether each of these scopes is satisfied.
    pub(crate) fn satisfies_all(&self, scopes: &[String]) -> bool {
        scopes.iter().all(|scope| self.satisfies(scope))
    }

    /// When it ends.
    #[must_use]
    pub fn expiry(&self) -> Option<SystemTime> {
        self.0.expires_at
    }

    /// What was attached of this type.
    #[must_use]
    pub fn attached<T: Any + Send + Sync>(&self) -> Option<&T> {
        let mut attached = self.0.attached.iter();
        attached.find_map(|attached| attached.downcast_ref())
    }

    /// How long it is still valid; `None` if it does not end.
    fn time_left(&self) -> Option<Duration> {
        let left = |end: SystemTime| end.duration_since(SystemTime::now()).unwrap_or_default();
        self.expiry().map(left)
    }

    /// When it ends, by the clock of the runtime; `None` if it does not end.
    pub(crate) fn end(&self) -> Option<Instant> {
        // A time that the clock cannot represent never comes.
        Instant::now().checked_add(self.time_left()?)
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.time_left().is_some_and(|left| left.is_zero())
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.0.principal
    }

    /// The one of a request: the authorizer put it there, or the embedder's own stack.
    pub(crate) fn of(head: &Parts) -> Option<&Self> {
        head.extensions.get()
    }
}

/// No scope is a secret, and neither are the names; what was attached may be one.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("principal", &self.0.principal)
            .field("client", &self.0.client)
            .field("scopes", &self.0.scopes)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC F-53: what the embedder attached is there, and in no log.
    #[test]
    fn attached_values_are_had_by_type_and_not_shown() {
        let identity = Identity::new("ada")
            .attach(7_u32)
            .attach("s3cret".to_owned());
        assert_eq!(identity.attached::<u32>(), Some(&7));
        assert_eq!(identity.attached::<u64>(), None);
        assert!(!format!("{identity:?}").contains("s3cret"));
        let other = identity.clone().attach(8_u32);
        assert_eq!(other.attached::<u32>(), Some(&8));
        assert_eq!(identity.attached::<u32>(), Some(&7), "a clone is its own");
    }

    /// SPEC F-13.
    #[test]
    fn a_broader_scope_satisfies_a_narrower_need() {
        let plain = Identity::new("ada").scopes(["admin"]);
        assert!(plain.satisfies("admin") && !plain.satisfies("read"));
        let covering = plain.covering(|granted, _| granted == "admin");
        assert!(covering.satisfies("read"));
        assert!(!Identity::new("ada").satisfies("read"));
    }
}
