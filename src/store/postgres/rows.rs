//! Rows on their way into a statement: an array a column, which `unnest` puts together again.

use std::fmt::Display;

/// One column of many rows.
pub(super) fn column<'r, R, C>(rows: &'r [R], cell: impl Fn(&'r R) -> C) -> Vec<C> {
    rows.iter().map(cell).collect()
}

/// An array of texts, for statements that are asked about many ids.
pub(super) fn texts(texts: impl IntoIterator<Item = impl Display>) -> Vec<String> {
    texts.into_iter().map(|text| text.to_string()).collect()
}

/// What a text is looked for by: itself.
pub(super) fn containing(text: &str) -> String {
    text.to_owned()
}

/// A number as SQL has it: one that does not fit 64 bits with a sign is no amount, fee or version that ever was, and the
/// largest stands for it, which every CHECK and every reader refuses sooner than it wraps around.
pub(super) fn whole(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
