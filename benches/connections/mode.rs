//! What can be measured.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Call,
    Open,
    Big,
    Work,
    Left,
    Slow,
    FanOut,
    Idle,
    Million,
}

impl Mode {
    pub(crate) const ALL: [Self; 9] = [
        Self::Call,
        Self::Open,
        Self::Big,
        Self::Work,
        Self::Left,
        Self::Slow,
        Self::FanOut,
        Self::Idle,
        Self::Million,
    ];

    /// The name on the command line and in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Open => "open",
            Self::Big => "big",
            Self::Work => "work",
            Self::Left => "left",
            Self::Slow => "slow",
            Self::FanOut => "fan-out",
            Self::Idle => "idle",
            Self::Million => "million",
        }
    }

    /// What `--help` says about it.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Call => "calls of a tool in each revision",
            Self::Open => "sessions that a client opens and abandons",
            Self::Big => "calls with a long argument",
            Self::Work => "long calls, and calls that each open a session or a connection",
            Self::Left => "memory that the server keeps after long messages",
            Self::Slow => "clients that do not read, and their effect on other clients",
            Self::FanOut => "one change that the server sends to all listeners",
            Self::Idle => "memory and keep-alives of open streams",
            Self::Million => "idle sessions in one process, over connections in memory",
        }
    }
}
