//! The simulated network behind TRON's and TronScan's HTTP.

mod ask;
mod json;
mod pages;
