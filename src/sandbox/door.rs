//! The sockets: what comes in becomes an [`Ask`], what goes back travels as its [`Delivery`] says.
//!
//! A door promises that hanging up means not one byte, and that half a body is really sent before the line breaks: tests lean on
//! both. It knows nothing of TRON.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::{BodySize, MessageBody},
    dev::ServerHandle,
    http::{Method, StatusCode, header},
    web,
};

use super::{
    ask::Ask,
    pages,
    reply::{Delivery, Reply},
};

/// java-tron takes bodies up to 4 MiB.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A silent connection is given up after this, should the client wait longer.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// Time for the first half of a body to leave before the line breaks.
const HALF_LEAD: Duration = Duration::from_millis(50);
/// Connections that may wait while the door is busy.
const BACKLOG: u32 = 1024;

/// Who answers behind a door.
pub(crate) trait Desk: Send + Sync + 'static {
    /// Whether a path is served, and by which methods.
    fn serves(&self, path: &str) -> Served;
    /// The answer to a request for a served path.
    fn answer(&self, ask: &Ask) -> Reply;
}

/// Which methods a path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// The path is not there.
    Never,
    /// GET and POST.
    Both,
    /// GET alone.
    Get,
    /// POST alone.
    Post,
}

/// An open door.
#[derive(Debug)]
pub(crate) struct Door {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
}

impl Door {
    /// Binds an address and answers there until [`Door::close`]. Port 0 takes a free one.
    pub(crate) fn open(address: SocketAddr, desk: Arc<dyn Desk>) -> io::Result<Door> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(desk.clone()))
                .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
                .default_service(web::to(receive))
        })
        .workers(1)
        .backlog(BACKLOG)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(listener)?
        .run();
        let handle = server.handle();
        actix_rt::spawn(server);
        Ok(Door { address, handle })
    }

    /// Closes at once; who is being answered is cut off.
    pub(crate) async fn close(self) {
        self.handle.stop(false).await;
    }
}

async fn receive(request: HttpRequest, body: web::Bytes, desk: web::Data<Arc<dyn Desk>>) -> HttpResponse {
    let path = request.path().trim_start_matches('/').to_owned();
    let served = desk.serves(&path);
    let method = request.method();
    let reply = match *method {
        Method::GET | Method::HEAD if matches!(served, Served::Both | Served::Get) => {
            desk.answer(&ask_of(&request, path, false, &body))
        }
        Method::POST if matches!(served, Served::Both | Served::Post) => {
            desk.answer(&ask_of(&request, path, true, &body))
        }
        Method::OPTIONS if served != Served::Never => {
            Reply::new(StatusCode::OK, Some(super::reply::JSON), String::new())
        }
        Method::GET | Method::HEAD if served == Served::Never => Reply::page(pages::not_found(&path)),
        Method::GET | Method::POST => Reply::page(pages::method_not_served(method.as_str(), &path)),
        _ if served == Served::Never => Reply::page(pages::method_not_served(method.as_str(), &path)),
        _ => Reply::empty(StatusCode::METHOD_NOT_ALLOWED),
    };
    send(reply).await
}

fn ask_of(request: &HttpRequest, path: String, post: bool, body: &[u8]) -> Ask {
    let query = form_pairs(request.query_string());
    let body = String::from_utf8_lossy(body).into_owned();
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let form = content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let query = if form && post && !body.is_empty() { form_pairs(&body) } else { query };
    Ask { post, path, query, body, form: form && post }
}

fn form_pairs(text: &str) -> Vec<(String, String)> {
    web::Query::<Vec<(String, String)>>::from_query(text).map(web::Query::into_inner).unwrap_or_default()
}

