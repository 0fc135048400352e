//! The fear: the page for auditors says that a requirement is met, and the test that it names is gone, or never was; or what does not
//! suit us is not on the page at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const HERE: &str = env!("CARGO_MANIFEST_DIR");
const FOLDER: &str = "docs/security";
const PAGE: &str = "docs/security/asvs.md";
const VERDICTS: [&str; 5] = ["met", "in part", "not proved", "not met", "does not apply"];

/// The sections of ASVS 5.0.0, and how many requirements of level 1 and of level 2 each begins with; those of level 3 come after.
const SECTIONS: [(&str, usize, usize); 75] = [
    ("1.1", 0, 2),
    ("1.2", 5, 4),
    ("1.3", 2, 9),
    ("1.4", 0, 3),
    ("1.5", 1, 1),
    ("2.1", 1, 2),
    ("2.2", 2, 1),
    ("2.3", 1, 3),
    ("2.4", 0, 1),
    ("3.2", 2, 0),
    ("3.3", 1, 3),
    ("3.4", 2, 4),
    ("3.5", 3, 2),
    ("3.7", 0, 2),
    ("4.1", 1, 2),
    ("4.2", 0, 1),
    ("4.3", 0, 2),
    ("4.4", 1, 3),
    ("5.1", 0, 1),
    ("5.2", 2, 1),
    ("5.3", 2, 0),
    ("5.4", 0, 3),
    ("6.1", 1, 2),
    ("6.2", 8, 4),
    ("6.3", 2, 2),
    ("6.4", 2, 2),
    ("6.5", 0, 5),
    ("6.6", 0, 3),
    ("6.8", 0, 4),
    ("7.1", 0, 3),
    ("7.2", 4, 0),
    ("7.3", 0, 2),
    ("7.4", 2, 3),
    ("7.5", 0, 2),
    ("7.6", 0, 2),
    ("8.1", 1, 1),
    ("8.2", 2, 1),
    ("8.3", 1, 0),
    ("8.4", 0, 1),
    ("9.1", 3, 0),
    ("9.2", 1, 3),
    ("10.1", 0, 2),
    ("10.2", 0, 2),
    ("10.3", 0, 4),
    ("10.4", 5, 6),
    ("10.5", 0, 5),
    ("10.6", 0, 2),
    ("10.7", 0, 3),
    ("11.1", 0, 2),
    ("11.2", 0, 3),
    ("11.3", 2, 1),
    ("11.4", 1, 3),
    ("11.5", 0, 1),
    ("11.6", 0, 1),
    ("12.1", 1, 2),
    ("12.2", 2, 0),
    ("12.3", 0, 4),
    ("13.1", 0, 1),
    ("13.2", 0, 5),
    ("13.3", 0, 2),
    ("13.4", 1, 4),
    ("14.1", 0, 2),
    ("14.2", 1, 3),
    ("14.3", 1, 2),
    ("15.1", 1, 2),
    ("15.2", 1, 2),
    ("15.3", 1, 6),
    ("16.1", 0, 1),
    ("16.2", 0, 5),
    ("16.3", 0, 4),
    ("16.4", 0, 3),
    ("16.5", 0, 3),
    ("17.1", 0, 1),
    ("17.2", 0, 4),
    ("17.3", 0, 2),
];

/// Each requirement of level 1 or 2, and its level.
fn requirements() -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for (section, of_level_1, of_level_2) in SECTIONS {
        for number in 1..=of_level_1 + of_level_2 {
            let level = if number <= of_level_1 { 1 } else { 2 };
            all.insert(format!("{section}.{number}"), level);
        }
    }
    all
}

/// The requirements that a number stands for: itself, or all of its section or chapter.
fn covered<'a>(all: &'a BTreeMap<String, usize>, number: &str) -> Vec<(&'a str, usize)> {
    let within = format!("{number}.");
    let covered = all.iter().filter(|(one, _)| one.as_str() == number || one.starts_with(&within));
    covered.map(|(one, level)| (one.as_str(), *level)).collect()
}

fn page() -> String {
    fs::read_to_string(Path::new(HERE).join(PAGE)).unwrap()
}

/// A row of one of the page's tables.
struct Row {
    numbers: String,
    levels: String,
    wants: String,
    verdict: String,
    reason: String,
    proof: String,
}

