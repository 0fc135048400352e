//! A contract's ABI as a node prints it in `wallet/getcontract`: public SDKs look there before they call.

use payoutd_actors::fakes::sim_chain::{AbiEntry, AbiParameter};

use super::json::{Fields, Json};

/// The ABI. Old compilers (Solidity 0.4, USDT's) mark what changes nothing as `constant` too.
pub(crate) fn printed(entries: &[AbiEntry], old_compiler: bool) -> Json {
    let entries = entries.iter().map(|entry| Json::Object(printed_entry(entry, old_compiler)));
    Json::Object(Fields::new().with("entrys", entries.collect::<Vec<_>>()))
}

/// The declaration of an event, in the words that indexers keep: `Transfer(address indexed from, address indexed to, …)`.
pub(crate) fn declaration(event: &AbiEntry) -> String {
    let inputs = event.inputs.iter().map(|input| {
        let indexed = if input.indexed { " indexed" } else { "" };
        format!("{}{indexed} {}", input.kind, input.name)
    });
    format!("{}({})", event.name, inputs.collect::<Vec<_>>().join(", "))
}

/// The signature whose hash is an event's first topic: `Transfer(address,address,uint256)`.
pub(crate) fn signature(event: &AbiEntry) -> String {
    let kinds = event.inputs.iter().map(|input| input.kind).collect::<Vec<_>>();
    format!("{}({})", event.name, kinds.join(","))
}

fn printed_entry(entry: &AbiEntry, old_compiler: bool) -> Fields {
    let mut fields = Fields::new();
    if !entry.outputs.is_empty() {
        fields.put("outputs", parameters(&entry.outputs));
    }
    if old_compiler && entry.state_mutability == "View" {
        fields.put("constant", true);
    }
    if !entry.inputs.is_empty() {
        fields.put("inputs", parameters(&entry.inputs));
    }
    fields
        .with_nonempty("name", entry.name)
        .with_nonempty("stateMutability", entry.state_mutability)
        .with("type", entry.kind)
}

fn parameters(parameters: &[AbiParameter]) -> Vec<Json> {
    let printed = parameters.iter().map(|parameter| {
        let mut fields = Fields::new();
        if parameter.indexed {
            fields.put("indexed", true);
        }
        Json::Object(fields.with_nonempty("name", parameter.name).with("type", parameter.kind))
    });
    printed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(kind: &'static str, name: &'static str, indexed: bool) -> AbiParameter {
        AbiParameter { name, kind, indexed }
    }

    fn transfer_event() -> AbiEntry {
        let inputs = vec![
            argument("address", "from", true),
            argument("address", "to", true),
            argument("uint256", "value", false),
        ];
        AbiEntry { kind: "Event", name: "Transfer", inputs, outputs: Vec::new(), state_mutability: "" }
    }

    /// The forms are those of a java-tron 4.8 node.
    #[test]
    fn functions_views_and_events_are_printed_as_a_node_prints_them() {
        let symbol = AbiEntry {
            kind: "Function",
            name: "symbol",
            inputs: Vec::new(),
            outputs: vec![argument("string", "", false)],
            state_mutability: "View",
        };
        assert_eq!(
            printed(&[symbol], true).hashed(),
            r#"{"entrys":[{"outputs":[{"type":"string"}],"constant":true,"name":"symbol","stateMutability":"View","type":"Function"}]}"#
        );
        assert_eq!(
            printed(&[transfer_event()], true).hashed(),
            r#"{"entrys":[{"inputs":[{"indexed":true,"name":"from","type":"address"},{"indexed":true,"name":"to","type":"address"},{"name":"value","type":"uint256"}],"name":"Transfer","type":"Event"}]}"#
        );
    }

    #[test]
    fn an_event_is_declared_for_people_and_for_hashing() {
        assert_eq!(
            declaration(&transfer_event()),
            "Transfer(address indexed from, address indexed to, uint256 value)"
        );
        assert_eq!(signature(&transfer_event()), "Transfer(address,address,uint256)");
    }
}
