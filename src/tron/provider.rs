//! What all calls to one provider have in common: its key, its weather, its meters, the second try.

use std::{fmt, sync::Arc};

use payoutd_actors::ports::ChainFault;
use reqwest::{
    Method, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use tokio::time::Instant;
use tracing::debug;

use super::{
    call::Call, limits::ProviderLimits, meters::Meters, retry::RetryBudget, retry_after, wire::words,
};
use crate::egress::{ApiKey, EgressError, Request, Response, Transport};

/// The header that TronGrid and TronScan take their key in.
const API_KEY: HeaderName = HeaderName::from_static("tron-pro-api-key");

/// One provider.
pub(super) struct Provider {
    name: String,
    transport: Arc<dyn Transport>,
    limits: ProviderLimits,
    api_key: Option<ApiKey>,
    /// What every question carries, ready to be cloned; those with a body say what it is.
    get_headers: HeaderMap,
    post_headers: HeaderMap,
    meters: Meters,
    budget: RetryBudget,
}

/// Why a call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The answer is longer than its limit, in bytes: a smaller question may be answered.
    TooLong { limit: usize },
    /// The rest.
    Fault(ChainFault),
}

impl From<Trouble> for ChainFault {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::TooLong { limit } => Self::Garbled(EgressError::TooLong { limit }.to_string()),
            Trouble::Fault(fault) => fault,
        }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.name)
    }
}

impl Provider {
    pub(super) fn new(
        name: String,
        api_key: Option<ApiKey>,
        limits: ProviderLimits,
        transport: Arc<dyn Transport>,
    ) -> Self {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        let mut get_headers = HeaderMap::new();
        get_headers.insert(ACCEPT, JSON);
        if let Some(key) = &api_key {
            get_headers.insert(API_KEY, key.header());
        }
        let mut post_headers = get_headers.clone();
        post_headers.insert(CONTENT_TYPE, JSON);
        let meters = Meters::new(&name);
        let budget = RetryBudget::new();
        Self { name, transport, limits, api_key, get_headers, post_headers, meters, budget }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Posts bytes that may not be sent twice by us: the office decides when they are sent again.
    pub(super) async fn post_once(&self, call: Call, url: Url, body: Vec<u8>) -> Result<Vec<u8>, ChainFault> {
        let request = self.post(url, body, self.limits.answer_bytes_max);
        Ok(self.once(call, request).await.map_err(Failed::into_trouble)?)
    }

    /// Asks for one thing.
    pub(super) async fn ask(&self, call: Call, url: Url, body: Vec<u8>) -> Result<Vec<u8>, ChainFault> {
        Ok(self.repeatable(call, self.post(url, body, self.limits.answer_bytes_max)).await?)
    }

    /// Asks for a list.
    pub(super) async fn ask_list(&self, call: Call, url: Url, body: Vec<u8>) -> Result<Vec<u8>, Trouble> {
        self.repeatable(call, self.post(url, body, self.limits.list_bytes_max)).await
    }

    /// Asks by GET.
    pub(super) async fn get(&self, call: Call, url: Url) -> Result<Vec<u8>, ChainFault> {
        let (headers, answer_bytes_max) = (self.get_headers.clone(), self.limits.list_bytes_max);
        let request = Request { method: Method::GET, url, headers, body: Vec::new(), answer_bytes_max };
        Ok(self.repeatable(call, request).await?)
    }

    fn post(&self, url: Url, body: Vec<u8>, answer_bytes_max: usize) -> Request {
        Request { method: Method::POST, url, headers: self.post_headers.clone(), body, answer_bytes_max }
    }

    /// A question may be asked twice: where the connection broke, it is, once, if the budget allows.
    async fn repeatable(&self, call: Call, request: Request) -> Result<Vec<u8>, Trouble> {
        let spare = request.clone();
        let answer = match self.once(call, request).await {
            Err(Failed::ConnectionBroke(_)) if self.budget.spend() => self.once(call, spare).await,
            answer => answer,
        };
        if answer.is_ok() {
            self.budget.earn();
        }
        answer.map_err(Failed::into_trouble)
    }

    async fn once(&self, call: Call, request: Request) -> Result<Vec<u8>, Failed> {
        let begun = Instant::now();
        let carried = self.transport.carry(request).await;
        self.meters.count(call, begun.elapsed());
        let outcome = match carried {
            Ok(response) => self.read(response),
            Err(error) => Err(Failed::from(error)),
        };
        if let Err(failed) = &outcome {
            debug!(provider = self.name, call = call.name(), ?failed, "no answer");
        }
        outcome
    }

    /// The HTTP weather: every status but 200 is no answer.
    fn read(&self, response: Response) -> Result<Vec<u8>, Failed> {
        let status = response.status;
        if status == StatusCode::OK {
            return Ok(response.body);
        }
        if let Some(time) = retry_after::asked_for(status, &response.headers, &self.limits) {
            let retry_after_ms = i64::try_from(time.as_millis()).ok();
            return Err(Failed::Other(ChainFault::Penalty { status: status.as_u16(), retry_after_ms }));
        }
        let number = status.as_u16();
        let what = if status.is_redirection() {
            format!("HTTP {number}: a redirect, which is not followed")
        } else {
            format!("HTTP {number}: {}", self.said(&response.body))
        };
        Err(Failed::Other(ChainFault::Garbled(what)))
    }

    /// What a body says, for people.
    fn said(&self, body: &[u8]) -> String {
        let said = match body.trim_ascii_start().first() {
            None => "nothing said".to_owned(),
            Some(b'<') => "a page for people".to_owned(),
            Some(_) => words(&String::from_utf8_lossy(body)),
        };
        self.redact(said)
    }

    /// A provider's words without our key.
    pub(super) fn redact(&self, words: String) -> String {
        match &self.api_key {
            Some(key) => key.redact(words),
            None => words,
        }
    }

    /// A fault of reading an answer, cleaned of our key.
    pub(super) fn garbled(&self, call: Call, fault: ChainFault) -> ChainFault {
        let fault = match fault {
            ChainFault::Garbled(what) => ChainFault::Garbled(self.redact(what)),
            other => other,
        };
        debug!(provider = self.name, call = call.name(), %fault, "an answer that is none");
        fault
    }
}

/// How one request failed.
#[derive(Debug, Clone)]
enum Failed {
    ConnectionBroke(String),
    TooLong { limit: usize },
    Other(ChainFault),
}

impl From<EgressError> for Failed {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::Broken(_) => Self::ConnectionBroke(error.to_string()),
            EgressError::TooLong { limit } => Self::TooLong { limit },
            EgressError::Unreachable(_) | EgressError::TimedOut => {
                Self::Other(ChainFault::Silent(error.to_string()))
            }
        }
    }
}

impl Failed {
    fn into_trouble(self) -> Trouble {
        match self {
            Self::ConnectionBroke(what) => Trouble::Fault(ChainFault::Silent(what)),
            Self::TooLong { limit } => Trouble::TooLong { limit },
            Self::Other(fault) => Trouble::Fault(fault),
        }
    }
}
