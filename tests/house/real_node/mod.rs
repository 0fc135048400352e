//! The sandbox held against a real node: what a java-tron 4.8 node answered, word for word, is asked again, in the sandbox's terms.
//!
//! Status, content type, keys and their order, codes, kinds, lengths and words have to be the same; ids, times and numbers are each
//! chain's own. What differs nevertheless stands in `docs/sandbox-differences.md` with its reason, and nothing stands there in vain.

mod compare;
mod known;
mod object;
mod ordered;
mod recording;
mod translate;
mod world;

use std::{collections::BTreeSet, fmt::Write as _};

use compare::{Heard, differences};
use known::Page;
use ordered::Tree;
use recording::{Exchange, exchanges};
use world::World;

/// The recordings that are replayed, each on a world of its own.
const RECORDINGS: [&str; 21] = [
    "unknown-things",
    "head-and-solid",
    "transfer-success",
    "broadcasttransaction",
    "dup-pending",
    "dup-included",
    "expired",
    "tapos-bad",
    "sigerror",
    "signature-forms",
    "contract-validate",
    "constant",
    "resources",
    "revert",
    "router",
    "memo",
    "trx-transfer",
    "refused-then-same-bytes",
    "once-only",
    "tronweb",
    "tronpy",
];
/// Blocks for which a reply is waited that the recording has and the sandbox has not yet.
const PATIENCE_BLOCKS: usize = 30;

#[actix_rt::test]
async fn the_sandbox_answers_what_a_real_node_answered() {
    // reqwest wants a provider even where nothing is encrypted; another test may have installed it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let page = Page::read();
    let mut unknown = BTreeSet::new();
    let mut replayed = 0;
    for name in RECORDINGS {
        replayed += replay(name, &page, &mut unknown).await;
    }
    let mut report = String::new();
    for line in &unknown {
        writeln!(report, "{line}").unwrap();
    }
    assert!(unknown.is_empty(), "{} differences that the page does not know:\n{report}", unknown.len());
    assert_eq!(page.stale(), Vec::<&str>::new(), "lines of the page that are no longer true");
    assert!(replayed > 600, "{replayed} exchanges were replayed");
}

/// Replays one recording and collects what the page does not know; how many exchanges there were.
async fn replay(name: &str, page: &Page, unknown: &mut BTreeSet<String>) -> usize {
    let exchanges = exchanges(name);
    let first_ms = exchanges.iter().find_map(Exchange::at_ms).unwrap();
    let mut world = World::at(first_ms).await;
    let client = reqwest::Client::new();
    let mut replayed = 0;
    for exchange in &exchanges {
        let (Some(_), Some(at_ms)) = (&exchange.method, exchange.at_ms()) else { continue };
        world.advance_to(at_ms);
        if page.leaves_out(name, &exchange.title()) {
            continue;
        }
        let real = heard_then(exchange);
        let ours = ask_until_there(&client, &mut world, exchange, at_ms, &real).await;
        replayed += 1;
        for difference in differences(&real, &ours) {
            if !page.knows(name, &exchange.title(), &difference) {
                unknown.insert(format!(
                    "| {name} | {} | {} | {} |",
                    exchange.title(),
                    difference.place,
                    difference.says
                ));
            }
        }
        if let (Some(real), Some(ours)) = (Tree::read(&real.body), Tree::read(&ours.body)) {
            world.dictionary.learn(&real, &ours);
        }
    }
    world.sandbox.stop().await.unwrap();
    replayed
}

fn heard_then(exchange: &Exchange) -> Heard {
    Heard {
        status: exchange.status.unwrap_or(0),
        content_type: exchange.content_type.clone(),
        body: exchange.body.clone().unwrap_or_default(),
    }
}

/// Asks; a read that the real node could answer already is asked again block by block.
async fn ask_until_there(
    client: &reqwest::Client,
    world: &mut World,
    exchange: &Exchange,
    at_ms: i64,
    real: &Heard,
) -> Heard {
    let path = exchange.path.as_deref().unwrap();
    let sends = path.contains("broadcast");
    let mut ours = ask(client, world, exchange, at_ms, real).await;
    for _ in 0..PATIENCE_BLOCKS {
        let is_empty = |heard: &Heard| matches!(heard.body.trim(), "{}" | "[]");
        if sends || is_empty(real) || !is_empty(&ours) {
            break;
        }
        world.one_more_block();
        ours = ask(client, world, exchange, at_ms, real).await;
    }
    ours
}

async fn ask(
    client: &reqwest::Client,
    world: &World,
    exchange: &Exchange,
    at_ms: i64,
    real: &Heard,
) -> Heard {
    let path = exchange.path.as_deref().unwrap();
    let note = exchange.note.as_deref().unwrap_or_default();
    let urls = world.sandbox.urls();
    let solid = (path.starts_with("walletsolidity/") || note.contains("on the solid address"))
        && !note.contains("on the wallet address");
    let base = if solid { &urls.solidity_http } else { &urls.http };
    let method = exchange.method.as_deref().unwrap();
    let standing = world.standing(at_ms);
    let refused_for_tapos = real.body.contains("TAPOS_ERROR");
    let asked = world.dictionary.request(path, &exchange.request, standing, refused_for_tapos);
    let mut url = format!("{base}/{path}");
    if let (true, Tree::Text(query)) = (matches!(method, "GET" | "HEAD"), &asked) {
        write!(url, "?{}", world.dictionary.query(query, standing)).unwrap();
    }
    let mut request = client.request(method.parse().unwrap(), url);
    if matches!(method, "POST" | "PUT") {
        let content_type = match note {
            "form" => "application/x-www-form-urlencoded",
            "text/plain" => "text/plain",
            _ => "application/json",
        };
        request = match &asked {
            Tree::Null => request,
            Tree::Text(raw) => request.header("content-type", content_type).body(raw.clone()),
            object => request.header("content-type", content_type).body(object.written()),
        };
    }
    let response = request.send().await.unwrap();
    let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    Heard { status: response.status().as_u16(), content_type, body: response.text().await.unwrap() }
}
