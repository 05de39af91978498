//! [`Identity`]: the verified sender of a request.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::http::request::Parts;
use tokio::time::Instant;

use crate::protocol::party::Owner;

/// The verified sender of a request, and what it may do. Cheap to clone.
///
/// Sessions, streams, listening requests and request states belong to the principal that opened them.
/// To any other principal they do not exist. So the name of a principal must always mean the same person
/// or machine: the issuer and the subject of a token, for example. Add the client to the name to keep the
/// clients of one person apart.
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
    /// An identity without scopes that does not expire.
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

    /// Sets the client that the principal uses. Default: unknown.
    #[must_use]
    pub fn client(self, client: impl Into<String>) -> Self {
        let client: String = client.into();
        self.with(|inner| inner.client = Some(client.into()))
    }

    /// Sets the scopes that were granted. Default: none.
    #[must_use]
    pub fn scopes<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.with(|inner| inner.scopes = scopes.into_iter().map(Into::into).collect())
    }

    /// Sets when a granted scope (the first argument) also satisfies a needed scope (the second) that is
    /// not equal to it (*2026-07-28, Authorization, Scope Challenge Handling*). Default: never.
    #[must_use]
    pub fn covering(self, covers: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.covers = Some(Arc::new(covers)))
    }

    /// Sets when the identity expires. Streams that were opened with it end then, and later requests are
    /// refused. Default: never.
    #[must_use]
    pub fn expires_at(self, time: SystemTime) -> Self {
        self.with(|inner| inner.expires_at = Some(time))
    }

    /// Attaches a value for handlers, such as claims. There is one value of each type; a second replaces
    /// the first.
    #[must_use]
    pub fn attach<T: Any + Send + Sync>(self, value: T) -> Self {
        self.with(|inner| {
            inner.attached.retain(|attached| !attached.is::<T>());
            inner.attached.push(Arc::new(value));
        })
    }

    /// The name of the principal.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.0.principal
    }

    /// The client that the principal uses, if known.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    /// The scopes that were granted.
    #[must_use]
    pub fn granted(&self) -> &[String] {
        &self.0.scopes
    }

    /// Whether this scope was granted, or one that covers it ([`covering`](Self::covering)).
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

    /// When the identity expires; `None` if it does not.
    #[must_use]
    pub fn expiry(&self) -> Option<SystemTime> {
        self.0.expires_at
    }

    /// The attached value of this type.
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

    /// The identity of a request, which the authorizer or the embedder put into its extensions.
    pub(crate) fn of(head: &Parts) -> Option<&Self> {
        head.extensions.get()
    }
}

/// Attached values may be secret, so they are not printed. Names and scopes are not secret.
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

    /// SPEC F-53: handlers get what the embedder attached, and no log does.
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
