//! The fear: only payoutd can check payoutd. So `docs/verify_journal.py`, which shares no code with it, gets an export and a
//! checkpoint, and must call the honest one sound and name every lie (F002-08, F002-22).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use payoutd_actors::domain::journal::{
    Body, Cause, ChainHead, Checkpoint, CorrelationId, JournalDraft, JournalKey, JournalRecord, Seal,
    SealRun, TraceId, export_header_line, export_line, export_seal_line,
};
use serde_json::json;
use tempfile::TempDir;

const STORE: &str = "store-é-1";
const VERIFIER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify_journal.py");

/// F002-22: "a 100-line reference verifier".
#[test]
fn the_reference_verifier_is_short_enough_to_read() {
    let lines = fs::read_to_string(VERIFIER).unwrap().lines().count();
    assert!(lines <= 100, "{lines} lines");
}

/// F002-08
#[test]
fn an_honest_export_is_sound_to_a_stranger() {
    let house = House::with_rows(300);
    let verdict = house.verdict(&house.lines, &[]);
    assert_eq!((verdict.code, verdict.said.trim()), (Some(0), "sound"));
    let key = house.key.public_key().to_hex();
    assert_eq!(
        house.verdict(&house.lines, &["--key", &key]).code,
        Some(0),
        "with a key that the stranger knew"
    );
}

/// F002-22, F002-08: the length that the requirement names.
#[test]
fn a_stranger_reads_ten_thousand_rows_and_sees_one_changed_digit() {
    let house = House::with_rows(10_000);
    assert_eq!(house.verdict(&house.lines, &[]).code, Some(0));
    let (at, digit) = (house.line_of_row(7_777), "\"amount_micro_usdt\":25507777");
    let mut lied = house.lines.clone();
    assert!(lied[at].contains(digit));
    lied[at] = lied[at].replace(digit, "\"amount_micro_usdt\":25507778");
    let verdict = house.verdict(&lied, &[]);
    assert_eq!(
        (verdict.code, verdict.said.as_str()),
        (Some(1), "FAULT row 7777 was changed\nNOT SOUND: 1 faults\n")
    );
}

/// F002-22: each kind of lie, at the first row, at the last, and at the border of a seal.
#[test]
fn a_stranger_sees_every_kind_of_lie() {
    let house = House::with_rows(120);
    let last = house.lines.len() - 1;
    for (name, lie) in LIES {
        for at in [1, house.line_of_row(40), house.line_of_row(40) + 1, last] {
            let mut lines = house.lines.clone();
            lie(&mut lines, at);
            let verdict = house.verdict(&lines, &[]);
            assert_eq!(verdict.code, Some(1), "{name} at line {}: {}", at + 1, verdict.said);
        }
    }
}

/// F002-19, F002-22: thieves who make every hash and seal anew, without and with the key.
#[test]
fn a_stranger_is_not_taken_in_by_a_journal_made_anew() {
    let house = House::with_rows(120);
    let mut rows = rows(120);
    rows[60] = JournalDraft { at_ms: 1, ..draft(61) }.into_record(61);

    let thief = JournalKey::from_seed(&[66; 32]);
    let (forged, _) = exported(&rows, &thief);
    assert_eq!(house.verdict(&forged, &[]).code, Some(1), "another key");

    let (mut renamed, _) = exported(&rows, &thief);
    let (own, houses) = (thief.public_key().key_id(), house.key.public_key().key_id());
    renamed.iter_mut().for_each(|line| *line = line.replace(own, houses));
    assert_eq!(house.verdict(&renamed, &[]).code, Some(1), "another key under the house's name");

    let (insider, _) = exported(&rows, &house.key);
    let verdict = house.verdict(&insider, &[]);
    assert_eq!(verdict.code, Some(1), "the house's own key");
    assert!(verdict.said.starts_with("FAULT checkpoint of seal 6"), "{}", verdict.said);
}

#[test]
fn a_stranger_refuses_a_checkpoint_that_was_touched_or_is_of_another_store() {
    let house = House::with_rows(120);
    let honest = house.checkpoint.to_string();
    let fewer_rows = honest.replace("\"last_seq\":120", "\"last_seq\":119");
    let seal = Seal { seal_no: 6, ..house.last_seal.clone() };
    let elsewhere = Checkpoint::of(&seal, "another-store", &house.key).to_string();
    for checkpoint in [fewer_rows, elsewhere] {
        let verdict = house.verdict_against(&checkpoint, &house.lines, &[]);
        assert_eq!(verdict.code, Some(1), "{}", verdict.said);
    }
}

