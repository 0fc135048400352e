//! What senders write and how it is read: the same for every door.
//!
//! Promises that a mistake is named by its place (an RFC 6901 pointer) with what would be right, and that all mistakes
//! of a text are named at once. **Never here:** whether an order may be paid. That is Admission's.

pub mod cloud_event;
pub mod fields;
pub mod json;
pub mod moment;
pub mod payout_order;
