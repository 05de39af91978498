//! [`Shared`]: what all exchanges of a service have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::http::request::Parts;

use super::access::identity::Identity;
use super::access::peer::party_of;
#[cfg(feature = "request-state")]
use super::clock::now;
use super::config::Config;
use super::dispatch::admission::permit;
use super::dispatch::calls::Calls;
use super::dispatch::dispatcher::Dispatcher;
use super::dispatch::publisher::Publisher;
use super::intake::buffers::Buffers;
use super::observe::observer::Observer;
use super::session::listeners::{ListenPlace, ListenStream, ListenTable};
use super::session::reaper::Reaper;
use super::session::sessions::SessionTable;
use super::stream::lease::{LeaseTable, lease_table};
#[cfg(feature = "server")]
use super::tasks::table::Tasks;
use crate::error::Error;
use crate::protocol::era::{Read, id_of};
use crate::protocol::exchange::Endpoint;
use crate::protocol::rejection::{Reason, Rejection};
use crate::protocol::table::Table;
use crate::wire::id::SessionId;

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) dispatcher: Arc<dyn Dispatcher>,
    pub(crate) table: Arc<SessionTable>,
    pub(crate) reaper: Arc<Reaper>,
    pub(crate) listens: Arc<ListenTable>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) leases: Arc<LeaseTable>,
    pub(crate) buffers: Arc<Buffers>,
    #[cfg(feature = "server")]
    pub(crate) tasks: Arc<Tasks>,
    draining: AtomicBool,
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        dispatcher: Arc<dyn Dispatcher>,
        observer: Observer,
    ) -> Result<Self, Error> {
        let observer = Arc::new(observer);
        let (limits, timeouts) = (&config.limits, &config.timeouts);
        let table = SessionTable::new(limits.session_caps(), Arc::clone(&observer));
        let table = Arc::new(table);
        let reaper = Reaper::new(Arc::clone(&table), timeouts.session_idle, limits.replay.age);
        let calls = Calls::new(Arc::clone(&observer), limits.call_caps(), timeouts.request);
        let listens = Arc::new(Table::new(limits.listen_stream_caps()));
        let is_authorized = config.access.authorizer.is_some();
        let publisher = Publisher::new(&table, &listens, &observer, is_authorized);
        #[cfg(feature = "server")]
        let tasks = Arc::new(Tasks::new(&config.backplane, limits, timeouts, &observer));
        #[cfg(feature = "server")]
        let publisher = publisher.with_tasks(&tasks);
        dispatcher.attach(publisher)?;
        // The service keeps less than its longest body takes.
        let buffers = Arc::new(Buffers::new(limits.body / 2));
        Ok(Self {
            config,
            dispatcher,
            table,
            reaper: Arc::new(reaper),
            listens,
            calls: Arc::new(calls),
            observer,
            leases: Arc::new(lease_table()),
            buffers,
            #[cfg(feature = "server")]
            tasks,
            draining: AtomicBool::new(false),
        })
    }

    /// Whether all requests of a body have the scopes that they need.
    pub(crate) fn permit(
        &self,
        endpoint: Endpoint,
        head: &Parts,
        read: &Read,
    ) -> Result<(), Rejection> {
        let Ok(payload) = read else {
            return Ok(());
        };
        let permitted = permit(&*self.dispatcher, Identity::of(head), payload);
        permitted.map_err(|challenge| {
            let path = head.uri.path();
            let reason = self.config.challenge(challenge, endpoint, path);
            Rejection::from(reason).of(id_of(read))
        })
    }

    /// A place for a request that is to listen.
    pub(crate) fn place_to_listen(&self, head: &Parts) -> Result<ListenPlace, Reason> {
        let place = ListenPlace::take(&self.listens, party_of(head).as_ref())?;
        // A drain ends the requests that have a place. One that began before this one had it is seen here.
        match self.is_draining() {
            true => Err(Reason::ShuttingDown),
            false => Ok(place),
        }
    }

    /// Gives all listening requests their result (SPEC D-127), those that do not listen yet as soon as they do.
    pub(crate) fn end_listens(&self) {
        for row in self.listens.all() {
            row.with(ListenStream::end);
        }
    }

    pub(crate) fn has_portable_sessions(&self) -> bool {
        #[cfg(feature = "request-state")]
        return self.config.portable.is_some();
        #[cfg(not(feature = "request-state"))]
        false
    }

    /// Sees to it that a session that ended for good is not taken up again; others cannot be.
    pub(crate) fn bury(&self, id: SessionId) {
        #[cfg(feature = "request-state")]
        if let Some(portable) = &self.config.portable {
            self.table.bury(id, portable.lifetime, now());
        }
        #[cfg(not(feature = "request-state"))]
        let _ = (self, id);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Refuses new sessions and requests from now on.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }
}
