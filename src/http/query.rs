//! The parameters after the `?`, read as strictly as a body: none unknown, none twice, all mistakes at once. Routes that take
//! none refuse every one: whoever filters where nothing is filtered would take the whole for a part.

use actix_web::web::Query;

use payoutd_actors::domain::identity::AccountId;

use super::problem::{Kind, MistakeBody, Problem};
use crate::identity::api_key::is_key_id;

/// Characters of an unknown parameter's name that are repeated to whoever sent it.
const NAME_CHARS_SHOWN: usize = 40;

/// Refuses every parameter.
///
/// # Errors
/// When there is one.
pub fn must_be_empty(query: &str) -> Result<(), Problem> {
    if query.is_empty() {
        return Ok(());
    }
    Parameters::read(query)?.finish()
}

/// The parameters of a list that is kept by ids: whose things, and those behind which id.
///
/// # Errors
/// When they are others, or no such.
pub fn account_and_after(query: &str) -> Result<(Option<AccountId>, String), Problem> {
    let mut asked = Parameters::read(query)?;
    let account =
        asked.parsed("account", "a name of 1 to 64 characters from a-z, 0-9, `_`, `-` and `.`", |text| {
            AccountId::new(text).ok()
        });
    let after =
        asked.parsed("after", "an id of 16 hex digits", |text| is_key_id(text).then(|| text.to_owned()));
    asked.finish()?;
    Ok((account, after.unwrap_or_default()))
}

/// The parameters of one request.
pub struct Parameters {
    left: Vec<(String, String)>,
    known: Vec<&'static str>,
    mistakes: Vec<MistakeBody>,
}

impl Parameters {
    /// Takes a query apart.
    ///
    /// # Errors
    /// When it is not one (a percent sign without its digits).
    pub fn read(query: &str) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::from_query(query);
        let Ok(pairs) = pairs else {
            return Err(Problem::new(Kind::InvalidQuery, "the query can not be read"));
        };
        Ok(Self { left: pairs.into_inner(), known: Vec::new(), mistakes: Vec::new() })
    }

    /// A parameter's text, if it is there. One that is empty is a mistake: a variable that was not set would ask for everything.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let (mine, left) =
            std::mem::take(&mut self.left).into_iter().partition::<Vec<_>, _>(|(key, _)| key == name);
        self.left = left;
        if mine.len() > 1 {
            self.note(name, "this parameter stands twice: give it once");
        }
        let (_, value) = mine.into_iter().next()?;
        if value.is_empty() {
            self.note(name, "this parameter is empty: give it a value, or leave it out");
            return None;
        }
        Some(value)
    }

    /// A parameter that is read by `read`; `right` says what would be right.
    pub fn parsed<T>(
        &mut self,
        name: &'static str,
        right: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let value = read(&text);
        if value.is_none() {
            self.note(name, &format!("{right} is wanted"));
        }
        value
    }

    /// Notes a mistake.
    pub fn note(&mut self, name: &str, detail: &str) {
        self.mistakes.push(MistakeBody::of_parameter(name, detail));
    }

    /// Refuses what nobody asked for, and everything if there was a mistake.
    ///
    /// # Errors
    /// With all mistakes.
    pub fn finish(mut self) -> Result<(), Problem> {
        let known = self.known.join(", ");
        for (name, _) in std::mem::take(&mut self.left) {
            let name: String = name.chars().take(NAME_CHARS_SHOWN).collect();
            let detail = match known.as_str() {
                "" => "no parameter is known here".to_owned(),
                known => format!("this parameter is not known; known are {known}"),
            };
            self.note(&name, &detail);
        }
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(Problem::mistakes(Kind::InvalidQuery, self.mistakes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_of_a_query_is_named() {
        let mut parameters = Parameters::read("limit=x&stage=a&stage=b&foo=1&memo=").unwrap();
        assert_eq!(parameters.parsed("limit", "a number", |text| text.parse::<u32>().ok()), None);
        assert_eq!(parameters.text("stage").as_deref(), Some("a"));
        assert_eq!(parameters.text("memo"), None);
        let named: Vec<_> =
            parameters.finish().unwrap_err().errors.into_iter().filter_map(|e| e.parameter).collect();
        assert_eq!(named, ["limit", "stage", "memo", "foo"]);
    }

    #[test]
    fn where_nothing_is_asked_for_nothing_is_taken() {
        assert_eq!(must_be_empty(""), Ok(()));
        let problem = must_be_empty("stage=held").unwrap_err();
        assert_eq!(problem.detail, "parameter `stage`: no parameter is known here");
        assert!(must_be_empty("%zz").is_err());
    }
}
