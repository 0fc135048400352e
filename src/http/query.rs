//! The parameters after the `?`, read as strictly as a body: none unknown, none twice, all mistakes at once.

use actix_web::web::Query;
use payoutd_actors::domain::order::OrderProblem;

use super::problem::{Kind, Problem};

/// The parameters of one request. Pointers are `?name`.
pub struct Parameters {
    left: Vec<(String, String)>,
    known: Vec<&'static str>,
    mistakes: Vec<OrderProblem>,
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

    /// A parameter's text, if it is there; empty counts as left out.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let (mine, left) =
            std::mem::take(&mut self.left).into_iter().partition::<Vec<_>, _>(|(key, _)| key == name);
        self.left = left;
        if mine.len() > 1 {
            self.note(name, "this parameter stands twice: give it once");
        }
        mine.into_iter().next().map(|(_, value)| value).filter(|value| !value.is_empty())
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
        self.mistakes.push(OrderProblem::at(&format!("?{name}"), detail));
    }

    /// Refuses what nobody asked for, and everything if there was a mistake.
    ///
    /// # Errors
    /// With all mistakes.
    pub fn finish(mut self) -> Result<(), Problem> {
        let known = self.known.join(", ");
        for (name, _) in std::mem::take(&mut self.left) {
            let name: String = name.chars().take(40).collect();
            self.note(&name, &format!("this parameter is not known; known are {known}"));
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
        let pointers: Vec<_> =
            parameters.finish().unwrap_err().errors.into_iter().map(|e| e.pointer).collect();
        assert_eq!(pointers, ["?limit", "?stage", "?foo"]);
    }
}
