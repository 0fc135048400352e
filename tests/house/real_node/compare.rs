//! Two replies side by side: what a client could lean on has to be the same, what is the chain's own (ids, times, numbers) not.
//!
//! The same are status, content type, the blank after the colon, the line feed at the end, the keys and their order, the kinds
//! and lengths of values, and every word: codes, types, messages (with ids, addresses and digits taken out of them).

use super::ordered::Tree;

/// Lists of which a chain may hold more or fewer.
const FREE_LENGTH: [&str; 5] = ["transactions", "peerList", "memoryDescInfoList", "block", "txId"];
/// Values that are a contract's or a machine's own: only their kind counts.
const FREE: [&str; 6] = ["bytecode", "runtimecode", "name", "entrys", "osName", "javaVersion"];

/// What differs, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    /// `status`, `content type`, or the path of a value: `transaction.ret[].contractRet`.
    pub(super) place: String,
    /// What a real node says there, and what the sandbox.
    pub(super) says: String,
}

/// A reply as it came over HTTP.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) body: String,
}

/// All differences between what a real node said and what the sandbox says.
pub(super) fn differences(real: &Heard, ours: &Heard) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut say = |place: &str, real: &str, ours: &str| {
        if real != ours {
            found
                .push(Difference { place: place.to_owned(), says: format!("real: {real}, sandbox: {ours}") });
        }
    };
    say("status", &real.status.to_string(), &ours.status.to_string());
    let nothing = "none".to_owned();
    say(
        "content type",
        real.content_type.as_ref().unwrap_or(&nothing),
        ours.content_type.as_ref().unwrap_or(&nothing),
    );
    say("last line feed", ends(&real.body), ends(&ours.body));
    if is_page(&real.body) {
        say("page title", title(&real.body), title(&ours.body));
        return found;
    }
    say("blank after the colon", blank(&real.body), blank(&ours.body));
    match (Tree::read(&real.body), Tree::read(&ours.body)) {
        (Some(real), Some(ours)) => walk("", &real, &ours, &mut found),
        (None, None) => say("body", real.body.trim(), ours.body.trim()),
        (Some(_), None) => say("body", "JSON", &ours.body),
        (None, Some(_)) => say("body", &real.body, "JSON"),
    }
    found
}

fn walk(place: &str, real: &Tree, ours: &Tree, found: &mut Vec<Difference>) {
    let last = place.rsplit('.').next().unwrap_or(place);
    if FREE.contains(&last) && real.kind() == ours.kind() {
        return;
    }
    match (real, ours) {
        (Tree::Object(real), Tree::Object(ours)) => walk_object(place, real, ours, found),
        (Tree::List(real), Tree::List(ours)) => walk_list(place, real, ours, found),
        (Tree::Text(real), Tree::Text(ours)) => {
            let (real, ours) = (essence(real), essence(ours));
            if real != ours {
                note(place, &format!("`{real}`"), &format!("`{ours}`"), found);
            }
        }
        (Tree::Bool(real), Tree::Bool(ours)) if real != ours => {
            note(place, &real.to_string(), &ours.to_string(), found);
        }
        (real, ours) if real.kind() != ours.kind() => note(place, real.kind(), ours.kind(), found),
        _ => {}
    }
}

fn walk_object(place: &str, real: &[(String, Tree)], ours: &[(String, Tree)], found: &mut Vec<Difference>) {
    let below = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    let has = |members: &[(String, Tree)], key: &str| members.iter().any(|(name, _)| name == key);
    for (key, _) in real.iter().filter(|(key, _)| !has(ours, key)) {
        note(&below(key), "there", "absent", found);
    }
    for (key, _) in ours.iter().filter(|(key, _)| !has(real, key)) {
        note(&below(key), "absent", "there", found);
    }
    let shared = |members: &[(String, Tree)], others: &[(String, Tree)]| {
        let names = members.iter().map(|(key, _)| key.clone()).filter(|key| has(others, key));
        names.collect::<Vec<_>>().join(", ")
    };
    let (real_order, our_order) = (shared(real, ours), shared(ours, real));
    if real_order != our_order {
        let place =
            if place.is_empty() { "order of keys".to_owned() } else { format!("{place} order of keys") };
        note(&place, &real_order, &our_order, found);
    }
    for (key, value) in real {
        if let Some((_, other)) = ours.iter().find(|(name, _)| name == key) {
            walk(&below(key), value, other, found);
        }
    }
}

fn walk_list(place: &str, real: &[Tree], ours: &[Tree], found: &mut Vec<Difference>) {
    let last = place.rsplit('.').next().unwrap_or(place);
    let below = format!("{place}[]");
    if last == "chainParameter" {
        return walk_parameters(&below, real, ours, found);
    }
    let length = |items: &[Tree]| match (FREE_LENGTH.contains(&last), items.len()) {
        (true, 1..) => "some".to_owned(),
        (_, length) => length.to_string(),
    };
    if length(real) != length(ours) {
        note(&format!("{place} length"), &length(real), &length(ours), found);
    }
    for (real, ours) in real.iter().zip(ours) {
        walk(&below, real, ours, found);
    }
}

