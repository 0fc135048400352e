//! Who may do what: permissions, how far they reach, and the roles that carry them (F000-06, F000-07).
//!
//! Everything is refused that is not granted. A grant says a permission and how far it reaches; reaches are ordered, so that
//! whoever may do it to all may do it to their own (D-15). Promises that a principal never gains by losing a grant. Never here:
//! how somebody proves who they are, what a door answers.

mod grant;
mod node;
mod orderer;
mod permission;
mod role;

pub use grant::{Detail, Grant, Grants, Reach, Routes};
pub use node::{NodeName, NotANodeName, Reached};
pub use orderer::Orderer;
pub use permission::Permission;
pub use role::{NoSuchRole, Role};
