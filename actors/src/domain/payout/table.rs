//! The life cycle as the docs show it: drawn from the code, and checked against it.

use super::{EventName, Reason, Stage, arrow};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/life-cycle.md");

fn arrows() -> Vec<(Stage, EventName, Stage)> {
    let mut found = BTreeSet::new();
    for from in Stage::ALL {
        for event in EventName::ALL {
            for paid in [false, true] {
                found.extend(arrow(from, event, paid).map(|to| (from, event, to)));
            }
        }
    }
    found.into_iter().collect()
}

fn page() -> String {
    let mut page = String::from(
        "# The life cycle of a payout\n\nDrawn from `actors/src/domain/payout`; a test keeps this page true \
         (`PAYOUTD_REDRAW=1 cargo test -p payoutd-actors life_cycle` draws it anew).\n\n```mermaid\nstateDiagram-v2\n    \
         [*] --> admitted: payout_admitted\n    [*] --> held: payout_held\n",
    );
    for (from, event, to) in arrows().iter().filter(|(from, _, to)| from != to) {
        let _ = writeln!(page, "    {} --> {}: {}", from.word(), to.word(), event.word());
    }
    for stage in Stage::ALL.into_iter().filter(|stage| stage.is_final()) {
        let _ = writeln!(page, "    {} --> [*]", stage.word());
    }
    page.push_str("```\n\n| from | event | to |\n|---|---|---|\n");
    for (from, event, to) in arrows() {
        let _ = writeln!(page, "| {} | {} | {} |", from.word(), event.word(), to.word());
    }
    page.push_str("\n## Reasons\n\n| reason | what it means |\n|---|---|\n");
    for reason in Reason::ALL {
        let _ = writeln!(page, "| `{}` | {} |", reason.word(), reason.says());
    }
    page
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the one test of the office that holds a page of the docs against the code"
)]
fn the_life_cycle_in_the_docs_is_the_one_in_the_code() {
    if std::env::var("PAYOUTD_REDRAW").is_ok() {
        std::fs::write(PAGE, page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(PAGE).unwrap(), page());
}

/// F-P03: from where bytes may have left, the only road back to where a transfer is signed is the proof of absence.
#[test]
fn only_a_proof_of_absence_leads_back_to_signing() {
    let in_flight: Vec<Stage> = Stage::ALL.into_iter().filter(|stage| stage.is_in_flight()).collect();
    let back: Vec<EventName> = arrows()
        .into_iter()
        .filter(|(from, _, to)| in_flight.contains(from) && !in_flight.contains(to) && !to.is_final())
        .filter(|(_, _, to)| *to != Stage::Mismatched)
        .map(|(_, event, _)| event)
        .collect();
    assert_eq!(back.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([EventName::TransferExpired]));
    let signing: Vec<Stage> = arrows()
        .into_iter()
        .filter(|(_, event, _)| *event == EventName::TransferSigned)
        .map(|(from, ..)| from)
        .collect();
    assert_eq!(signing, [Stage::Admitted]);
}

/// F-P10: what is signed can not be called off.
#[test]
fn nothing_is_cancelled_after_it_was_signed() {
    let from: BTreeSet<Stage> = arrows()
        .into_iter()
        .filter(|(_, event, _)| *event == EventName::PayoutCancelled)
        .map(|(from, ..)| from)
        .collect();
    assert_eq!(from, BTreeSet::from([Stage::Admitted, Stage::Held]));
}

#[test]
fn final_stages_are_final_and_all_others_lead_on() {
    let mut out: BTreeMap<Stage, usize> = BTreeMap::new();
    for (from, _, to) in arrows() {
        *out.entry(from).or_default() += usize::from(from != to);
    }
    for stage in Stage::ALL {
        assert_eq!(out.get(&stage).copied().unwrap_or(0) == 0, stage.is_final(), "{}", stage.word());
    }
}
