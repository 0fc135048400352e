//! `GET /v1/events`: what happened, in order, from any sequence number on; as a page, or as a stream of server-sent events that
//! goes on as things happen (F-P12).
//!
//! A stream looks for news every [`LOOK_EVERY`] in the store itself: it says what is durable, whoever publishes elsewhere.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::{Bytes, Data},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use utoipa::{IntoParams, ToSchema};

use super::{
    door::{Door, Phase},
    office::EventPage,
    openapi::OnListing,
    problem::{Kind, Problem},
    query::Parameters,
};
use crate::identity::Principal;
use crate::wire::cloud_event::CloudEvent;

/// Events of a page, unless the caller says otherwise; a stream reads as many at a time.
pub const LIMIT_DEFAULT: u32 = 100;
/// Events of a page at most.
pub const LIMIT_MAX: u32 = 1_000;
/// Streams at one time, all callers together; one more is told to come back.
pub const STREAMS_MAX: usize = 64;
/// How often a stream looks for news.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a stream is silent at most: then it says that it is still there.
pub const SILENT_MAX: Duration = Duration::from_secs(15);
/// When whoever found no place for a stream may ask again, ms.
const FULL_RETRY_AFTER_MS: i64 = 5_000;
/// The media type of a stream (HTML Living Standard §9.2).
const EVENT_STREAM: &str = "text/event-stream";

/// Every parameter that the route takes.
pub const PARAMETERS: &[&str] = &["after", "limit"];

/// Which events.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Only events after this sequence number; 0, and with it everything, if left out. A stream that was cut goes on after
    /// the header `Last-Event-ID`, which browsers send by themselves.
    #[param(minimum = 0)]
    pub after: Option<i64>,
    /// Events of a page: 1 to 1000, 100 if left out.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

/// A page of events, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = EventPage)]
pub struct EventPageBody {
    /// The events, without a gap. The sequence number of the last one is the `after` of the next page.
    pub events: Vec<CloudEvent>,
    /// The last sequence number there is: whoever has seen it has seen everything.
    pub last_sequence: i64,
}

/// Read what happened
///
/// Oldest first, without a gap. With `Accept: text/event-stream` the answer goes on as things happen: each event's `id` is its
/// sequence number, its `data` one CloudEvent.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "listEvents",
    params(EventsQuery),
    responses((status = 200, description = "A page, or a stream", content(
        (EventPageBody = "application/json"), (String = "text/event-stream")
    )), OnListing),
    security(("token" = []))
)]
pub async fn events(
    request: HttpRequest,
    door: Data<Door>,
    principal: Principal,
) -> Result<HttpResponse, Problem> {
    let wanted = Wanted::read(&request)?;
    if wanted.streams {
        return stream_from(door, principal, wanted).await;
    }
    let page = door.office()?.events(wanted.after, wanted.limit).await?;
    let events = page.events.iter().map(|event| CloudEvent::of(&page.store_id, event)).collect();
    Ok(HttpResponse::Ok().json(EventPageBody { events, last_sequence: page.last_sequence }))
}

struct Wanted {
    after: i64,
    limit: u32,
    streams: bool,
}

impl Wanted {
    fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let mut parameters = Parameters::read(request.query_string())?;
        let from_zero = |text: &str| text.parse().ok().filter(|after| *after >= 0);
        let in_range = |text: &str| text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        let after = parameters.parsed("after", "a sequence number, 0 or more,", from_zero);
        let a_limit = format!("a whole number from 1 to {LIMIT_MAX}");
        let limit = parameters.parsed("limit", &a_limit, in_range).unwrap_or(LIMIT_DEFAULT);
        parameters.finish()?;
        let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        // HEAD asks for headers, which a stream does not have to be held open for.
        let streams = request.method() == Method::GET
            && text("accept").is_some_and(|accepted| accepted.contains(EVENT_STREAM));
        // Whoever comes back says where it was cut, whatever its address says about where it began.
        let cut_after = match text("last-event-id").filter(|_| streams) {
            None | Some("") => None,
            Some(id) => Some(from_zero(id).ok_or_else(|| {
                Problem::new(
                    Kind::InvalidQuery,
                    "Last-Event-ID is no sequence number: send back the `id` of an event",
                )
            })?),
        };
        Ok(Self { after: cut_after.or(after).unwrap_or(0), limit, streams })
    }
}

/// Places for streams.
#[derive(Clone)]
pub struct StreamPlaces(Arc<Semaphore>);

impl Default for StreamPlaces {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

/// A stream on its way. It holds its place until whoever listens goes, or the house closes.
struct Follower {
    door: Data<Door>,
    principal: Principal,
    after: i64,
    limit: u32,
    /// Read and not yet sent.
    ready: Option<EventPage>,
    said_at: Instant,
    _place: OwnedSemaphorePermit,
}

async fn stream_from(
    door: Data<Door>,
    principal: Principal,
    wanted: Wanted,
) -> Result<HttpResponse, Problem> {
    let full = |_| {
        Problem::new(Kind::Busy, "as many streams of events are open as there may be")
            .retry_after_ms(FULL_RETRY_AFTER_MS)
    };
    let place = door.streams.0.clone().try_acquire_owned().map_err(full)?;
    let Wanted { after, limit, .. } = wanted;
    // The first look is made before the answer begins, so that a store that is away is a problem and not a silence.
    let ready = Some(door.office()?.events(after, limit).await?);
    let follower = Follower { door, principal, after, limit, ready, said_at: Instant::now(), _place: place };
    let told = stream::unfold(follower, |mut follower| async move {
        let chunk = follower.next().await?;
        Some((Ok::<_, actix_web::Error>(chunk), follower))
    });
    Ok(HttpResponse::Ok()
        .content_type(EVENT_STREAM)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Proxies that gather answers before they pass them on are asked not to.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Box::pin(told)))
}

impl Follower {
    /// What is sent next; `None` ends the stream: whoever listens comes back and says where it was cut.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.door.phase() == Phase::Draining {
                return None;
            }
            let page = match self.ready.take() {
                Some(page) => page,
                None => self.look().await?,
            };
            if let Some(last) = page.events.last() {
                self.after = last.sequence;
                return Some(self.say(lines(&page)));
            }
            if self.said_at.elapsed() >= SILENT_MAX {
                return Some(self.say(": still here\n\n".to_owned()));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What there is since, for as long as whoever listens would be let in again.
    async fn look(&self) -> Option<EventPage> {
        if let Some(gatekeeper) = self.door.gatekeeper().ok()?
            && !gatekeeper.still_knows(&self.principal).await.ok()?
        {
            return None;
        }
        self.door.office().ok()?.events(self.after, self.limit).await.ok()
    }

    fn say(&mut self, text: String) -> Bytes {
        self.said_at = Instant::now();
        Bytes::from(text)
    }
}

fn lines(page: &EventPage) -> String {
    let line = |event| {
        let event = CloudEvent::of(&page.store_id, event);
        let data = serde_json::to_string(&event).unwrap_or_default();
        format!("id: {}\nevent: {}\ndata: {data}\n\n", event.id, event.kind)
    };
    page.events.iter().map(line).collect()
}
