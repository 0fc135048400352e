//! The same simulated network in a process of its own, behind java-tron's HTTP, for those who come over the wire.

use crate::Part;
use crate::common::{network, stage};
use payoutd::sandbox::{Clock, Listen, Sandbox, SandboxSettings};
use payoutd::tron::{NodeSettings, ProviderLimits, TronNode};
use payoutd_actors::ports::ChainNode;
use reqwest::Url;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout};
use std::sync::Arc;
use std::time::Duration;

/// How long a node may take to answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A network in a process of its own.
pub(crate) struct Node {
    process: Child,
    /// Held open: it says good-bye.
    _said: BufReader<ChildStdout>,
    /// Its nodes.
    pub(crate) urls: Vec<String>,
}

impl Node {
    /// Starts one; its doors are open then.
    pub(crate) fn start() -> Self {
        let mut process = stage::keep_playing(&Part::Node);
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        Self { process, _said: said, urls: serde_json::from_str(&line).unwrap() }
    }

    /// Its standard input ends, and so does it.
    pub(crate) fn stop(&mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success(), "the network did not leave as asked");
    }
}

/// Plays the network until nobody wants it any more.
pub(crate) async fn run() {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = SandboxSettings {
        listen: Listen { http: anywhere, solidity: None, more_nodes: vec![anywhere] },
        chain: network::settings(),
        weather: None,
        clock: Clock::Wall,
        state_file: None,
    };
    let sandbox = Sandbox::start(settings).await.unwrap();
    let mut urls = vec![sandbox.urls().http.clone()];
    urls.extend(sandbox.urls().more_nodes.clone());
    println!("{}", serde_json::to_string(&urls).unwrap());
    let wait = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(wait).await.unwrap().unwrap();
    sandbox.stop().await.unwrap();
}

/// A node as the house has it: reached over HTTP.
pub(crate) fn over_http(url: &str) -> Arc<dyn ChainNode> {
    let (name, limits) = (url.to_owned(), ProviderLimits::with_request_timeout(REQUEST_TIMEOUT));
    let url: Url = url.parse().unwrap();
    let settings = NodeSettings { name, solidity_url: url.clone(), url, api_key: None, limits };
    Arc::new(TronNode::new(settings).unwrap())
}
