//! A world to practise in: the simulated chain, a store in memory, a clock that belongs to the test.

mod disguise;
mod memory_house;
mod memory_journal;
mod memory_payouts;
mod memory_reads;
mod memory_register;
mod memory_roles;
mod memory_store;
mod memory_strangers;
mod pocket_bus;
mod pocket_entropy;
mod pocket_keeper;
mod pocket_roles;
mod pocket_signer;
pub mod sim_chain;
mod sim_node;
mod sim_tronscan;
mod test_clock;

pub use disguise::Disguise;
pub use memory_journal::{place_in_journal, search_journal};
pub use memory_store::{MemorySnapshot, MemoryStore};
pub use pocket_bus::PocketBus;
pub use pocket_entropy::PocketEntropy;
pub use pocket_keeper::PocketKeeper;
pub use pocket_roles::PocketRoles;
pub use pocket_signer::PocketSigner;
pub use sim_node::{SharedChain, SimNode, look};
pub use sim_tronscan::SimTronScan;
pub use test_clock::{BEGINNING_MS, TestClock};
