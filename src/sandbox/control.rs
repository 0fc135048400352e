//! The sandbox's own calls: its book, which says what really happened, and its weather, which is ordered by name.

use actix_web::http::StatusCode;
use payoutd_actors::fakes::sim_chain::{SimChain, WeatherOrder};
use serde_json::json;

use super::{
    ask::Ask,
    door::Served,
    reply::{JSON, Reply},
};

/// Which of the sandbox's own paths there are, and how they are asked.
pub(crate) fn served(path: &str) -> Served {
    match path {
        "sandbox/book" => Served::Get,
        "sandbox/weather" => Served::Both,
        _ => Served::Never,
    }
}

/// The answer to one of the sandbox's own calls.
pub(crate) fn answer(chain: &mut SimChain, ask: &Ask) -> Reply {
    match (ask.path.as_str(), ask.post) {
        ("sandbox/book", _) => written(StatusCode::OK, &chain.book()),
        (_, true) => weather(chain, &ask.body),
        (_, false) => written(StatusCode::OK, &what_exists()),
    }
}

fn weather(chain: &mut SimChain, body: &str) -> Reply {
    // Read as an object first: a list would be taken for the fields in their order.
    let order = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(body);
    let order = order.and_then(|fields| serde_json::from_value::<WeatherOrder>(fields.into()));
    let order = match order {
        Ok(order) => order,
        Err(error) => return refused(&format!("an order is one JSON object, like {{\"fork\":2}}: {error}")),
    };
    match chain.order(&order) {
        Ok(()) => written(StatusCode::OK, &json!({ "head": chain.head_number(), "ordered": order })),
        Err(error) => refused(&error.to_string()),
    }
}

fn refused(words: &str) -> Reply {
    written(StatusCode::BAD_REQUEST, &json!({ "error": words, "what_exists": what_exists() }))
}

/// Every order by name, with what it does.
fn what_exists() -> serde_json::Value {
    json!({
        "weather": "calm, or stormy with a seed: everything goes wrong now and then, but for executions that fail",
        "seed": "the storm's number; the same number is the same storm",
        "pause_blocks": "true: nobody makes blocks; false: they do again",
        "fork": "so many blocks of the head, 1 to 8, lose against a branch without them, their transactions go back to the pools",
        "rivals": "with fork: signed transactions, in hex, that only the winning side knows",
        "missed_slots": "so many slots, 1 to 1000, pass without a block",
        "stop_solidification": "true: blocks are made, too few producers build on them; false: they do again",
        "next_broadcast": {
            "accepts_then_hangs_up": "taken, then the line closes without a byte",
            "success_never_included": "SUCCESS, pending, and no producer ever hears of it",
            "refused_then_dup": "TAPOS_ERROR, then DUP for an hour though never taken",
            "dropped_pending": "SUCCESS, told to nobody, gone at the next block",
            "lagging": "taken; then the node gets no blocks for a while and answers {}",
            "html_reply": "taken; the reply is a web page",
            "half_json": "taken; the reply stops half way",
            "wrong_txid": "taken; the reply names another id",
            "http_403": "not taken, and everything else is refused for 30 s",
            "http_429_with_penalty": "not taken, and everything else is refused for 30 s",
            "poisoned_dup": "DUP for an hour, never taken",
            "server_busy": "SERVER_BUSY, not taken",
            "times_out": "taken; the reply never comes",
            "pads_transaction": "taken; a relay adds 100 000 bytes behind the signature, which burn bandwidth",
            "twice_in_chain": "taken, and run in two blocks"
        },
        "next_read": "hangs_up, times_out, html_reply, half_json, http_503, http_403, http_429_with_penalty, unknown",
        "node": "which node, from 0, the orders about nodes are for; all or any when left out",
        "lag": { "by_ms": "the node hears of blocks so late" },
        "stale_solid": { "blocks": "the node's solid view stands so far back", "for_ms": "for so long" },
        "doctored_block": {
            "txid": "the node serves this transaction's block without it; left out: the next block that holds one, once",
            "ids_recomputed": "whether that block's root and id are made anew"
        },
        "token_paused": "true: USDT reverts every transfer",
        "blacklist": "USDT reverts transfers of this sender",
        "token_fee": {
            "basis_points_rate": "USDT keeps so much: recipients are paid short",
            "maximum_micro_usdt": "but at most this"
        },
        "dynamic_energy_factor": "in ten thousandths; a leap makes fee limits too low: OUT_OF_ENERGY",
        "tronscan": {
            "lag_ms": "its index is so far behind",
            "lies_confirmed": "it says of everything that it is confirmed",
            "status": "its next answers are this status",
            "times": "so many of them"
        }
    })
}

