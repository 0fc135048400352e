//! A client of the daemon's API: address and token come from the daemon's own configuration, or are named.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};

use super::{exit::Exit, failure::Failure, place::Place};
use crate::config::{Config, Secret};
use crate::http::problem::{Kind, ProblemBody};
use crate::telemetry::Chain;

/// How long the daemon may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);
/// How long it may take to pick up.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A longer answer is none of ours.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why there is no good answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// Nobody listens: the daemon is down.
    NobodyThere {
        /// Where.
        base: String,
        /// The command that starts it, where its place is known.
        start: Option<String>,
    },
    /// The connection broke or timed out. Whether the request was carried out is not known.
    Silent {
        /// How.
        cause: String,
    },
    /// The daemon says no.
    Refused(Box<ProblemBody>),
    /// Something answered that is not payoutd.
    Garbled {
        /// The status that came.
        status: u16,
    },
}

/// The API, as commands speak to it.
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// What every request shows; nothing for somebody who is about to show who they are.
    token: Option<Secret>,
    start: Option<String>,
}

impl Client {
    /// The client of the daemon that works with this configuration.
    ///
    /// # Errors
    /// Exit 78 for a configuration with mistakes, 66 for a token that can not be read.
    pub fn of(place: &Place) -> Result<Self, Failure> {
        let http = configuration_of(place)?.http;
        let token = http.token_file.http_token();
        let token =
            token.map_err(|why| Failure::new(Exit::NoInput, format_args!("http.token_file: {why}")))?;
        let client = Self::through(format!("http://{}", http.listen), Some(token))?;
        Ok(Self { start: Some(place.start_command()), ..client })
    }

    /// The same, for somebody who shows nothing yet.
    ///
    /// # Errors
    /// Exit 78 for a configuration with mistakes.
    pub fn of_nobody(place: &Place) -> Result<Self, Failure> {
        let client = Self::through(format!("http://{}", configuration_of(place)?.http.listen), None)?;
        Ok(Self { start: Some(place.start_command()), ..client })
    }

    /// The client of the daemon at an address.
    ///
    /// # Errors
    /// When this system can not make one.
    pub fn at(url: &reqwest::Url, token: Option<Secret>) -> Result<Self, Failure> {
        Self::through(url.as_str().trim_end_matches('/').to_owned(), token)
    }

    fn through(base: String, token: Option<Secret>) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .build()
            .map_err(|why| Failure::because(Exit::Software, "cannot make an HTTP client", &why))?;
        Ok(Self { http, base, token, start: None })
    }

    fn nobody_there(&self) -> NoAnswer {
        NoAnswer::NobodyThere { base: self.base.clone(), start: self.start.clone() }
    }

    /// Reads.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, NoAnswer> {
        let mut url =
            reqwest::Url::parse(&format!("{}{path}", self.base)).map_err(|_| self.nobody_there())?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(self.shown(self.http.get(url))).await
    }

    /// Acts, with a body or without one.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, NoAnswer> {
        let request = self.to(path);
        self.send(with_body(request, body)).await
    }

    /// Puts something in the place of what is there.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, NoAnswer> {
        let request = self.shown(self.http.put(format!("{}{path}", self.base)));
        self.send(request.json(body)).await
    }

    /// Acts, where the answer has no body.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn act(&self, path: &str, body: Option<&impl Serialize>) -> Result<(), NoAnswer> {
        let request = self.to(path);
        let (status, body) = self.answer(with_body(request, body)).await?;
        if status.is_success() { Ok(()) } else { read(status, &body) }
    }

    /// Orders with a body of JSON, by a key: sent again it is the same order.
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub async fn order<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        body: Vec<u8>,
    ) -> Result<T, NoAnswer> {
        let request = self.to(path).header("Idempotency-Key", key);
        self.send(request.header(CONTENT_TYPE, "application/json").body(body)).await
    }

    fn to(&self, path: &str) -> RequestBuilder {
        self.shown(self.http.post(format!("{}{path}", self.base)))
    }

    fn shown(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, NoAnswer> {
        let (status, body) = self.answer(request).await?;
        read(status, &body)
    }

    /// The answer, whole.
    async fn answer(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), NoAnswer> {
        let silent = |error: &reqwest::Error| NoAnswer::Silent { cause: Chain(error).to_string() };
        let mut response = request
            .send()
            .await
            .map_err(|error| if error.is_connect() { self.nobody_there() } else { silent(&error) })?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| silent(&error))? {
            if body.len().saturating_add(chunk.len()) > ANSWER_BYTES_MAX {
                return Err(NoAnswer::Garbled { status: status.as_u16() });
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }
}

/// The configuration of this machine's daemon. Its warnings are for who starts the daemon, not for each question to it.
fn configuration_of(place: &Place) -> Result<Config, Failure> {
    let sources = place.sources()?;
    if !Place::is_named(&sources) {
        let why = "nobody said which daemon: no configuration is named, and none is installed here";
        return Err(Failure::new(Exit::Configuration, why).next(
            "name it with --config FILE, --data DIR for a sandbox's folder, or --url URL --token-file FILE",
        ));
    }
    Ok(sources.load()?.config)
}

fn with_body(request: RequestBuilder, body: Option<&impl Serialize>) -> RequestBuilder {
    match body {
        Some(body) => request.json(body),
        None => request,
    }
}

fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, NoAnswer> {
    let garbled = NoAnswer::Garbled { status: status.as_u16() };
    if status.is_success() {
        return serde_json::from_slice(body).map_err(|_| garbled);
    }
    Err(serde_json::from_slice(body).map_or(garbled, |problem| NoAnswer::Refused(Box::new(problem))))
}

impl NoAnswer {
    /// Whether asking again later can help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NobodyThere { .. } | Self::Silent { .. } => true,
            Self::Refused(problem) => problem.status == 503 || problem.status == 408,
            Self::Garbled { .. } => false,
        }
    }
}

