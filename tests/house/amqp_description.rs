//! The fear: what is spoken over the broker is described one way and spoken another.

use payoutd::amqp::asyncapi::document;
use serde_json::Value;

/// The description as YAML, which people read more easily than JSON.
fn page() -> String {
    let yaml = serde_saphyr::to_string(&document()).unwrap();
    format!(
        "# Written from the program's types (src/amqp/asyncapi.rs); a test compares.\n\
         # PAYOUTD_WRITE_DOCS=1 cargo test --test house the_description_of_the_broker writes it anew.\n{yaml}"
    )
}

/// F-P20: `PAYOUTD_WRITE_DOCS=1 cargo test --test house the_description_of_the_broker` writes it anew.
#[test]
fn the_description_of_the_broker_is_the_programs() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/asyncapi.yaml");
    if std::env::var_os("PAYOUTD_WRITE_DOCS").is_some() {
        std::fs::write(file, page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), page(), "docs/asyncapi.yaml is out of date");
}

/// Whatever is referred to is there.
#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut seen = 0;
    let mut look = vec![&document];
    while let Some(value) = look.pop() {
        match value {
            Value::Object(entries) => {
                if let Some(Value::String(to)) = entries.get("$ref") {
                    assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to}");
                    seen += 1;
                }
                look.extend(entries.values());
            }
            Value::Array(items) => look.extend(items),
            _ => {}
        }
    }
    assert!(seen > 10, "{seen}");
    for schema in ["PayoutOrder", "Payout", "Problem", "JobReply", "CloudEvent", "Checkpoint"] {
        assert!(document["components"]["schemas"][schema].is_object(), "{schema}");
    }
}