/// JSON as the rest of the world writes it: this is no call of TRON's.
fn written(status: StatusCode, value: &impl serde::Serialize) -> Reply {
    match serde_json::to_string(value) {
        Ok(text) => Reply::new(status, Some(JSON), format!("{text}\n")),
        Err(error) => Reply::new(StatusCode::INTERNAL_SERVER_ERROR, None, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use payoutd_actors::fakes::sim_chain::Settings;

    use super::*;

    fn posted(body: &str) -> Ask {
        let path = "sandbox/weather".to_owned();
        Ask { post: true, path, query: Vec::new(), body: body.to_owned(), form: false }
    }

    #[test]
    fn weather_that_does_not_exist_is_refused_with_a_list_of_what_does() {
        let mut chain = SimChain::new(Settings::default(), 1_800_000_000_000);
        for body in [
            "{\"rain\":true}",
            "{\"next_broadcast\":\"eats_it\"}",
            "rain",
            "{\"node\":9,\"lag\":{\"by_ms\":1}}",
        ] {
            let reply = answer(&mut chain, &posted(body));
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
            assert!(reply.body.contains("accepts_then_hangs_up"), "{body}");
        }
    }

    /// The fear: an order that means nothing is answered as if it were carried out, and a test proves nothing.
    #[test]
    fn an_order_that_orders_nothing_or_too_much_is_refused_with_what_would_be_right() {
        let mut chain = SimChain::new(Settings::default(), 1_800_000_000_000);
        for (body, right) in [
            ("", "one JSON object"),
            ("[]", "one JSON object"),
            ("[\"stormy\"]", "one JSON object"),
            ("null", "one JSON object"),
            ("{}", "nothing is ordered"),
            ("{\"node\":0}", "nothing is ordered"),
            ("{\"tronscan\":{}}", "nothing is ordered"),
            ("{\"fork\":0}", "1 to 8 is possible"),
            ("{\"fork\":100}", "1 to 8 is possible"),
            ("{\"fork\":-1}", "invalid value"),
            ("{\"missed_slots\":4000000000}", "1 to 1000 is possible"),
            ("{\"seed\":7}", "about weather"),
            ("{\"weather\":\"calm\",\"seed\":7}", "about stormy weather"),
            ("{\"rivals\":[\"00\"]}", "about fork"),
            ("{\"lag\":{\"by_ms\":99999999999}}", "lag.by_ms"),
            ("{\"lag\":{\"by_ms\":1,\"for_ms\":2}}", "unknown field"),
            ("{\"stale_solid\":{\"blocks\":1,\"for_ms\":18446744073709551615}}", "stale_solid.for_ms"),
            (
                "{\"token_fee\":{\"basis_points_rate\":10001,\"maximum_micro_usdt\":1}}",
                "token_fee.basis_points_rate",
            ),
            ("{\"dynamic_energy_factor\":18446744073709551615}", "dynamic_energy_factor"),
            ("{\"tronscan\":{\"status\":200}}", "400 to 599"),
            ("{\"tronscan\":{\"status\":500,\"times\":4000000000}}", "tronscan.times"),
            ("{\"tronscan\":{\"times\":2}}", "tronscan.status"),
        ] {
            let before = chain.save().unwrap();
            let reply = answer(&mut chain, &posted(body));
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}: {}", reply.body);
            let told: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
            assert!(told["error"].as_str().unwrap().contains(right), "{body}: {}", told["error"]);
            assert!(chain.save().unwrap() == before, "{body} has changed something");
        }
        assert_eq!(answer(&mut chain, &posted("{\"fork\":8}")).status, StatusCode::OK);
        let second = answer(&mut chain, &posted("{\"fork\":1}"));
        assert!(
            second.status == StatusCode::BAD_REQUEST && second.body.contains("under way"),
            "{}",
            second.body
        );
    }

    /// What the list names can be ordered, and what can be ordered is named.
    #[test]
    fn the_list_of_the_weather_is_true() {
        let mut chain = SimChain::new(Settings::default(), 1_800_000_000_000);
        let serde_json::Value::Object(exists) = what_exists() else { panic!("no object") };
        let known = serde_json::to_value(WeatherOrder::default()).unwrap();
        let names = |object: &serde_json::Map<String, serde_json::Value>| {
            object.keys().cloned().collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(names(&exists), names(known.as_object().unwrap()));
        for name in names(exists["next_broadcast"].as_object().unwrap()) {
            let reply = answer(&mut chain, &posted(&format!("{{\"next_broadcast\":\"{name}\"}}")));
            assert_eq!(reply.status, StatusCode::OK, "{name}");
        }
        for name in exists["next_read"].as_str().unwrap().split(", ") {
            let reply = answer(&mut chain, &posted(&format!("{{\"next_read\":\"{name}\"}}")));
            assert_eq!(reply.status, StatusCode::OK, "{name}");
        }
    }
}
