//! The simulated network behind TRON's and TronScan's HTTP.

mod abi;
mod ask;
mod door;
mod json;
mod pages;
mod reply;
