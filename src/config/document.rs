//! What was written, in the file and in the environment, as one flat book: key → value and where it stands.
//!
//! Nothing here knows which keys exist. Lists of tables are flattened with their place: `network.nodes[0].url`.

use std::{collections::BTreeMap, ffi::OsString};

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::{
    key::Written,
    mistake::{Mistake, Origin},
};

/// The variables that are ours begin like this and have a double underscore after it. Others are left alone.
const PREFIX: &str = "PAYOUTD_";

/// One written value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) written: Written,
    pub(super) origin: Origin,
}

/// Everything that was written.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Leaves by full name.
    pub(super) entries: BTreeMap<String, Entry>,
    /// How many tables a list holds, by the list's name.
    pub(super) lists: BTreeMap<String, (usize, Origin)>,
    /// What cannot even be read as TOML or as a variable.
    pub(super) mistakes: Vec<Mistake>,
}

impl Document {
    /// The file's text (empty when there is none) under the environment's variables, which win.
    pub(super) fn read(file: &str, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut document = Self::default();
        document.take_file(file);
        let mut variables: Vec<_> = environment.into_iter().collect();
        variables.sort();
        for (name, value) in variables {
            document.take_variable(&name, &value);
        }
        document
    }

    /// Whether a section or a list of this name was written, as a table or as anything below it.
    pub(super) fn has_under(&self, prefix: &str) -> bool {
        let dotted = format!("{prefix}.");
        self.entries.range(dotted.clone()..).next().is_some_and(|(key, _)| key.starts_with(&dotted))
    }

    fn take_file(&mut self, file: &str) {
        let (table, errors) = DeTable::parse_recoverable(file);
        for error in &errors {
            let line = error.span().map_or(1, |span| line_of(file, span.start));
            self.mistakes.push(Mistake {
                key: "the file".into(),
                origin: Origin::File { line },
                wrong: format!("is not TOML: {}", error.message().replace('\n', ", ")),
                right: "correct this line (https://toml.io has the language)".into(),
            });
        }
        let at = |start: usize| Origin::File { line: line_of(file, start) };
        self.take_table("", table.get_ref(), &at);
    }

    fn take_table(&mut self, prefix: &str, table: &DeTable<'_>, at: &dyn Fn(usize) -> Origin) {
        for (name, value) in table {
            let key = if prefix.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{prefix}.{}", name.get_ref())
            };
            self.take_value(&key, value, &at(name.span().start), at);
        }
    }

    fn take_value(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        origin: &Origin,
        at: &dyn Fn(usize) -> Origin,
    ) {
        match value.get_ref() {
            // A section without a key in it says nothing, unless nobody knows it: the reader decides.
            DeValue::Table(table) if table.is_empty() => self.put(key, Written::Other("section"), origin),
            DeValue::Table(table) => self.take_table(key, table, at),
            DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_table()) => {
                self.lists.insert(key.to_owned(), (items.len(), origin.clone()));
                for (place, item) in items.iter().enumerate() {
                    if let Some(table) = item.get_ref().as_table() {
                        self.take_table(&format!("{key}[{place}]"), table, at);
                    }
                }
            }
            leaf => self.put(key, written(leaf), origin),
        }
    }

    fn put(&mut self, key: &str, written: Written, origin: &Origin) {
        self.entries.insert(key.to_owned(), Entry { written, origin: origin.clone() });
    }

    fn take_variable(&mut self, name: &OsString, value: &OsString) {
        let name = name.to_string_lossy();
        let Some(path) = name.strip_prefix(PREFIX).filter(|path| path.contains("__")) else { return };
        let origin = Origin::Environment { variable: name.to_string() };
        let key = path.to_lowercase().split("__").collect::<Vec<_>>().join(".");
        let mut mistake = |wrong: String, right: String| {
            self.mistakes.push(Mistake { key: key.clone(), origin: origin.clone(), wrong, right });
        };
        if path != path.to_uppercase() {
            return mistake(
                "a variable's name has capital letters alone".into(),
                format!("write {PREFIX}{}", path.to_uppercase()),
            );
        }
        let Some(text) = value.to_str() else {
            return mistake("is not UTF-8".into(), "write it in UTF-8".into());
        };
        self.put_variable(&key, text, &origin);
    }

    /// A variable replaces what the file says. A list (`[{ … }]`) is written as in TOML and replaces the whole list.
    fn put_variable(&mut self, key: &str, text: &str, origin: &Origin) {
        if text.trim_start().starts_with('[')
            && let Ok(value) = DeValue::parse(text)
            && value.get_ref().is_array()
        {
            let inside = format!("{key}[");
            self.entries.retain(|name, _| !name.starts_with(&inside));
            self.take_value(key, &value, origin, &|_| origin.clone());
            return;
        }
        self.put(key, Written::Bare(text.to_owned()), origin);
    }
}

fn written(value: &DeValue<'_>) -> Written {
    match value {
        DeValue::String(text) => Written::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Written::Other("number beyond 64 bits"), Written::Whole),
        DeValue::Boolean(flag) => Written::Flag(*flag),
        DeValue::Float(_) => Written::Other("number with a fraction"),
        DeValue::Datetime(_) => Written::Other("date"),
        DeValue::Array(items) => texts(items).map_or(Written::Other("list"), Written::List),
        DeValue::Table(_) => Written::Other("section"),
    }
}

/// The texts of a list; `None` where something else stands in it.
fn texts(items: &DeArray<'_>) -> Option<Vec<String>> {
    items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

/// The line of a byte, counted from 1.
fn line_of(text: &str, byte: usize) -> usize {
    text.as_bytes().iter().take(byte).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn a_variable_wins_over_the_file_and_strangers_are_left_alone() {
        let document = Document::read(
            "[store]\nurl = \"sqlite:file.db\"\n",
            variables(&[("PAYOUTD_STORE__URL", "sqlite:env.db"), ("PAYOUTD_VECTORS", "x"), ("HOME", "/")]),
        );
        let entry = &document.entries["store.url"];
        assert_eq!(entry.written, Written::Bare("sqlite:env.db".into()));
        assert_eq!(document.entries.len(), 1);
    }

    #[test]
    fn a_list_in_a_variable_replaces_the_whole_list() {
        let document = Document::read(
            "[network]\nnodes = [{ url = \"http://a\" }, { url = \"http://b\" }]\n",
            variables(&[("PAYOUTD_NETWORK__NODES", "[{ url = \"http://c\" }]")]),
        );
        assert_eq!(document.lists["network.nodes"].0, 1);
        assert_eq!(document.entries["network.nodes[0].url"].written, Written::Text("http://c".into()));
        assert!(!document.entries.contains_key("network.nodes[1].url"));
    }

    #[test]
    fn every_syntax_mistake_has_its_line() {
        let document = Document::read("a = \nb = 1\nc = = 2\n", Vec::new());
        let lines: Vec<_> = document.mistakes.iter().map(|mistake| mistake.origin.clone()).collect();
        assert!(lines.contains(&Origin::File { line: 1 }), "{lines:?}");
        assert!(lines.contains(&Origin::File { line: 3 }), "{lines:?}");
    }
}
