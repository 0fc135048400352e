//! The doors to the world, said in the office's words. `src/` implements them; `fakes/` plays them for the tests.

pub mod birth;
pub mod chain;
pub mod clock;
pub mod event_bus;
#[cfg(feature = "fakes")]
pub mod exam;
pub mod house;
pub mod journal;
pub mod payouts;
pub mod register;
pub mod roles;
pub mod second_opinion;
pub mod signer;
pub mod strangers;

pub use chain::{
    AccountView, BroadcastReply, ChainFault, ChainNode, ChainParameters, ResourceView, TrialRun, View,
};
pub use clock::{Clock, Entropy};
pub use event_bus::{BusFault, EventBus};
pub use house::{BlockMark, House, HouseChange, HouseFacts, Pause, RestoreGate};
pub use journal::{CheckpointKeeper, Journal, JournalSearch, SEARCH_TEXTS};
pub use payouts::{
    Admitted, CLAIM_LEASE_MS, CLAIM_PASSES_MS, Gate, InFlight, LiveTransfer, NewPayout, PayoutFilter,
    Payouts, StageCount, Step, StepResult, StoreFault, Urgency,
};
pub use register::{
    Entry, EntryKind, KeyUsage, KeyUses, Register, RegisterChange, Registered, USAGE_HOUR_MS, Use,
    usage_hour_of,
};
pub use roles::{ROLE_LEASE_MS, Role, Roles};
pub use second_opinion::{IndexedTransfer, SecondOpinion};
pub use signer::{Signer, SignerFault};
pub use strangers::{NotedStranger, Strangers};
