//! The fields of one JSON object, taken one by one, each mistake noted with its pointer; what nobody took is refused.

use std::collections::BTreeSet;

use payoutd_actors::domain::order::OrderProblem;
use serde_json::{Map, Value};

use super::json::step;

/// Mistakes of one text that are named: two for each order of the largest batch. A sender who made more sees these and how many
/// more there are.
pub const PROBLEMS_MAX: usize = 1_000;

/// The mistakes found so far.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<OrderProblem>,
}

impl Problems {
    /// Begins with the mistakes that the JSON reader found.
    #[must_use]
    pub fn beginning_with(list: Vec<OrderProblem>) -> Self {
        Self { list }
    }

    /// Notes a mistake.
    pub fn note(&mut self, pointer: &str, detail: impl Into<String>) {
        self.list.push(OrderProblem::at(pointer, detail));
    }

    /// The fields of the object at a pointer that have some.
    #[must_use]
    pub fn fields_below(&self, at: &str) -> BTreeSet<String> {
        let below =
            self.list.iter().filter_map(|problem| problem.pointer.strip_prefix(at)?.strip_prefix('/'));
        below.filter_map(|rest| rest.split('/').next()).map(str::to_owned).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, in the order of their discovery, cut at [`PROBLEMS_MAX`] with a word on the rest.
    #[must_use]
    pub fn into_list(mut self) -> Vec<OrderProblem> {
        let more = self.list.len().saturating_sub(PROBLEMS_MAX);
        if more > 0 {
            self.list.truncate(PROBLEMS_MAX);
            self.list.push(OrderProblem::at("", format!("{more} more mistakes are not listed")));
        }
        self.list
    }
}

/// One object's fields.
pub struct Fields<'a> {
    at: String,
    left: Map<String, Value>,
    taken: Vec<&'static str>,
    problems: &'a mut Problems,
}

impl<'a> Fields<'a> {
    /// The fields of the object at a pointer; `None`, with a note, where there is no object.
    pub fn of(value: Value, at: &str, problems: &'a mut Problems) -> Option<Self> {
        match value {
            Value::Object(left) => Some(Self { at: at.to_owned(), left, taken: Vec::new(), problems }),
            other => {
                problems.note(at, format!("{} where an object is wanted", kind(&other)));
                None
            }
        }
    }

    /// The pointer of a field.
    #[must_use]
    pub fn pointer(&self, name: &str) -> String {
        format!("{}/{}", self.at, step(name))
    }

    /// Notes a mistake in a field.
    pub fn note(&mut self, name: &str, detail: impl Into<String>) {
        let pointer = self.pointer(name);
        self.problems.note(&pointer, detail);
    }

