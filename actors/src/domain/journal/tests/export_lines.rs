//! The journal as text: what is written reads back the same, and what payoutd did not write is seen.

use super::{
    super::{
        Body, ExportHeader, ExportLine, Finding, LineError, Report, Verifier, VerifyOptions,
        export_header_line, export_line, export_seal_line,
    },
    kit::{Journal, STORE, house_key, row, trusting_the_house},
};

fn exported(journal: &Journal) -> Vec<String> {
    let mut lines = vec![export_header_line(STORE, &[house_key().public_key().clone()])];
    let mut rows = journal.rows.iter().peekable();
    for seal in &journal.seals {
        while let Some(row) = rows.next_if(|row| row.seq <= seal.last_seq) {
            lines.push(export_line(row));
        }
        lines.push(export_seal_line(seal));
    }
    lines.extend(rows.map(export_line));
    lines
}

fn examined<'a>(lines: impl IntoIterator<Item = &'a String>, options: VerifyOptions) -> Report {
    let mut verifier = Verifier::new(options);
    lines.into_iter().for_each(|line| verifier.line(line));
    verifier.finish()
}

#[test]
fn every_line_reads_back_as_what_was_written() {
    let journal = Journal::of(30);
    for row in &journal.rows {
        assert_eq!(ExportLine::parse(&export_line(row)), Ok(ExportLine::Row(row.clone())));
    }
    for seal in &journal.seals {
        assert_eq!(ExportLine::parse(&export_seal_line(seal)), Ok(ExportLine::Seal(seal.clone())));
    }
    let public_keys = vec![house_key().public_key().to_hex()];
    assert_eq!(
        ExportLine::parse(&exported(&journal)[0]),
        Ok(ExportLine::Header(ExportHeader { store_id: STORE.to_owned(), public_keys }))
    );
}

/// The interchange form, written out once: every column, in canonical order.
#[test]
fn a_line_holds_every_column() {
    let row = row(1);
    assert_eq!(
        export_line(&row),
        format!(
            "{{\"at_ms\":1700000000001,\"body\":{},\"hash\":\"{}\",\"kind\":\"payout_admitted\",\"payout_id\":\"po_1\",\"seq\":1,\"type\":\"row\"}}",
            row.body, row.hash
        )
    );
}

#[test]
fn an_honest_export_is_sound() {
    let journal = Journal::of(60);
    let options = trusting_the_house().against(journal.checkpoint()).with_every_row_sealed();
    assert_eq!(examined(&exported(&journal), options).findings, []);
}

/// F002-22, on the file: each line deleted, repeated, swapped with the next one, spoiled; the file cut off at each line.
#[test]
fn no_line_of_an_export_can_be_tampered_with() {
    let journal = Journal::of(60);
    let lines = exported(&journal);
    let sound = |lines: &[String]| {
        examined(lines, trusting_the_house().against(journal.checkpoint()).with_every_row_sealed()).sound
    };
    for at in 1..lines.len() {
        let mut deleted = lines.clone();
        deleted.remove(at);
        assert!(!sound(&deleted), "line {at} deleted");
        let mut repeated = lines.clone();
        repeated.insert(at, lines[at].clone());
        assert!(!sound(&repeated), "line {at} repeated");
        if at + 1 < lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            assert!(!sound(&swapped), "line {at} swapped with the next");
        }
        let mut spoiled = lines.clone();
        spoiled[at] = spoiled[at].replacen('1', "2", 1);
        assert!(!sound(&spoiled), "line {at} spoiled");
        assert!(!sound(&lines[..at]), "cut off before line {at}");
    }
}

#[test]
fn a_line_that_payoutd_did_not_write_is_named() {
    let good = export_line(&row(1));
    let spaced = good.replace(",\"hash\"", ", \"hash\"");
    let doubled = good.replace("\"kind\":", "\"kind\":\"x\",\"kind\":");
    let extra = good.replace("\"type\"", "\"tip\":1,\"type\"");
    let with_float = good.replace("25500001", "25500001.0");
    assert_eq!(ExportLine::parse(&spaced), Err(LineError::NotCanonical));
    for bad in [&doubled, &extra, &with_float, &String::new()] {
        assert!(matches!(ExportLine::parse(bad), Err(LineError::Unreadable(_))), "{bad}");
    }
    let report = examined(&[good, spaced], trusting_the_house());
    assert!(matches!(&report.findings[0], Finding::LineUnreadable { line: 2, .. }), "{report}");
}

#[test]
fn an_export_of_another_store_or_another_form_is_not_taken() {
    let lines = exported(&Journal::of(5));
    let report =
        examined(&lines, VerifyOptions::new("another-store").trusting(house_key().public_key().clone()));
    assert!(matches!(&report.findings[0], Finding::WrongStore { found, .. } if found == STORE));
    let newer = lines[0].replace("payoutd-journal/1", "payoutd-journal/2");
    assert_eq!(
        ExportLine::parse(&newer),
        Err(LineError::UnknownFormat { found: "payoutd-journal/2".to_owned() })
    );
}

#[test]
fn a_body_that_was_spoiled_in_the_store_can_still_be_exported_and_is_found() {
    let mut journal = Journal::of(5);
    journal.rows[2].body = Body::from_stored("{\"amount\": oops\n".to_owned());
    journal.rows[2].hash = journal.rows[2].computed_hash();
    let lines = exported(&journal);
    assert!(lines.iter().all(|line| !line.contains('\n')));
    assert!(!examined(&lines, trusting_the_house()).sound);
    assert!(!journal.examined(trusting_the_house()).sound);
}
