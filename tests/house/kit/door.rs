//! The front door in this process, on a port of its own, and a client that speaks to it.

use std::{net::SocketAddr, sync::Arc};

use payoutd::{
    http::{CursorKey, Door, Settings, TokenDigest, listeners::SocketFile, office::SharedOffice},
    telemetry::Metrics,
};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::small_office::{ALICE, SmallOffice};

/// The token that opens it.
pub(crate) const TOKEN: &str = "a-token-of-thirty-two-characters-1";

/// An open door and the small office behind it.
pub(crate) struct OpenDoor {
    /// The office.
    pub(crate) office: Arc<SmallOffice>,
    /// The door from within.
    pub(crate) within: Door,
    caller: Caller,
}

impl std::ops::Deref for OpenDoor {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// Somebody who speaks to an open door.
pub(crate) struct Caller {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where gateways come over TLS.
    pub(crate) internal: Option<SocketAddr>,
    _internal_file: Option<SocketFile>,
    client: reqwest::Client,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Its headers.
    pub(crate) headers: reqwest::header::HeaderMap,
    /// Its body.
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A header.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The last part of the problem's type.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        self.json()["type"].as_str().unwrap().trim_start_matches("/problems/").to_owned()
    }

    /// The pointers of the problem's mistakes.
    pub(crate) fn pointers(&self) -> Vec<String> {
        self.places("pointer")
    }

    /// The parameters that the problem's mistakes are in.
    pub(crate) fn parameters(&self) -> Vec<String> {
        self.places("parameter")
    }

    fn places(&self, kind: &str) -> Vec<String> {
        let errors = self.json()["errors"].clone();
        let list = errors.as_array().cloned().unwrap_or_default();
        list.iter().map(|error| error[kind].as_str().unwrap().to_owned()).collect()
    }
}

impl OpenDoor {
    /// Opens one.
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// Opens one with settings of a story's own.
    pub(crate) async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        let door = Self::of(change);
        door.let_through();
        door
    }

    /// Opens one while the house behind it starts.
    pub(crate) fn starting() -> Self {
        Self::of(|_| {})
    }

    /// The house has started.
    pub(crate) fn let_through(&self) {
        self.within.staff(self.office.clone());
    }

    fn of(change: impl FnOnce(&mut Settings)) -> Self {
        let office = Arc::new(SmallOffice::default());
        let (caller, within) = Caller::before_nobody(change);
        Self { office, within, caller }
    }
}

impl Caller {
    /// Opens a door before an office, and stands before it.
    pub(crate) fn before(office: SharedOffice, change: impl FnOnce(&mut Settings)) -> Self {
        let (caller, within) = Self::before_nobody(change);
        within.staff(office);
        caller
    }

    fn before_nobody(change: impl FnOnce(&mut Settings)) -> (Self, Door) {
        let listen = "127.0.0.1:0".parse().unwrap();
        let mut settings = Settings::new(listen, TokenDigest::of(TOKEN), CursorKey::new([7; 32]));
        settings.workers = 1;
        change(&mut settings);
        let door = Door::new(settings, Metrics::detached());
        let opened = door.clone().open().unwrap();
        let mut caller = Self::at(opened.address);
        actix_rt::spawn(opened.local);
        if let Some(internal) = opened.internal {
            actix_rt::spawn(internal.server);
            (caller.internal, caller._internal_file) = (internal.tls_address, internal.socket_file);
        }
        (caller, door)
    }

    /// Stands before a door that somebody else opens.
    pub(crate) fn at(address: SocketAddr) -> Self {
        // reqwest wants a provider even where nothing is encrypted; another test may have installed it.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { address, internal: None, _internal_file: None, client: client.build().unwrap() }
    }

    /// A request without a token.
    pub(crate) fn stranger(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request with the token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.stranger(method, path).bearer_auth(TOKEN)
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Posts JSON, or nothing.
    pub(crate) async fn post(&self, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(Method::POST, path);
        send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// Orders with a key.
    pub(crate) async fn order(&self, key: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, "/v1/payouts").header("Idempotency-Key", key).json(body)).await
    }

    /// Orders a batch with a key.
    pub(crate) async fn batch(&self, key: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, "/v1/payouts/batch").header("Idempotency-Key", key).json(body)).await
    }

    /// Orders with raw bytes.
    pub(crate) async fn order_raw(&self, body: Vec<u8>) -> Answer {
        let request = self.request(Method::POST, "/v1/payouts").header("Idempotency-Key", "raw");
        send(request.header("Content-Type", "application/json").body(body)).await
    }

    /// Orders, and gives the id.
    pub(crate) async fn ordered(&self, key: &str) -> String {
        let answer = self.order(key, &order("25.5")).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }
}

/// An order for Alice.
pub(crate) fn order(amount: &str) -> Value {
    json!({ "recipient": ALICE.to_string(), "amount": amount })
}

/// Sends, and reads the whole answer.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response: Response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}
