//! How much of everything: what the command line calls it, and how much it is unless it says.

/// How much of something, in the order of `SIZES`.
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

pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) usual: f64,
    /// With `--test`.
    pub(crate) tiny: f64,
}

const fn setting(name: &'static str, about: &'static str, (usual, tiny): (f64, f64)) -> Setting {
    Setting {
        name,
        about,
        usual,
        tiny,
    }
}

pub(crate) const SIZES: [Setting; 10] = [
    setting(
        "--seconds",
        "how long each server has the load, in all its turns",
        (5.0, 0.2),
    ),
    setting(
        "--connections",
        "call, open: clients at the same time",
        (32.0, 4.0),
    ),
    setting(
        "--bytes",
        "big: the length of the argument",
        (1_048_576.0, 65_536.0),
    ),
    setting(
        "--bodies",
        "left: calls of 4 MB at the same time",
        (100.0, 4.0),
    ),
    setting("--readers", "slow: clients that do not read", (8.0, 2.0)),
    setting(
        "--listeners",
        "fan-out: clients that listen",
        (1000.0, 20.0),
    ),
    setting(
        "--changes",
        "fan-out: how often they are told of one",
        (40.0, 4.0),
    ),
    setting("--streams", "idle: streams that are open", (2000.0, 50.0)),
    setting(
        "--sessions",
        "million: sessions, such as 1000000",
        (20_000.0, 500.0),
    ),
    setting(
        "--keep-alive",
        "million: seconds between two, as by default",
        (15.0, 0.2),
    ),
];
