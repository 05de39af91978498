//! What each mode receives: the options, and a way to start servers.

use crate::client::messages::Revision;
use crate::error::BoxError;
use crate::measure::cores::Cores;
use crate::options::Options;
use crate::process;
use crate::server::kind::ServerKind;
use crate::server::measured::{Contender, MeasuredServer};

/// Open files and connections in addition to those that a mode asks for.
const SPARE: usize = 64;
/// The default limit on the sessions, listening requests and connections of one address.
const DEFAULT_MAX: usize = 5_000;

pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) cores: Option<Cores>,
}

impl Bench {
    /// The servers to compare, ours first.
    pub(crate) fn contenders(&self, revision: Revision) -> Vec<Contender> {
        let own = Self::own(revision).map(Contender::BuiltIn);
        let other = self.options.against.as_ref().map(|_| Contender::External);
        own.into_iter().chain(other).collect()
    }

    /// The servers that are part of this program.
    pub(crate) const fn own(revision: Revision) -> [ServerKind; 2] {
        [ServerKind::Ours, ServerKind::Lean(revision)]
    }

    /// Starts a server with room for this many connections. `options` are further arguments of `--serve`.
    pub(crate) fn start(
        &self,
        contender: Contender,
        connections: usize,
        options: &[String],
    ) -> Result<MeasuredServer, BoxError> {
        let needed = connections + SPARE;
        if let Some(limit) = process::open_files()
            && limit < needed
        {
            let why = format!(
                "this mode needs {needed} open files, but the limit is {limit}: raise it with `ulimit -n {needed}`"
            );
            return Err(why.into());
        }
        let kind = match contender {
            Contender::BuiltIn(kind) => kind,
            Contender::External => {
                let against = self.options.against.as_ref();
                return Ok(MeasuredServer::of(
                    against.ok_or("no server was given with --against")?,
                ));
            }
        };
        let mut options = options.to_vec();
        if raised(connections).is_some() {
            options.extend(["--max".to_owned(), needed.to_string()]);
        }
        MeasuredServer::start(kind, &options, self.cores.as_ref())
    }
}

/// If a mode needs more connections than the defaults allow, only those limits are raised, and the report
/// says so.
pub(crate) fn raised(connections: usize) -> Option<&'static str> {
    (connections + SPARE > DEFAULT_MAX).then_some(
        "; all limits have their defaults, except those on the number of sessions and connections",
    )
}
