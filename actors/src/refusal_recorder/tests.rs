//! Stories of the recorder at work, on paused time.

use super::*;
use crate::domain::journal::CorrelationId;
use crate::domain::refusals::RefusalKind;
use crate::fakes::TestClock;
use crate::ports::{HouseFacts, StoreFault};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

fn request(id: &str) -> Cause {
    Cause { correlation_id: CorrelationId::parse(id), ..Cause::nobody() }
}

/// A house that keeps what is journalled, and can be away.
#[derive(Default)]
struct Books {
    records: Mutex<Vec<(String, Value)>>,
    away: AtomicBool,
}

#[async_trait]
impl House for Books {
    async fn facts(&self) -> Result<HouseFacts, StoreFault> {
        Ok(HouseFacts::default())
    }

    async fn change(&self, changes: Vec<HouseChange>, now_ms: i64) -> Result<(), StoreFault> {
        if self.away.load(Ordering::Relaxed) {
            return Err(StoreFault::Away("out for lunch".to_owned()));
        }
        for change in changes {
            let draft = change.journal_draft(now_ms).unwrap().unwrap();
            self.records.lock().unwrap().push((draft.kind.to_owned(), draft.body.read().unwrap()));
        }
        Ok(())
    }
}

fn refusal(kind: RefusalKind) -> Refusal {
    let (action, permission) = ("payout_create", Some("payout:create"));
    Refusal { kind, principal: "address 203.0.113.7".to_owned(), action, permission, reason: "wrong_secret" }
}

/// F000-13, F004-29: each kind of refusal reaches the journal, once a minute with its count; a store that is away for a while
/// loses none; what is not a minute old is written when the house closes.
#[actix::test]
async fn every_kind_of_refusal_is_written_down_once_a_minute_with_its_count() {
    tokio::time::pause();
    let (refusals, books) = (Refusals::default(), Arc::new(Books::default()));
    let clock = Arc::new(TestClock::default());
    let tools = RefusalRecorderTools { refusals: refusals.clone(), house: books.clone(), clock };
    let recorder = RefusalRecorder::new(tools).start();
    books.away.store(true, Ordering::Relaxed);
    for kind in RefusalKind::ALL {
        for number in 0..500 {
            refusals.note(refusal(kind), &request(&format!("r-{number}")), 1_000 + number);
        }
    }
    tokio::time::sleep(Duration::from_secs(62)).await;
    assert!(books.records.lock().unwrap().is_empty());
    books.away.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let written = std::mem::take(&mut *books.records.lock().unwrap());
    assert_eq!(written.len(), RefusalKind::ALL.len());
    for ((kind, body), expected) in written.iter().zip(RefusalKind::ALL) {
        assert_eq!(kind, expected.word());
        let told = json!({
            "principal": "address 203.0.113.7", "action": "payout_create", "permission": "payout:create",
            "reason": "wrong_secret", "correlation_id": "r-0", "count": 500, "since_ms": 1_000, "until_ms": 1_499,
        });
        assert_eq!(*body, told);
    }
    refusals.note(refusal(RefusalKind::AuthorizationDenied), &request("last"), 9_000);
    recorder.send(Drain).await.unwrap();
    let last = books.records.lock().unwrap().pop().unwrap();
    assert_eq!((last.0.as_str(), last.1["count"].as_u64()), ("authorization_denied", Some(1)));
}
