//! Asks the document for every key that exists, remembers what was asked, and so knows what nobody asked for.
//!
//! A part of the program asks for all of its keys before it looks at any answer: that is how all mistakes are found at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::Serialize;

use super::{
    document::{Document, Entry},
    key::{Fallback, Form, Key, Written, Wrong},
    mistake::{Mistake, Origin},
    secret_file::SecretFile,
};

/// A key that was asked for, with what holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The full name: `limits.hourly_usdt`, `network.nodes[0].url`.
    pub key: String,
    /// The value in TOML; `None` when nothing holds and that is allowed.
    pub value: Option<String>,
    /// Where the value comes from.
    pub origin: Origin,
    /// Whether the value names a file whose content is secret.
    pub secret: bool,
    /// What may be written, for people.
    #[serde(skip)]
    pub(super) words: String,
    /// What holds without it.
    #[serde(skip)]
    pub(super) fallback: Fallback,
    /// What it does and why.
    #[serde(skip)]
    pub(super) about: &'static str,
}

/// A section's heading, for the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    /// Its name in TOML; empty for the keys above all sections.
    pub(super) name: &'static str,
    /// What it is about.
    pub(super) about: &'static str,
}

/// One thing the documents show, in the order in which the program asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// A section begins.
    Section(Section),
    /// A key.
    Setting(Setting),
}

