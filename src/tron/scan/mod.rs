//! TronScan, or what speaks like it: an index of the chain, read by page, many payments a call (F-N05).
//!
//! Promises: all pages or a fault, each transfer once, nothing that was not asked for. An index lags and may leave things
//! out, so a transfer that is missing here says nothing.
//!
//! **Never here:** absence, and the second transfer that it might permit.

mod pages;
mod wire;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use payoutd_actors::{
    domain::address::Address,
    ports::{ChainFault, IndexedTransfer, SecondOpinion},
};
use reqwest::Url;

use self::pages::{Page, Pages, Span};
use super::{ClientError, api_key_of, call::Call, limits::ProviderLimits, provider::Provider};
use crate::{
    config::{self, Egress, Secret},
    egress::{self, ApiKey, Transport},
};

/// Where TronScan is and what a call to it may take.
#[derive(Debug, Clone)]
pub struct ScanSettings {
    /// Its name in proofs, views, logs and metrics: host and port.
    pub name: String,
    /// Where `api/…` is asked.
    pub url: Url,
    /// Sent as TRON-PRO-API-KEY, where there is one.
    pub api_key: Option<ApiKey>,
    /// Time, sizes, connections.
    pub limits: ProviderLimits,
}

/// TronScan.
pub struct TronScan {
    provider: Provider,
    transfers_url: Url,
}

impl fmt::Debug for TronScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TronScan({})", self.provider.name())
    }
}

impl ScanSettings {
    /// As the operator configured it.
    ///
    /// # Errors
    /// When the key can not stand in a header.
    pub fn of(
        index: &config::TronScan,
        api_key: Option<&Secret>,
        request_timeout: Duration,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            // A sandbox serves nodes and index at one address: breakers and proofs must tell them apart.
            name: format!("tronscan {}", index.url.host()),
            url: index.url.url().clone(),
            api_key: api_key_of(api_key)?,
            limits: ProviderLimits::with_request_timeout(request_timeout),
        })
    }
}

impl TronScan {
    /// An index that is reached directly. Nothing is sent yet. The metrics' recorder must be installed before.
    ///
    /// # Errors
    /// When the address is none that can be dialled, or the system has no root certificates for https.
    pub fn new(settings: ScanSettings) -> Result<Self, ClientError> {
        let transport = egress::open(Egress::Direct, &[&settings.url], &settings.limits.egress)?;
        Ok(Self::through(transport, settings))
    }

    /// An index that is reached by a way that is open already.
    #[must_use]
    pub fn through(transport: Arc<dyn Transport>, settings: ScanSettings) -> Self {
        let ScanSettings { name, url, api_key, limits } = settings;
        let transfers_url = egress::below(&url, "api/token_trc20/transfers");
        Self { provider: Provider::new(name, api_key, limits, transport), transfers_url }
    }

    /// One page of a span, as the index numbers its rows: the newest first.
    async fn page(
        &self,
        wallet: Address,
        token: Address,
        span: Span,
        start: u64,
    ) -> Result<Page, ChainFault> {
        let mut url = self.transfers_url.clone();
        url.query_pairs_mut()
            .append_pair("start", &start.to_string())
            .append_pair("limit", &pages::ROWS_PER_PAGE.to_string())
            .append_pair("contract_address", &token.to_string())
            .append_pair("fromAddress", &wallet.to_string())
            .append_pair("start_timestamp", &span.from_ms.to_string())
            .append_pair("end_timestamp", &span.to_ms.to_string());
        let answer = self.provider.get(Call::TokenTransfers, url).await?;
        wire::read_page(&answer).map_err(|fault| self.provider.garbled(Call::TokenTransfers, fault))
    }
}

#[async_trait]
impl SecondOpinion for TronScan {
    fn name(&self) -> &str {
        self.provider.name()
    }

    async fn outgoing(
        &self,
        wallet: Address,
        token: Address,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<IndexedTransfer>, ChainFault> {
        let mut pages = Pages::of(Span { from_ms, to_ms });
        while let Some((span, start)) = pages.next()? {
            let page = self.page(wallet, token, span, start).await?;
            pages.take(page)?;
        }
        Ok(pages
            .into_transfers()
            .into_iter()
            .filter(|row| row.from == wallet && row.token == token)
            .collect())
    }
}
