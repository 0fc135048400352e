//! Figures, their aims, and how both are shown to a person.

use serde_json::{Map, Value, json};

/// One figure and its aim.
pub(crate) struct Verdict {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    unit: &'static str,
    /// What it is held against.
    limit: Option<f64>,
    aim: Option<Aim>,
}

pub(crate) enum Aim {
    RatioAtLeast(f64),
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

impl Verdict {
    pub(crate) fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, limit: None, aim: None }
    }

    pub(crate) fn of_limit(self, limit: f64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    pub(crate) fn aim(self, aim: Aim) -> Self {
        Self { aim: Some(aim), ..self }
    }

    pub(crate) fn ratio(&self) -> Option<f64> {
        Some(self.value / self.limit?)
    }

    pub(crate) fn is_missed(&self) -> bool {
        match self.aim {
            None => false,
            Some(Aim::RatioAtLeast(ratio)) => self.ratio().is_none_or(|found| found < ratio),
            Some(Aim::AtLeast(least)) => self.value < least,
            Some(Aim::AtMost(most)) => self.value > most,
            Some(Aim::Below(most)) => self.value >= most,
        }
    }

    fn told(&self) -> String {
        let Some(aim) = &self.aim else { return String::new() };
        let aim = match aim {
            Aim::RatioAtLeast(ratio) => format!("ratio ≥ {ratio}"),
            Aim::AtLeast(least) => format!("≥ {least}"),
            Aim::AtMost(most) => format!("≤ {most}"),
            Aim::Below(most) => format!("< {most}"),
        };
        format!("{aim}: {}", if self.is_missed() { "missed" } else { "reached" })
    }

    /// Value, unit, limit and ratio, for a machine.
    pub(crate) fn json(&self) -> Value {
        let mut figure = Map::new();
        figure.insert("value".to_owned(), json!(rounded(self.value)));
        figure.insert("unit".to_owned(), json!(self.unit));
        if let (Some(limit), Some(ratio)) = (self.limit, self.ratio()) {
            figure.insert("limit".to_owned(), json!(rounded(limit)));
            figure.insert("ratio".to_owned(), json!(rounded(ratio)));
        }
        Value::Object(figure)
    }
}

/// The table.
pub(crate) fn print(verdicts: &[Verdict]) {
    println!("\n{:<34}{:>12} {:<9}{:>10}{:>8}  aim", "figure", "value", "unit", "limit", "ratio");
    for verdict in verdicts {
        let of = |figure: Option<f64>| figure.map_or(String::new(), |figure| rounded(figure).to_string());
        let ratio = verdict.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let (value, limit) = (rounded(verdict.value), of(verdict.limit));
        println!(
            "{:<34}{value:>12} {:<9}{limit:>10}{ratio:>8}  {}",
            verdict.name,
            verdict.unit,
            verdict.told()
        );
    }
}

/// How many aims were missed, where any was.
pub(crate) fn print_missed(verdicts: &[Verdict]) {
    let missed = verdicts.iter().filter(|verdict| verdict.is_missed()).count();
    if missed > 0 {
        println!("aims missed: {missed}");
    }
}

/// Four digits that mean something, and no more than are needed.
pub(crate) fn rounded(value: f64) -> f64 {
    if value.abs() >= 100.0 { value.round() } else { (value * 10_000.0).round() / 10_000.0 }
}
