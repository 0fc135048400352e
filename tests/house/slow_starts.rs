//! The fear: a house that takes its time to start passes for one that is dead and is killed, or for one that is ready and is given
//! orders.

use std::{
    io::ErrorKind,
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use payoutd::http::routes::{Needs, TABLE};
use reqwest::Method;
use serde_json::json;

use crate::kit::{
    daemon::Daemon,
    desk::{Desk, told},
    door::{OpenDoor, order, send},
    network::Network,
};

const USDT: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";

/// A node that takes every question and answers none, until it is gone.
struct SilentNode {
    url: String,
    gone: Arc<AtomicBool>,
    listens: JoinHandle<()>,
}

impl SilentNode {
    fn begin() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let gone = Arc::new(AtomicBool::new(false));
        let told = gone.clone();
        let listens = std::thread::spawn(move || {
            let mut held: Vec<TcpStream> = Vec::new();
            while !told.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((line, _)) => held.push(line),
                    Err(why) if why.kind() == ErrorKind::WouldBlock => {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    Err(why) => panic!("{why}"),
                }
            }
        });
        Self { url, gone, listens }
    }

    fn leave(self) {
        self.gone.store(true, Ordering::Relaxed);
        self.listens.join().unwrap();
    }
}

/// F-P17: while the store and the chain are looked at, probes and documents answer, and everything else is told when to come
/// back; a caller who may not come in is still told that.
#[actix_web::test]
async fn a_house_that_starts_shows_it_and_takes_nothing() {
    let door = OpenDoor::starting();
    // What is for people is not for the house's token, whether or not there is a house yet.
    for line in TABLE.iter().filter(|line| line.needs != Needs::Person) {
        let path = line.path.replace("{id}", "x").replace("{word}", "busy").replace("{file}", "index.html");
        let method = Method::from_bytes(line.method.as_str().as_bytes()).unwrap();
        let request = door.request(method.clone(), &path).header("Idempotency-Key", "k").json(&order("1"));
        let answer = send(request).await;
        if line.wants_office() {
            assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"), "{path}");
            assert_eq!(answer.header("retry-after"), "1", "{path}");
            assert!(answer.text.contains("the house is starting"), "{}", answer.text);
            let stranger = if line.asks(true).is_some() { 401 } else { 503 };
            let request = door.stranger(method, &path).json(&order("1"));
            assert_eq!(send(request).await.status, stranger, "{path}");
        } else if path != "/readyz" {
            assert!(answer.status < 400, "{path}: {}", answer.status);
        }
    }
    assert_eq!(door.get("/readyz").await.json(), json!({ "status": "starting", "components": {} }));
    assert_eq!(door.office.taken(), 0);
    door.let_through();
    assert_eq!(door.get("/readyz").await.status, 200);
    assert_eq!(door.order("k", &order("1")).await.status, 202);
}

/// A node that hangs in the very first question holds the start up, and everybody can see that it does. When it has been given
/// up, orders are taken: nodes that are away refuse nobody.
#[actix_rt::test]
async fn a_node_that_hangs_shows_a_house_that_starts() {
    let node = SilentNode::begin();
    let host = node.url.clone();
    let desk = Desk::with_door(&format!("[{{ url = \"{host}\" }}]"), USDT);
    let mut daemon = Daemon::start(&desk);
    let probe = daemon.until("its door is open", async |caller| {
        let sent = caller.request(Method::GET, "/readyz").send().await.ok()?;
        Some((sent.status().as_u16(), sent.text().await.unwrap()))
    });
    assert_eq!(probe.await, (503, r#"{"status":"starting","components":{}}"#.to_owned()));
    let caller = &daemon.caller;
    assert_eq!(caller.get("/livez").await.status, 200);
    assert_eq!(caller.get("/metrics").await.status, 200);
    let refused = caller.order("k", &order("1")).await;
    assert_eq!(
        (refused.status, refused.problem().as_str(), refused.header("retry-after")),
        (503, "unavailable", "1")
    );
    node.leave();
    daemon
        .until("it takes orders", async |caller| (caller.get("/readyz").await.status == 200).then_some(()))
        .await;
    assert_eq!(daemon.caller.order("k", &order("1")).await.status, 202);
    // Its breaker needs some faults more before it opens; until then it is not shown as well either.
    let name = host.replace("http://", "");
    let shown = daemon.until("the node was asked", async |caller| {
        let components = caller.get("/readyz").await.json()["components"].clone();
        let nodes = components.as_object().unwrap().iter().find(|(part, _)| part.contains(&name));
        let status = nodes.unwrap().1["status"].as_str().unwrap().to_owned();
        (status != "unknown").then_some(status)
    });
    assert!(["degraded", "down"].contains(&shown.await.as_str()));
    daemon.stop();
}

/// What a start is refused for is said as clearly as before, by the same exit code; nobody got in meanwhile.
#[actix_rt::test]
async fn a_store_that_is_held_and_a_chain_of_others_stop_a_start_behind_its_door() {
    let network = Network::of_two_nodes();
    let desk = Desk::beside(&network);
    let daemon = Daemon::open(&desk).await;
    // Of one configuration: the store is held, and the door is taken as well.
    let second = desk.run(&["run"]);
    assert_eq!(second.status.code(), Some(75), "{}", told(&second));
    assert!(told(&second).contains("is held by process"), "{}", told(&second));
    daemon.stop();

    let elsewhere = "00".repeat(32);
    let sql = format!("UPDATE house SET value = '\"{elsewhere}\"' WHERE fact = 'genesis_id'");
    desk.tamper(&[sql.leak()]).await;
    let refused = desk.run(&["run"]);
    assert_eq!(refused.status.code(), Some(78), "{}", told(&refused));
    assert!(told(&refused).contains("a node of another chain"), "{}", told(&refused));
    assert!(!told(&refused).contains("the house is open"), "{}", told(&refused));

    let taken = TcpListener::bind(desk.door).unwrap();
    let nobody = desk.run(&["run"]);
    assert_eq!(nobody.status.code(), Some(69), "{}", told(&nobody));
    assert!(told(&nobody).contains("the door can not be opened"), "{}", told(&nobody));
    drop(taken);
}
