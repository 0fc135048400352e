//! Holds a JSON value against a schema of the API's description. It knows the words that the description uses; a word that
//! it does not know fails, so that nothing passes unread.

use serde_json::{Map, Value};

use super::door::Answer;

/// Holds an answer against the description of its route.
pub(crate) fn hold(document: &Value, method: &str, path: &str, answer: &Answer) {
    let responses = &document["paths"][path][method]["responses"];
    let response = &responses[answer.status.to_string()];
    assert!(response.is_object(), "{method} {path}: {} is not described in {responses}", answer.status);
    let content_type = answer.header("content-type").split(';').next().unwrap();
    let schema = &response["content"][content_type]["schema"];
    assert!(
        schema.is_object(),
        "{method} {path} {}: {content_type} is not described in {response}",
        answer.status
    );
    let found = faults(document, schema, &answer.json(), "");
    assert!(found.is_empty(), "{method} {path} {}: {found:#?}\n{}", answer.status, answer.text);
}

/// Every way in which `value` is not what `schema` says; `document` resolves references.
fn faults(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    look(document, schema, value, at, &mut found);
    found
}

fn look(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(words) = schema.as_object() else { return };
    for (word, rule) in words {
        match word.as_str() {
            "$ref" => {
                let path = rule.as_str().unwrap().trim_start_matches('#');
                let target = document.pointer(path).unwrap_or_else(|| panic!("{path} leads nowhere"));
                look(document, target, value, at, found);
            }
            "type" => must_be(rule, value, at, found),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                found.push(format!("{at}: {value} is not one of {rule}"))
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        found.push(format!("{at}: {name} is missing"));
                    }
                }
            }
            "properties" => properties(document, rule.as_object().unwrap(), value, at, found),
            "additionalProperties" => additional(document, words, rule, value, at, found),
            "items" => {
                for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                    look(document, rule, item, &format!("{at}/{place}"), found);
                }
            }
            "oneOf" => {
                let fits = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|one| faults(document, one, value, at).is_empty())
                    .count();
                if fits != 1 {
                    found.push(format!("{at}: fits {fits} of the alternatives {rule}"));
                }
            }
            "format" => format_of(rule.as_str().unwrap(), value, at, found),
            "minimum" if value.is_number() && value.as_i64() < rule.as_i64() => {
                found.push(format!("{at}: {value} is below {rule}"))
            }
            "enum" | "minimum" | "description" | "example" | "propertyNames" | "title" => {}
            other => panic!("this test does not know the schema's word `{other}`"),
        }
    }
}

fn must_be(rule: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let is = |name: &str| match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("no such type: {other}"),
    };
    let fits = match rule {
        Value::String(one) => is(one),
        Value::Array(several) => several.iter().any(|one| is(one.as_str().unwrap())),
        other => panic!("no type: {other}"),
    };
    if !fits {
        found.push(format!("{at}: {value} is no {rule}"));
    }
}

fn properties(
    document: &Value,
    rules: &Map<String, Value>,
    value: &Value,
    at: &str,
    found: &mut Vec<String>,
) {
    for (name, rule) in rules {
        if let Some(inner) = value.get(name) {
            look(document, rule, inner, &format!("{at}/{name}"), found);
        }
    }
    // What the description does not name must not be said.
    for name in value.as_object().into_iter().flat_map(Map::keys) {
        if !rules.contains_key(name) {
            found.push(format!("{at}: {name} is not described"));
        }
    }
}

fn additional(
    document: &Value,
    words: &Map<String, Value>,
    rule: &Value,
    value: &Value,
    at: &str,
    found: &mut Vec<String>,
) {
    if words.contains_key("properties") || !rule.is_object() {
        return;
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        look(document, rule, inner, &format!("{at}/{name}"), found);
    }
}

fn format_of(format: &str, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(text) = value.as_str() else { return };
    if format == "date-time" && (payoutd::wire::moment::read(text).is_none() || !text.ends_with('Z')) {
        found.push(format!("{at}: {text} is no moment in UTC"));
    }
}
