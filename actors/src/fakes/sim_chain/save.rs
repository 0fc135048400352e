//! The whole network in one text, to go on with tomorrow: blocks, state, pools, weather.

use thiserror::Error;

use super::SimChain;

/// The format; another number is another format.
const FORMAT: &str = "payoutd-sandbox/1\n";

/// A written-down network.
pub type SavedChain = Vec<u8>;

/// Why a written-down network can not be read.
#[derive(Debug, Error)]
pub enum Unloadable {
    /// Not what [`SimChain::save`] wrote, or another version of it.
    #[error("this is no saved network of this version")]
    OtherFormat,
    /// Damaged.
    #[error("the saved network is damaged")]
    Damaged(#[from] serde_json::Error),
}

impl SimChain {
    /// Writes everything down.
    pub fn save(&self) -> Result<SavedChain, serde_json::Error> {
        let mut out = FORMAT.as_bytes().to_vec();
        serde_json::to_writer(&mut out, self)?;
        Ok(out)
    }

    /// Goes on where [`SimChain::save`] stopped. Slots that have passed since were missed.
    pub fn load(saved: &[u8]) -> Result<SimChain, Unloadable> {
        let text = saved.strip_prefix(FORMAT.as_bytes()).ok_or(Unloadable::OtherFormat)?;
        Ok(serde_json::from_slice(text)?)
    }
}