impl Row {
    /// A line that begins with a requirement's number; other lines are none.
    fn of_line(line: &str) -> Option<Self> {
        let cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|');
        let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
        if !cells[0].starts_with(|sign: char| sign.is_ascii_digit()) {
            return None;
        }
        let [numbers, levels, wants, verdict, reason, proof] =
            cells.try_into().unwrap_or_else(|cells: Vec<String>| panic!("six cells are wanted: {cells:?}"));
        Some(Self { numbers, levels, wants, verdict, reason, proof })
    }

    fn numbers(&self) -> impl Iterator<Item = &str> {
        self.numbers.split(", ")
    }

    /// The tests that are named as proof: file and function.
    fn tests(&self) -> Vec<(&str, &str)> {
        let named = self.proof.split('`').skip(1).step_by(2);
        let is_test = |name: &str| name.contains("::");
        assert!(named.clone().all(is_test), "{}: no file::function: {}", self.numbers, self.proof);
        named.filter_map(|name| name.split_once("::")).collect()
    }
}

fn rows() -> Vec<Row> {
    page().lines().filter_map(Row::of_line).collect()
}

/// No requirement is passed over in silence, none has two answers, and nobody is told that level 1 is level 2.
#[test]
fn every_requirement_stands_on_the_page_once_and_with_its_level() {
    let all = requirements();
    // As many as the standard has.
    assert_eq!((all.values().filter(|level| **level == 1).count(), all.len()), (70, 253));
    let mut found = BTreeSet::new();
    for row in rows() {
        let mut levels = BTreeSet::new();
        for number in row.numbers() {
            let covered = covered(&all, number);
            assert!(!covered.is_empty(), "{number} is no requirement of level 1 or 2");
            for (one, level) in covered {
                assert!(found.insert(one), "{one} stands twice");
                levels.insert(level);
            }
        }
        let levels: Vec<String> = levels.iter().map(usize::to_string).collect();
        assert_eq!(row.levels, levels.join(", "), "{}", row.numbers);
    }
    let missing: Vec<&String> = all.keys().filter(|one| !found.contains(one.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What is called met is shown by a test that is there, or by a text or code that is linked; whatever else is said has its reason.
#[test]
fn what_is_called_met_names_its_proof_and_all_else_its_reason() {
    for row in rows() {
        let number = &row.numbers;
        assert!(VERDICTS.contains(&row.verdict.as_str()), "{number}: {}", row.verdict);
        assert!(
            !row.wants.is_empty() && !row.reason.is_empty(),
            "{number}: what is wanted, or why, is not said"
        );
        assert!(row.verdict != "met" || !row.proof.is_empty(), "{number}: nothing proves it");
        for (file, function) in row.tests() {
            must_be_a_test(number, file, function);
        }
    }
}

fn must_be_a_test(number: &str, file: &str, function: &str) {
    let is_ours = ["src/", "tests/", "actors/"].iter().any(|folder| file.starts_with(folder));
    assert!(is_ours && file.ends_with(".rs"), "{number}: {file}");
    let text = fs::read_to_string(Path::new(HERE).join(file));
    let text = text.unwrap_or_else(|why| panic!("{number}: {file}: {why}"));
    let opening = format!("fn {function}(");
    assert!(text.contains(&opening), "{number}: {file} has no {function}");
    let above = text.lines().take_while(|line| !line.contains(&opening)).last().unwrap_or_default().trim();
    assert!(
        above.starts_with("#[") && above.contains("test"),
        "{number}: {file}: {function} is no test: {above}"
    );
}

/// The sum at the head of the page is that of its rows.
#[test]
fn the_verdicts_are_counted_as_they_stand() {
    let (all, page) = (requirements(), page());
    for verdict in VERDICTS {
        let of_verdict = rows().into_iter().filter(|row| row.verdict == verdict);
        let count: usize = of_verdict
            .map(|row| row.numbers().map(|number| covered(&all, number).len()).sum::<usize>())
            .sum();
        let (begins, ends) = (format!("| `{verdict}` |"), format!("| {count} |"));
        let is_said = page.lines().any(|line| line.starts_with(&begins) && line.ends_with(&ends));
        assert!(is_said, "{verdict}: {count}");
    }
}

/// Whoever follows a link from a page for auditors arrives, and each page is found from the front page.
#[test]
fn the_pages_links_lead_somewhere() {
    let folder = Path::new(HERE).join(FOLDER);
    let front_page = fs::read_to_string(Path::new(HERE).join("README.md")).unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(front_page.contains(&format!("({FOLDER}/{name})")), "nobody finds {name}");
        let page = fs::read_to_string(&path).unwrap();
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let to = link.split('#').next().unwrap();
            assert!(to.contains("://") || folder.join(to).exists(), "{name}: {link}");
        }
    }
}