#[test]
fn a_stranger_without_checkpoint_or_key_is_told_what_is_missing() {
    let house = House::with_rows(5);
    let output = Command::new("python3")
        .arg(VERIFIER)
        .arg(house.write("export.jsonl", &house.lines.join("\n")))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("an export cannot vouch for itself"));
}

type Lie = fn(&mut Vec<String>, usize);

const LIES: [(&str, Lie); 8] = [
    ("a digit changed", |lines, at| lines[at] = lines[at].replacen(['1', '4'], "7", 1)),
    ("a blank put in", |lines, at| lines[at] = lines[at].replacen(':', ": ", 1)),
    ("a name told twice", |lines, at| lines[at] = lines[at].replacen('{', "{\"a\":1,\"a\":1,", 1)),
    ("deleted", |lines, at| drop(lines.remove(at))),
    ("repeated", |lines, at| lines.insert(at, lines[at].clone())),
    ("another row put in", |lines, at| lines.insert(at, export_line(&draft(9).into_record(9)))),
    ("swapped with the line before", |lines, at| lines.swap(at, at - 1)),
    ("cut off", |lines, at| lines.truncate(at)),
];

/// A house with a sealed journal, its export, and the checkpoint that the stranger kept.
struct House {
    key: JournalKey,
    lines: Vec<String>,
    last_seal: Seal,
    checkpoint: Checkpoint,
    folder: TempDir,
}

struct Verdict {
    code: Option<i32>,
    said: String,
}

impl House {
    fn with_rows(count: i64) -> Self {
        let key = JournalKey::from_seed(&[7; 32]);
        let (lines, last_seal) = exported(&rows(count), &key);
        let checkpoint = Checkpoint::of(&last_seal, STORE, &key);
        Self { key, lines, last_seal, checkpoint, folder: TempDir::new().unwrap() }
    }

    fn line_of_row(&self, seq: i64) -> usize {
        let mark = format!("\"seq\":{seq},\"type\":\"row\"");
        self.lines.iter().position(|line| line.contains(&mark)).unwrap()
    }

    fn verdict(&self, lines: &[String], more: &[&str]) -> Verdict {
        self.verdict_against(&self.checkpoint.to_string(), lines, more)
    }

    fn verdict_against(&self, checkpoint: &str, lines: &[String], more: &[&str]) -> Verdict {
        let export =
            self.write("export.jsonl", &lines.iter().map(|line| format!("{line}\n")).collect::<String>());
        let checkpoint = self.write("checkpoint.json", checkpoint);
        let output =
            Command::new("python3").arg(VERIFIER).args([&export, &checkpoint]).args(more).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "the verifier itself stumbled");
        Verdict { code: output.status.code(), said: String::from_utf8(output.stdout).unwrap() }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = Path::new(self.folder.path()).join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

fn rows(count: i64) -> Vec<JournalRecord> {
    (1..=count).map(|seq| draft(seq).into_record(seq)).collect()
}

fn cause() -> Cause {
    Cause {
        correlation_id: CorrelationId::parse("r-1"),
        trace_id: TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736"),
        by: Some("user:1".to_owned()),
        client: Some("2001:db8::7".to_owned()),
    }
}

/// Names that sort differently as UTF-8 and as UTF-16, escapes, words and nesting: where two readers might differ.
fn draft(seq: i64) -> JournalDraft {
    let body = Body::of(&json!({
        "amount_micro_usdt": 25_500_000 + seq,
        "memo": "für \"Zoë\" \\ \u{1}\u{7f}\u{2028}\r\n",
        "names": {"\u{1f600}": true, "\u{fb33}": false, "": null, "10": [], "1": [{"b": -1, "a": 0}]},
    }));
    let draft = JournalDraft::new(1_700_000_000_000 + seq, "payout_admitted", body.unwrap());
    // A journal that was begun before rows named their cause goes on with rows that do.
    let cause = if seq % 2 == 0 { cause() } else { Cause::nobody() };
    let draft = draft.caused_by(&cause).unwrap();
    if seq % 3 == 0 { draft } else { draft.about(format!("po_{seq}")) }
}

/// An export whose seals cover a sixth of the rows each, and its last seal.
fn exported(rows: &[JournalRecord], key: &JournalKey) -> (Vec<String>, Seal) {
    let mut lines = vec![export_header_line(STORE, &[key.public_key().clone()])];
    let (mut head, mut last_seal) = (ChainHead::GENESIS, None);
    for run in rows.chunks(rows.len().div_ceil(6)) {
        let mut open = SealRun::after(head);
        for row in run {
            open.push(row).unwrap();
            lines.push(export_line(row));
        }
        let seal = open.close(STORE, key, 1_800_000_000_000).unwrap();
        head = seal.head();
        lines.push(export_seal_line(&seal));
        last_seal = Some(seal);
    }
    (lines, last_seal.unwrap())
}