impl From<ProblemBody> for Failure {
    fn from(problem: ProblemBody) -> Self {
        refused(&problem)
    }
}

impl From<NoAnswer> for Failure {
    fn from(why: NoAnswer) -> Self {
        match why {
            NoAnswer::NobodyThere { base, start } => {
                let failure = Self::new(
                    Exit::Unavailable,
                    format_args!("nobody answers at {base}: the daemon is not running"),
                );
                match start {
                    Some(start) => failure.next(format_args!(
                        "start it with `{start}`; another one is named by --config FILE, --data DIR, or --url URL --token-file FILE"
                    )),
                    None => failure.next("look at --url, or start the daemon there"),
                }
            }
            NoAnswer::Silent { cause } => {
                Self::new(Exit::Unavailable, format_args!("the daemon did not answer: {cause}"))
            }
            NoAnswer::Garbled { status } => Self::new(
                Exit::Unavailable,
                format_args!("what answers there (status {status}) is not payoutd"),
            ),
            NoAnswer::Refused(problem) => refused(&problem),
        }
    }
}

fn refused(problem: &ProblemBody) -> Failure {
    let exit = match problem.status {
        401 | 403 => Exit::NotPermitted,
        408 | 503 => Exit::TryLater,
        500 => Exit::Software,
        _ => Exit::BadData,
    };
    let mistakes: String = match problem.errors.as_slice() {
        [] | [_] => String::new(),
        several => several.iter().map(|mistake| format!("\n  {mistake}")).collect(),
    };
    let failure = match problem.errors.len() {
        // The API says of several that they stand in `errors`; here they stand below.
        2.. => Failure::new(exit, format_args!("{} mistakes{mistakes}", problem.errors.len())),
        _ => Failure::new(exit, format_args!("{}{mistakes}", problem.detail)),
    };
    match problem.status {
        401 if problem.kind == Kind::StepUpRequired.type_reference() => failure.next(
            "`payoutd second-factor step-up` shows a fresh code, `payoutd second-factor enroll` sets one up",
        ),
        401 => failure.next(
            "http.token_file holds another token than the daemon was started with, or the one in --token-file is over: `payoutd sign-in`",
        ),
        500 => failure.next(format_args!("look for {} in the daemon's log", problem.instance)),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_becomes_a_sentence_with_every_mistake_and_an_exit_code() {
        let body = br#"{"type":"/problems/invalid-order","title":"t","status":422,"detail":"2 mistakes","instance":"r",
            "errors":[{"pointer":"/amount","detail":"too much"},{"pointer":"/memo","detail":"too long"}]}"#;
        let failure: Failure = read::<String>(StatusCode::UNPROCESSABLE_ENTITY, body).unwrap_err().into();
        assert_eq!(failure.exit, Exit::BadData);
        assert_eq!(failure.message(), "2 mistakes\n  /amount: too much\n  /memo: too long");
        let page = read::<String>(StatusCode::BAD_GATEWAY, b"<html>").unwrap_err();
        assert!(matches!(page, NoAnswer::Garbled { status: 502 }));
    }
}