async fn send(reply: Reply) -> HttpResponse {
    let mut response = HttpResponse::build(reply.status);
    if let Some(content_type) = reply.content_type {
        response.insert_header((header::CONTENT_TYPE, content_type));
    }
    if let Some(seconds) = reply.retry_after_s {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    match reply.delivery {
        Delivery::Whole if reply.body.is_empty() => response.finish(),
        Delivery::Whole => response.body(reply.body),
        Delivery::HungUp => response.body(Broken::after(Vec::new(), reply.body.len())),
        Delivery::Half => {
            let whole = reply.body.into_bytes();
            response.body(Broken::after(whole[..whole.len() / 2].to_vec(), whole.len()))
        }
        Delivery::Silence => {
            tokio::time::sleep(SILENCE_MAX).await;
            response.body(Broken::after(Vec::new(), 1))
        }
    }
}

/// A body that promises more than it gives, then breaks the line.
struct Broken {
    first: Option<web::Bytes>,
    promised: u64,
    lead: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Broken {
    fn after(first: Vec<u8>, promised: usize) -> Broken {
        let first = Some(web::Bytes::from(first)).filter(|first| !first.is_empty());
        Broken { first, promised: promised.max(1) as u64, lead: None }
    }
}

impl MessageBody for Broken {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.promised)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, io::Error>>> {
        if let Some(first) = self.first.take() {
            self.lead = Some(Box::pin(tokio::time::sleep(HALF_LEAD)));
            return Poll::Ready(Some(Ok(first)));
        }
        if self.lead.as_mut().is_some_and(|lead| lead.as_mut().poll(context).is_pending()) {
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the weather broke the line"))))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
    };

    use super::*;

    struct Echo(Delivery);

    impl Desk for Echo {
        fn serves(&self, path: &str) -> Served {
            match path {
                "both" => Served::Both,
                "post" => Served::Post,
                _ => Served::Never,
            }
        }

        fn answer(&self, ask: &Ask) -> Reply {
            let asked = ask.query("value").map(str::to_owned).unwrap_or_else(|| ask.body.clone());
            Reply::json(format!("{{\"asked\":\"{asked}\"}}")).travelling(self.0)
        }
    }

    /// Sends one request and reads until the line closes.
    fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{request}").unwrap();
        let mut reply = Vec::new();
        // A broken line may end in a reset; what came before it counts.
        let _ = stream.read_to_end(&mut reply);
        String::from_utf8(reply).unwrap()
    }

    async fn replies(delivery: Delivery, requests: &'static [&'static str]) -> Vec<String> {
        let door = Door::open(([127, 0, 0, 1], 0).into(), Arc::new(Echo(delivery))).unwrap();
        let address = door.address;
        let client = move || requests.iter().map(|request| exchange(address, request)).collect();
        let replies = tokio::task::spawn_blocking(client).await.unwrap();
        door.close().await;
        replies
    }

    const ASKED: &str = "GET /both?value=a%20b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    #[actix_rt::test]
    async fn a_reply_travels_whole_with_the_type_of_a_node() {
        let reply = replies(Delivery::Whole, &[ASKED]).await.remove(0);
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(reply.contains("content-type: application/json;charset=utf-8\r\n"));
        assert!(reply.ends_with("\r\n\r\n{\"asked\":\"a b\"}\n"));
    }

    #[actix_rt::test]
    async fn hanging_up_means_not_one_byte() {
        assert_eq!(replies(Delivery::HungUp, &[ASKED]).await, [""]);
    }

    #[actix_rt::test]
    async fn half_a_body_is_sent_before_the_line_breaks() {
        let reply = replies(Delivery::Half, &[ASKED]).await.remove(0);
        assert!(reply.contains("content-length: 16\r\n"));
        assert!(reply.ends_with("\r\n\r\n{\"asked\""), "{reply:?}");
    }

    #[actix_rt::test]
    async fn paths_and_methods_that_are_not_served_get_jettys_pages() {
        let replies = replies(
            Delivery::Whole,
            &[
                "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "POST /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                "GET /post HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "PUT /both HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            ],
        )
        .await;
        assert!(replies[0].starts_with("HTTP/1.1 404") && replies[0].contains("Error 404 Not Found"));
        assert!(
            replies[1].starts_with("HTTP/1.1 405")
                && replies[1].contains("HTTP method POST is not supported")
        );
        assert!(
            replies[2].starts_with("HTTP/1.1 405") && replies[2].contains("HTTP method GET is not supported")
        );
        assert!(replies[3].starts_with("HTTP/1.1 405") && replies[3].ends_with("\r\n\r\n"));
    }
}
