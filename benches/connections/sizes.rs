//! The sizes of the load: their options on the command line, and their defaults.

/// One size, in the order of `SIZES`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    Seconds,
    Connections,
    Bytes,
    Bodies,
    Readers,
    Listeners,
    Changes,
    Streams,
    Sessions,
    KeepAlive,
}

pub(crate) struct SizeOption {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) default: f64,
    /// The default with `--test`.
    pub(crate) test: f64,
}

const fn setting(
    name: &'static str,
    about: &'static str,
    (default, test): (f64, f64),
) -> SizeOption {
    SizeOption {
        name,
        about,
        default,
        test,
    }
}

pub(crate) const SIZES: [SizeOption; 10] = [
    setting(
        "--seconds",
        "how long each server is under load, over all its turns",
        (5.0, 0.2),
    ),
    setting(
        "--connections",
        "call, open: number of concurrent clients",
        (32.0, 4.0),
    ),
    setting(
        "--bytes",
        "big: the length of the argument",
        (1_048_576.0, 65_536.0),
    ),
    setting(
        "--bodies",
        "left: number of concurrent calls of 4 MB",
        (100.0, 4.0),
    ),
    setting(
        "--readers",
        "slow: number of clients that do not read",
        (8.0, 2.0),
    ),
    setting(
        "--listeners",
        "fan-out: number of clients that listen",
        (1000.0, 20.0),
    ),
    setting(
        "--changes",
        "fan-out: number of changes that the server sends",
        (40.0, 4.0),
    ),
    setting("--streams", "idle: number of open streams", (2000.0, 50.0)),
    setting(
        "--sessions",
        "million: number of sessions, for example 1000000",
        (20_000.0, 500.0),
    ),
    setting(
        "--keep-alive",
        "million: seconds between two keep-alives",
        (15.0, 0.2),
    ),
];