/// A list of keys with values: every key that a real node lists has to be there.
fn walk_parameters(place: &str, real: &[Tree], ours: &[Tree], found: &mut Vec<Difference>) {
    let key_of = |item: &Tree| match item {
        Tree::Object(members) => members.iter().find_map(|(name, value)| match value {
            Tree::Text(text) if name == "key" => Some(text.clone()),
            _ => None,
        }),
        _ => None,
    };
    let keys = |items: &[Tree]| items.iter().filter_map(key_of).collect::<Vec<_>>().join(", ");
    if keys(real) != keys(ours) {
        note(place, &keys(real), &keys(ours), found);
    }
}

fn note(place: &str, real: &str, ours: &str, found: &mut Vec<Difference>) {
    let difference = Difference { place: place.to_owned(), says: format!("real: {real}, sandbox: {ours}") };
    if !found.contains(&difference) {
        found.push(difference);
    }
}

/// A text without what belongs to one chain alone: hex becomes its length (or the words that it spells), addresses and digits
/// become marks.
pub(super) fn essence(text: &str) -> String {
    if text.len() >= 4 && text.len().is_multiple_of(2) && text.chars().all(|digit| digit.is_ascii_hexdigit())
    {
        return match hex::decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            Some(words)
                if words.len() >= 4
                    && words.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic()) =>
            {
                format!("hex of \"{}\"", without_marks(&words))
            }
            _ => format!("hex, {} digits", text.len()),
        };
    }
    without_marks(text)
}

fn without_marks(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_alphanumeric() || character == '_' {
            word.push(character);
            continue;
        }
        let is_hex = word.len() >= 4 && word.chars().all(|character| character.is_ascii_hexdigit());
        let is_id = is_hex && (word.len() >= 8 || word.chars().any(|character| character.is_ascii_digit()));
        let is_address = word.len() == 34 && word.starts_with('T');
        match (is_id, is_address) {
            (true, _) => out.push('#'),
            (_, true) => out.push('A'),
            _ => out.extend(
                word.chars().map(|character| if character.is_ascii_digit() { '#' } else { character }),
            ),
        }
        word.clear();
        out.push(character);
    }
    while out.contains("##") {
        out = out.replace("##", "#");
    }
    out.trim_end().to_owned()
}

fn ends(body: &str) -> &'static str {
    if body.ends_with('\n') { "there" } else { "absent" }
}

fn blank(body: &str) -> &'static str {
    match body.find("\":") {
        Some(colon) if body[colon..].starts_with("\": ") => "there",
        Some(_) => "absent",
        None => "no colon",
    }
}

fn is_page(body: &str) -> bool {
    body.starts_with("<html>")
}

fn title(body: &str) -> &str {
    body.split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"))
        .map_or("no page", |(title, _)| title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(body: &str) -> Heard {
        Heard { status: 200, content_type: Some("application/json".to_owned()), body: body.to_owned() }
    }

    fn places(real: &str, ours: &str) -> Vec<String> {
        differences(&heard(real), &heard(ours)).into_iter().map(|difference| difference.place).collect()
    }

    #[test]
    fn ids_times_and_numbers_are_the_chains_own() {
        let real = r#"{"id": "abababababababab","fee": 5,"blockNumber": 7}"#;
        let ours = r#"{"id": "cdcdcdcdcdcdcdcd","fee": 6,"blockNumber": 8}"#;
        assert!(places(real, ours).is_empty());
    }

    #[test]
    fn codes_keys_order_and_lengths_are_not() {
        assert_eq!(places(r#"{"code":"SUCCESS"}"#, r#"{"code":"SIGERROR"}"#), ["code"]);
        assert_eq!(places(r#"{"a":1,"b":2}"#, r#"{"a":1}"#), ["b"]);
        assert_eq!(places(r#"{"a":1,"b":2}"#, r#"{"b":1,"a":2}"#), ["order of keys"]);
        assert_eq!(places(r#"{"log":[1]}"#, r#"{"log":[1,2]}"#), ["log length"]);
        assert_eq!(places(r#"{"a": 1}"#, r#"{"a":1}"#), ["blank after the colon"]);
        assert_eq!(places("{}\n", "{}"), ["last line feed"]);
        assert_eq!(places(r#"{"id":"abababababababab"}"#, r#"{"id":"ababababababab"}"#), ["id"]);
    }

    #[test]
    fn words_are_compared_without_the_ids_in_them() {
        let essence_of = |text: &str| essence(text);
        assert_eq!(
            essence_of("effectiveConnection:12 for abababababab by TP88mnkKZxi2V23uowvUqajoHHdAx793kr."),
            "effectiveConnection:# for # by A."
        );
        assert_eq!(essence_of("447570207472616e73616374696f6e2e"), "hex of \"Dup transaction.\"");
    }
}
