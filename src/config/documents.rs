//! `config/payoutd.toml` and `docs/configuration.md`, written from the keys themselves.

use std::fmt::Write;

use super::{
    Parts,
    document::Document,
    key::Fallback,
    reader::{Asked, Reader, Section, Setting},
};

/// How wide a line of the template's explanations is.
const WIDTH: usize = 110;

const TEMPLATE_HEAD: &str = "\
# payoutd's configuration: every key, its default and its reason.
# `payoutd check-config --config FILE` names all mistakes at once and shows what holds and why.
#
# A line that begins with #key shows the default or an example: take the # away to change it.
# A line without # has no default and must be given.
# The environment wins over this file: PAYOUTD_STORE__URL is store.url (a double underscore for each dot).
# Relative paths start at this file's folder. A file that holds a secret is its owner's alone, chmod 600; root's
# file may be given to the group that payoutd runs as, chmod 640.
";

const REFERENCE_HEAD: &str = "\
# Configuration

Written by `payoutd check-config --reference` from the keys in the program; a test compares.

payoutd reads one TOML file (`--config FILE`, else the file that `PAYOUTD_CONFIG` names, else
`/etc/payoutd/payoutd.toml`) and the environment, which wins: `PAYOUTD_STORE__URL` is `store.url`, a double underscore
for each dot. Other names that begin with `PAYOUTD_` are left alone. A key that payoutd does not know is a mistake, in
both places.

All mistakes are named at once, before anything is opened, and the exit code is 78. `payoutd check-config` does the same
without starting, and shows every key with the value that holds and where it comes from. `payoutd check-config
--template` prints a file with every key explained; it is `config/payoutd.toml`.

Relative paths start at the folder of the configuration file. Amounts are text, never numbers: `\"1000\"`, `\"25.5\"`.
Secrets stand in files of their own that only their owner may read (`chmod 600`). A file of root's may be given to the group that
payoutd runs as (`chown root:payoutd`, `chmod 640`), so that the daemon can read it and not change it; systemd's credentials are taken
as they are. What others can reach is refused.
";

/// Every key explained, as a file to begin with.
#[must_use]
pub fn template() -> String {
    let mut out = String::from(TEMPLATE_HEAD);
    let mut list = None;
    for asked in everything() {
        match asked {
            Asked::Section(section) => {
                list = None;
                template_section(&mut out, section);
            }
            Asked::Setting(setting) => {
                let of_list = setting.key.split_once("[].").map(|(list, _)| list.to_owned());
                if of_list != list {
                    if let Some(list) = &of_list {
                        let _ = write!(out, "\n[[{list}]]\n");
                    }
                    list = of_list;
                }
                template_setting(&mut out, &setting);
            }
        }
    }
    out
}

fn template_section(out: &mut String, section: Section) {
    if section.name.is_empty() {
        return;
    }
    let _ = write!(out, "\n[{}]\n", section.name);
    comment(out, section.about);
}

fn template_setting(out: &mut String, setting: &Setting) {
    let name = setting.key.rsplit('.').next().unwrap_or(&setting.key);
    let _ = writeln!(out);
    comment(out, setting.about);
    match setting.fallback {
        Fallback::Required(example) => {
            comment(out, &format!("Write {}. Required.", setting.words));
            let _ = writeln!(out, "{name} = {example}");
        }
        Fallback::Absent { example, without } => {
            comment(out, &format!("Write {}. Left out: {without}.", setting.words));
            let _ = writeln!(out, "#{name} = {example}");
        }
        Fallback::Is(default) => {
            comment(out, &format!("Write {}. Default {default}.", setting.words));
            let _ = writeln!(out, "#{name} = {default}");
        }
    }
}

fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// Every key explained, as a page.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(REFERENCE_HEAD);
    for asked in everything() {
        match asked {
            Asked::Section(Section { name: "", about }) => {
                let _ = write!(out, "\n## Above all sections\n\n{about}\n");
            }
            Asked::Section(Section { name, about }) => {
                let _ = write!(out, "\n## [{name}]\n\n{about}\n");
            }
            Asked::Setting(setting) => reference_setting(&mut out, &setting),
        }
    }
    out
}

fn reference_setting(out: &mut String, setting: &Setting) {
    let Setting { key, words, about, .. } = setting;
    let _ = write!(out, "\n### `{key}`\n\n{about}\n\n- Write: {words}\n");
    let _ = match setting.fallback {
        Fallback::Required(_) => writeln!(out, "- Required"),
        Fallback::Absent { without, .. } => writeln!(out, "- Optional; left out: {without}"),
        Fallback::Is(default) => writeln!(out, "- Default: `{default}`"),
    };
    if key.contains('.') && !key.contains("[]") {
        let _ = writeln!(out, "- Variable: `PAYOUTD_{}`", key.replace('.', "__").to_uppercase());
    }
}

/// The settings among what was asked.
pub(super) fn settings(asked: &[Asked]) -> Vec<Setting> {
    let setting = |asked: &Asked| match asked {
        Asked::Setting(setting) => Some(setting.clone()),
        Asked::Section(_) => None,
    };
    asked.iter().filter_map(setting).collect()
}

/// Every section and key that exists, asked of an empty document.
fn everything() -> Vec<Asked> {
    let document = Document::default();
    let mut reader = Reader::survey(&document);
    Parts::read(&mut reader);
    reader.asked
}