/// Reads keys and collects mistakes.
pub(super) struct Reader<'a> {
    document: &'a Document,
    folder: &'a Path,
    /// In a survey the items of lists are asked for once, without being there.
    survey: bool,
    place: String,
    known: BTreeSet<String>,
    /// The secret files that were named, by key: they are read after all values are.
    pub(super) secret_files: BTreeMap<String, SecretFile>,
    pub(super) asked: Vec<Asked>,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// A reader of what was written; relative paths start at `folder`.
    pub(super) fn new(document: &'a Document, folder: &'a Path) -> Self {
        Self {
            document,
            folder,
            survey: false,
            place: String::new(),
            known: BTreeSet::new(),
            secret_files: BTreeMap::new(),
            asked: Vec::new(),
            mistakes: document.mistakes.clone(),
            warnings: Vec::new(),
        }
    }

    /// A reader that only wants to know which keys exist.
    pub(super) fn survey(document: &'a Document) -> Self {
        Self { survey: true, ..Self::new(document, Path::new("")) }
    }

    /// A section begins.
    pub(super) fn section(&mut self, name: &'static str, about: &'static str) {
        self.asked.push(Asked::Section(Section { name, about }));
        self.known.insert(name.to_owned());
    }

    /// The value of a key that must hold something. `None`: there is a mistake, and it is written down.
    pub(super) fn ask<F: Form>(&mut self, key: &Key<F>) -> Option<F::Value> {
        let name = self.name(key.name);
        match self.look(key, &name) {
            Ok(Some(value)) => Some(value),
            Ok(None) => {
                // After a line that is not TOML nobody knows what is missing.
                if let Fallback::Required(example) = key.fallback
                    && self.document.mistakes.is_empty()
                {
                    let last = name.rsplit('.').next().unwrap_or(&name).to_owned();
                    self.mistake(&name, Wrong::new("is missing", format!("write {last} = {example}")));
                }
                None
            }
            Err(()) => None,
        }
    }

    /// The value of a key that may be left out. The outer `None`: there is a mistake, and it is written down.
    pub(super) fn ask_maybe<F: Form>(&mut self, key: &Key<F>) -> Option<Option<F::Value>> {
        let name = self.name(key.name);
        self.look(key, &name).ok()
    }

    /// Asks for each item of a list of tables. `None`: an item has a mistake.
    pub(super) fn each<T>(
        &mut self,
        list: &'static str,
        mut item: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.known.insert(list.to_owned());
        let count = self.document.lists.get(list).map_or(0, |(count, _)| *count);
        if self.survey {
            self.place = format!("{list}[]");
            item(self);
        }
        let mut items = Vec::with_capacity(count);
        let mut whole = true;
        for index in 0..count {
            self.place = format!("{list}[{index}]");
            match item(self) {
                Some(value) => items.push(value),
                None => whole = false,
            }
        }
        self.place.clear();
        whole.then_some(items)
    }

    /// Whether anything was written for this key, or below it.
    pub(super) fn is_written(&self, name: &str) -> bool {
        self.document.entries.contains_key(name)
            || self.document.lists.contains_key(name)
            || self.document.has_under(name)
    }

    /// A mistake that only the whole shows (two keys that do not fit together).
    pub(super) fn mistake(&mut self, name: &str, wrong: Wrong) {
        let origin = self
            .document
            .entries
            .get(name)
            .map(|entry| entry.origin.clone())
            .or_else(|| self.document.lists.get(name).map(|(_, origin)| origin.clone()))
            .unwrap_or(Origin::Default);
        let Wrong { wrong, right } = wrong;
        self.mistakes.push(Mistake { key: name.to_owned(), origin, wrong, right });
    }

    /// The value that holds for a key that was asked for, in TOML.
    pub(super) fn value_of(&self, name: &str) -> Option<&str> {
        self.asked.iter().find_map(|asked| match asked {
            Asked::Setting(setting) if setting.key == name => setting.value.as_deref(),
            Asked::Setting(_) | Asked::Section(_) => None,
        })
    }

    /// Something that is allowed and that the operator should know.
    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// The name of a key at the present place of a list.
    pub(super) fn name(&self, name: &str) -> String {
        match name.split_once("[]") {
            Some((_, rest)) if !self.place.is_empty() => format!("{}{rest}", self.place),
            _ => name.to_owned(),
        }
    }

    /// Writes down every key that was written and that nobody asked for.
    pub(super) fn refuse_strangers(&mut self) {
        let strangers: Vec<(String, Origin)> = self
            .document
            .entries
            .iter()
            .map(|(name, entry)| (name.clone(), entry.origin.clone()))
            .chain(self.document.lists.iter().map(|(name, (_, origin))| (name.clone(), origin.clone())))
            .filter(|(name, _)| !self.known.contains(name) || self.is_section_with_a_value(name))
            .collect();
        for (key, origin) in strangers {
            let right = self.hint(&key);
            self.mistakes.push(Mistake { key, origin, wrong: "is not a key of payoutd".into(), right });
        }
    }

    fn look<F: Form>(&mut self, key: &Key<F>, name: &str) -> Result<Option<F::Value>, ()> {
        self.known.insert(name.to_owned());
        let (written, origin) = match (self.document.entries.get(name), key.fallback) {
            (Some(Entry { written, origin }), _) => (Some(written.clone()), origin.clone()),
            (None, Fallback::Is(default)) => (Some(Written::Bare(bare(default))), Origin::Default),
            (None, Fallback::Required(_) | Fallback::Absent { .. }) => (None, Origin::Default),
        };
        let value = match written {
            None => Ok(None),
            Some(written) => key.form.read(&written, self.folder).map(Some),
        };
        let secret_file =
            value.as_ref().ok().and_then(Option::as_ref).and_then(|value| key.form.secret_file(value));
        let secret = secret_file.is_some();
        if let Some(secret_file) = secret_file {
            self.secret_files.insert(name.to_owned(), secret_file.clone());
        }
        self.asked.push(Asked::Setting(Setting {
            key: name.to_owned(),
            value: value.as_ref().ok().and_then(Option::as_ref).map(|value| key.form.show(value)),
            origin,
            secret,
            words: key.form.words(),
            fallback: key.fallback,
            about: key.about,
        }));
        value.map_err(|wrong| self.mistake(name, wrong))
    }

    /// `store = 5`: the name is known as a section, and a section holds no value itself.
    fn is_section_with_a_value(&self, name: &str) -> bool {
        let is_section =
            self.asked.iter().any(|asked| matches!(asked, Asked::Section(section) if section.name == name));
        let holds_value =
            self.document.entries.get(name).is_some_and(|entry| entry.written != Written::Other("section"));
        is_section && holds_value
    }

    fn hint(&self, stranger: &str) -> String {
        if self.is_section_with_a_value(stranger) {
            return format!("it is a section: write [{stranger}] and its keys below");
        }
        if let Some(list) = stranger.strip_prefix("network.nodes.").map(|_| "network.nodes") {
            return format!("nodes are a list: write [[{list}]], once for each node");
        }
        let nearest = self
            .known
            .iter()
            .filter(|known| !known.is_empty())
            .map(|known| (distance(known, stranger), known))
            .min()
            .filter(|(distance, known)| *distance <= 2.max(known.len() / 4));
        match nearest {
            Some((_, known)) => format!("did you mean {known}?"),
            None => "take it out; docs/configuration.md has every key".into(),
        }
    }
}

/// A default without its quotes: what the environment would hold.
fn bare(default: &str) -> String {
    serde_json::from_str::<String>(default).unwrap_or_else(|_| default.to_owned())
}

/// How many letters one changes to get from one word to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, from_letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (left, to_letter) in to.iter().enumerate() {
            let changed = diagonal + usize::from(from_letter != *to_letter);
            diagonal = row[left + 1];
            row[left + 1] = changed.min(row[left] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn the_distance_counts_changed_letters() {
        assert_eq!(distance("store.url", "store.url"), 0);
        assert_eq!(distance("store.url", "store.ulr"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
