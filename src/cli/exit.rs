//! Exit codes: how a script learns what happened. The numbers are sysexits(3) where one fits, and never change meaning.

use std::process::ExitCode;

/// How a command ended. Wrong arguments end in clap, with 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done as asked.
    Done = 0,
    /// The command did its work, and what it looked at is not in order: a broken seal, an anomaly on chain.
    Found = 1,
    /// Arguments that clap accepts one by one and that do not fit together.
    Usage = 2,
    /// The data given is wrong: not an address, not a transaction, not a checkpoint.
    BadData = 65,
    /// A file that was named cannot be read.
    NoInput = 66,
    /// Something needed is away: the daemon, a node.
    Unavailable = 69,
    /// A fault in payoutd itself.
    Software = 70,
    /// A file cannot be created, or is there already.
    CannotCreate = 73,
    /// Reading or writing failed midway: a full disk, a broken volume.
    Io = 74,
    /// Not now: another process holds the store, a limit of the door. Trying later makes sense.
    TryLater = 75,
    /// Known and refused: a wrong token, a missing permission.
    NotPermitted = 77,
    /// The configuration is wrong; every mistake was named.
    Configuration = 78,
    /// The guardian's budget is spent. The service manager starts the house again and the rows tell the rest.
    GaveUp = 80,
    /// Interrupted by the person at the terminal (128 + SIGINT).
    Interrupted = 130,
    /// The reader of our answer went away (128 + SIGPIPE): `payoutd … | head`.
    HungUp = 141,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