    /// Where mistakes inside of a field go.
    pub fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    /// A field, if it is there; `null` stands for leaving it out.
    pub fn take(&mut self, name: &'static str) -> Option<Value> {
        self.taken.push(name);
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// A field that must be there; `null` does not stand for anything there. `right` says what would be right.
    pub fn require(&mut self, name: &'static str, right: &str) -> Option<Value> {
        let is_null = self.left.get(name).is_some_and(Value::is_null);
        let value = self.take(name);
        if is_null {
            self.note(name, format!("null where {right} is wanted"));
        } else if value.is_none() {
            self.note(name, "this field is missing");
        }
        value
    }

    /// A text, if it is there. `right` says what would be right, e.g. `a string like "25.5"`.
    pub fn text(&mut self, name: &'static str, right: &str) -> Option<String> {
        let value = self.take(name)?;
        self.as_text(name, value, right)
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &'static str, right: &str) -> Option<String> {
        let value = self.require(name, right)?;
        self.as_text(name, value, right)
    }

    fn as_text(&mut self, name: &'static str, value: Value, right: &str) -> Option<String> {
        match value {
            Value::String(text) => Some(text),
            other => {
                self.note(name, format!("{} where {right} is wanted", kind(&other)));
                None
            }
        }
    }

    /// A whole number from 0 to `max`, if it is there.
    pub fn whole(&mut self, name: &'static str, max: u64) -> Option<u64> {
        let value = self.take(name)?;
        self.as_whole(name, &value, max)
    }

    /// A whole number from 0 to `max` that must be there.
    pub fn required_whole(&mut self, name: &'static str, max: u64) -> Option<u64> {
        let value = self.require(name, &a_whole(max))?;
        self.as_whole(name, &value, max)
    }

    fn as_whole(&mut self, name: &'static str, value: &Value, max: u64) -> Option<u64> {
        let number = value.as_u64().filter(|number| *number <= max);
        if number.is_none() {
            let found = if value.is_number() { value.to_string() } else { kind(value).to_owned() };
            self.note(name, format!("{found} where {} is wanted", a_whole(max)));
        }
        number
    }

    /// Refuses the fields that nobody took.
    pub fn refuse_the_rest(mut self) {
        let known = self.taken.join(", ");
        for name in std::mem::take(&mut self.left).keys() {
            let detail = match nearest(name, &self.taken) {
                Some(near) => format!("this field is not known; did you mean `{near}`?"),
                None if known.is_empty() => {
                    "no field is known here: leave the body out, or send {}".to_owned()
                }
                None => format!("this field is not known; known are {known}"),
            };
            self.note(name, detail);
        }
    }
}

fn a_whole(max: u64) -> String {
    format!("a whole number from 0 to {max}")
}

/// What a value is, for a person.
#[must_use]
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The known name that was probably meant: equal but for case, blanks and underscores, or a part of the other.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let plain =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let wanted = plain(name);
    known.iter().copied().find(|candidate| plain(candidate) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_mistake_of_an_object_is_noted_at_its_place() {
        let mut problems = Problems::default();
        let value = json!({ "amount": 25.5, "priority": -1, "notBefore": "x", "a/b": 1 });
        let mut fields = Fields::of(value, "/payouts/3", &mut problems).unwrap();
        assert_eq!(fields.required_text("recipient", "a string"), None);
        assert_eq!(fields.required_text("amount", "a string like \"25.5\""), None);
        assert_eq!(fields.whole("priority", 9), None);
        assert_eq!(fields.text("not_before", "a string"), None);
        fields.refuse_the_rest();
        let list = problems.into_list();
        let told: Vec<_> = list.iter().map(|p| (p.pointer.as_str(), p.detail.as_str())).collect();
        assert_eq!(
            told,
            [
                ("/payouts/3/recipient", "this field is missing"),
                ("/payouts/3/amount", "a number where a string like \"25.5\" is wanted"),
                ("/payouts/3/priority", "-1 where a whole number from 0 to 9 is wanted"),
                (
                    "/payouts/3/a~1b",
                    "this field is not known; known are recipient, amount, priority, not_before"
                ),
                ("/payouts/3/notBefore", "this field is not known; did you mean `not_before`?"),
            ]
        );
    }

    /// A field that is there and null is not missing, and whoever sent a field where none is known is not told a list of none.
    #[test]
    fn null_is_not_missing_and_nothing_is_known_where_nothing_is_taken() {
        let mut problems = Problems::default();
        let mut fields =
            Fields::of(json!({ "amount": null, "v": null, "memo": null }), "", &mut problems).unwrap();
        assert_eq!(fields.required_text("amount", "a string"), None);
        assert_eq!(fields.required_whole("v", 28), None);
        assert_eq!(fields.text("memo", "a string"), None);
        fields.refuse_the_rest();
        Fields::of(json!({ "reason": "x" }), "", &mut problems).unwrap().refuse_the_rest();
        let told: Vec<_> = problems.into_list().into_iter().map(|problem| problem.detail).collect();
        assert_eq!(
            told,
            [
                "null where a string is wanted",
                "null where a whole number from 0 to 28 is wanted",
                "no field is known here: leave the body out, or send {}"
            ]
        );
    }

    #[test]
    fn ten_thousand_mistakes_make_an_answer_that_ends() {
        let mut problems = Problems::default();
        for _ in 0..10_000 {
            problems.note("/x", "wrong");
        }
        let list = problems.into_list();
        assert_eq!(list.len(), PROBLEMS_MAX + 1);
        assert_eq!(list[PROBLEMS_MAX].detail, "9000 more mistakes are not listed");
    }
}
