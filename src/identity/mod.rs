//! Who is at a door: what they show, whether it is theirs, and what they may do by it.
//!
//! - A [`Principal`] is made here and nowhere else (F000-02): its constructors are this module's own. Doors ask the
//!   [`Gatekeeper`] and pass on what they get; inside, nothing trusts a header.
//! - Credentials: the one token of the house ([`crate::http::TokenDigest`]), and [API keys](api_key) with
//!   [signatures](signature) over whatever moves money (F002-07). [People] are invited, choose a
//!   password, and sign in at the [reception].
//! - A [gateway] brings people along who have signed in elsewhere: it is known by the kernel's word or its certificate.
//! - An [issuer] elsewhere may say who somebody is; never what they may do.
//! - The live record decides, not the credential: a key that was revoked opens nothing 100 ms later, on every daemon (F001-06).
//! - Secrets are kept as digests, or sealed in the [`vault`] under the master key: a stolen database opens no door (F001-11).
//!
//! **Never here:** what a route asks for (the table of routes says it), rates, rules about money.

pub mod api_key;
mod clerk;
mod gatekeeper;
pub mod gateway;
pub mod issuer;
mod keyring;
mod known;
mod nonces;
pub mod people;
mod principal;
pub mod reception;
pub mod second_factor;
pub mod signature;
pub mod slip;
pub mod vault;

pub use clerk::{CLERK, Clerk};
pub use gatekeeper::{Gatekeeper, GatekeeperSettings, Presented, Refused, Shown, Signed, Unknown};
pub use keyring::{Issue, Issued, KeyFault, KeyView, Keyring, LIFE_MS_MAX, OVERLAP_MS, PAGE_MAX};
pub use people::People;
pub use principal::{By, KeyRate, Means, Principal};
pub use reception::Reception;
