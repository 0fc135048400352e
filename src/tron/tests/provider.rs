//! A provider on loopback that does to each request what the story says: answers, lies, stops half way or says nothing.

use std::{
    future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::Url;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What is done to one request.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// HTTP 200 with JSON.
    Answer(String),
    /// Any status, headers and body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// The connection closes without a word.
    HangUp,
    /// Nothing comes, the connection stays.
    Silence,
    /// A promise of this many bytes, then only these, then the end.
    Half(usize, String),
    /// A byte now and then, for ever.
    Trickle,
    /// Chunk after chunk, for ever.
    Flood,
}

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    /// Its first line: method and path.
    pub(super) line: String,
    /// Its headers, in lower case.
    pub(super) headers: String,
    /// Its body.
    pub(super) body: String,
}

type Script = dyn Fn(usize, &Heard) -> Deed + Send + Sync;

/// The provider.
pub(super) struct Misbehaving {
    port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Misbehaving {
    /// Does this to every request.
    pub(super) async fn always(deed: Deed) -> Self {
        Self::by(move |_, _| deed.clone()).await
    }

    /// Answers every request with this JSON.
    pub(super) async fn saying(json: impl ToString) -> Self {
        Self::always(Deed::Answer(json.to_string())).await
    }

    /// Does what the script says to the request of this number, from 0.
    pub(super) async fn by(script: impl Fn(usize, &Heard) -> Deed + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (script, notes, count): (Arc<Script>, _, _) =
            (Arc::new(script), heard.clone(), connections.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, script.clone(), notes.clone()));
            }
        });
        Self { port, heard, connections, task }
    }

    pub(super) fn url(&self) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}", self.port)).unwrap()
    }

    pub(super) fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What was asked so far.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// Connections so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, notes: Arc<Mutex<Vec<Heard>>>) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut notes = notes.lock().unwrap();
            notes.push(request.clone());
            notes.len() - 1
        };
        if !do_it(&mut stream, script(number, &request)).await {
            return;
        }
    }
}

/// Reads one request; `None` when the client is gone.
async fn read_request(stream: &mut TcpStream) -> Option<Heard> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(request) = whole(&bytes) {
            return Some(request);
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

fn whole(bytes: &[u8]) -> Option<Heard> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (line, headers) = head.split_once("\r\n")?;
    let headers = headers.to_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    let line = line.trim_end_matches(" HTTP/1.1").to_owned();
    (body.len() >= length).then(|| Heard { line, headers, body: body.to_owned() })
}

/// Does the deed; `true`: the connection goes on.
async fn do_it(stream: &mut TcpStream, deed: Deed) -> bool {
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    match deed {
        Deed::Answer(json) => {
            stream.write_all(format!("{}{json}", head(json.len())).as_bytes()).await.is_ok()
        }
        Deed::Status(status, headers, body) => {
            let headers: String =
                headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} So\r\n{headers}content-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.is_ok()
        }
        Deed::HangUp => false,
        Deed::Silence => future::pending().await,
        Deed::Half(promised, body) => {
            let _ = stream.write_all(format!("{}{body}", head(promised)).as_bytes()).await;
            false
        }
        Deed::Trickle => {
            let mut alive = stream.write_all(head(4_000).as_bytes()).await.is_ok();
            while alive {
                tokio::time::sleep(Duration::from_millis(10)).await;
                alive = stream.write_all(b" ").await.is_ok();
            }
            false
        }
        Deed::Flood => {
            let mut alive =
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.is_ok();
            let chunk = format!("400\r\n{}\r\n", " ".repeat(0x400));
            while alive {
                alive = stream.write_all(chunk.as_bytes()).await.is_ok();
            }
            false
        }
    }
}
