//! What all modes are given: how much is wanted, and servers to measure.

use crate::client::messages::Revision;
use crate::error::Failed;
use crate::measure::cores::Cores;
use crate::options::Options;
use crate::process;
use crate::server::kind::What;
use crate::server::measured::{Contender, Side};

/// Open files and connections beside those that are counted.
const SPARE: usize = 64;
/// So many sessions, listening requests and connections a server of ours has by default for one address.
const DEFAULT_MAX: usize = 5_000;

pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) cores: Option<Cores>,
}

impl Bench {
    /// The servers that are compared, ours first.
    pub(crate) fn contenders(&self, revision: Revision) -> Vec<Contender> {
        let own = Self::own(revision).map(Contender::Own);
        let other = self.options.against.as_ref().map(|_| Contender::Other);
        own.into_iter().chain(other).collect()
    }

    /// Those that this program is.
    pub(crate) const fn own(revision: Revision) -> [What; 2] {
        [What::Ours, What::Lean(revision)]
    }

    /// A server with room for so many connections; `options` are further arguments of `--serve`.
    pub(crate) fn start(
        &self,
        contender: Contender,
        connections: usize,
        options: &[String],
    ) -> Result<Side, Failed> {
        let needed = connections + SPARE;
        if let Some(limit) = process::open_files()
            && limit < needed
        {
            let why = format!("{needed} open files are needed, {limit} are allowed: ulimit -n");
            return Err(why.into());
        }
        let what = match contender {
            Contender::Own(what) => what,
            Contender::Other => {
                let against = self.options.against.as_ref();
                return Ok(Side::of(against.ok_or("there is no other server")?));
            }
        };
        let mut options = options.to_vec();
        if raised(connections).is_some() {
            options.extend(["--max".to_owned(), needed.to_string()]);
        }
        Side::start(what, &options, self.cores.as_ref())
    }
}

/// Where more connections are needed than the defaults have room for, these limits alone are raised, and the
/// report says so.
pub(crate) fn raised(connections: usize) -> Option<&'static str> {
    (connections + SPARE > DEFAULT_MAX).then_some(
        "; all limits are the defaults but for how many sessions and connections there may be",
    )
}
