//! What a client asks, read the way java-tron's servlets read it.
//!
//! A GET asks by query, a POST by a JSON body; `visible` switches addresses from hex to base58. java-tron reads a body twice: once
//! with fastjson (for `visible`), once with its own JSON reader for protobuf messages, and each complains in its own words with HTTP
//! 200. Clients have learned to live with those words, so they are kept here.
//!
//! Never here: the chain. This module turns text into values or into java-tron's complaint.

use serde_json::value::RawValue;

use super::json::{Fields, Json};

/// One request, as it came.
#[derive(Debug)]
pub(crate) struct Ask {
    /// Whether it came as POST (a GET otherwise).
    pub(crate) post: bool,
    /// The path without its leading slash.
    pub(crate) path: String,
    /// The decoded query.
    pub(crate) query: Vec<(String, String)>,
    /// The body as text.
    pub(crate) body: String,
    /// Whether the body is a form.
    pub(crate) form: bool,
}

/// A complaint of java-tron: the Java class and its message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JavaError {
    class: &'static str,
    message: String,
}

/// Values, or the complaint about them.
pub(crate) type Read<T> = Result<T, JavaError>;

/// The values that a request gives, by name.
#[derive(Debug)]
pub(crate) struct Given<'a> {
    /// Whether addresses are base58 in this exchange.
    pub(crate) visible: bool,
    source: Source<'a>,
}

#[derive(Debug)]
enum Source<'a> {
    Query(Vec<(&'a str, &'a str)>),
    Body { text: &'a str, members: Vec<(String, &'a RawValue)> },
}

impl Ask {
    /// The value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `visible` as the query says it; the calls that read no body know no other.
    pub(crate) fn query_visible(&self) -> bool {
        self.query("visible").is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The values given, from the query of a GET or the body of a POST.
    pub(crate) fn given(&self) -> Read<Given<'_>> {
        if self.post && !self.form {
            return given_by_body(&self.body);
        }
        let pairs = self.query.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Ok(Given { visible: self.query_visible(), source: Source::Query(pairs) })
    }

    /// The body as a JSON object, for the calls that take a whole transaction.
    pub(crate) fn object(&self) -> Read<serde_json::Map<String, serde_json::Value>> {
        members_of(&self.body)?;
        match serde_json::from_str(&self.body) {
            Ok(serde_json::Value::Object(object)) => Ok(object),
            _ => Err(JavaError::fastjson("can not cast to JSONObject.")),
        }
    }
}

fn given_by_body(body: &str) -> Read<Given<'_>> {
    if body.trim().is_empty() {
        return Err(JavaError::format(1, "Expected \"{\"."));
    }
    let members = members_of(body)?;
    let visible = members
        .iter()
        .find(|(key, _)| key == "visible")
        .is_some_and(|(_, value)| value.get().trim_matches('"').eq_ignore_ascii_case("true"));
    Ok(Given { visible, source: Source::Body { text: body, members } })
}

/// The members of a JSON object, each with the text that stands there.
fn members_of(body: &str) -> Read<Vec<(String, &RawValue)>> {
    struct Members<'a>(Vec<(String, &'a RawValue)>);

    impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct InOrder;
            impl<'de> serde::de::Visitor<'de> for InOrder {
                type Value = Vec<(String, &'de RawValue)>;
                fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    formatter.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Self::Value, A::Error> {
                    let mut members = Vec::new();
                    while let Some(member) = map.next_entry::<String, &RawValue>()? {
                        members.push(member);
                    }
                    Ok(members)
                }
            }
            deserializer.deserialize_map(InOrder).map(Members)
        }
    }

    if body.trim() == "null" {
        return Err(JavaError::null_pointer(
            "Cannot invoke \"com.alibaba.fastjson.JSONObject.containsKey(Object)\" because \"jsonObject\" is null",
        ));
    }
    if body.trim_start().starts_with('n') {
        // fastjson knows two words with n, and one of them is none of JSON's.
        return Err(JavaError::fastjson("error parse new"));
    }
    match serde_json::from_str::<Members<'_>>(body) {
        Ok(Members(members)) => Ok(members),
        Err(error) if error.is_data() => Err(JavaError::fastjson("can not cast to JSONObject.")),
        Err(error) if error.is_eof() => {
            let position = body.len();
            Err(JavaError::fastjson(&format!(
                "unterminated json string, pos {position}, line 1, column {}{body}",
                position + 1
            )))
        }
        Err(error) => Err(JavaError::fastjson(&format!(
            "syntax error, pos {}, line {}, column {}{body}",
            error.column(),
            error.line(),
            error.column()
        ))),
    }
}

impl Given<'_> {
    /// Bytes given as hex; empty when absent. An odd number of digits is read with a 0 before it, `0x` is skipped.
    pub(crate) fn bytes(&self, name: &str) -> Read<Vec<u8>> {
        match self.word(name)? {
            None => Ok(Vec::new()),
            Some((text, column)) => {
                from_hex(&text).ok_or_else(|| self.complaint(column, "INVALID hex String", &text))
            }
        }
    }

    /// An address: hex, or base58 when the exchange is visible; empty when absent. Its length is not checked, as a node does not.
    pub(crate) fn address(&self, name: &str) -> Read<Vec<u8>> {
        if !self.visible {
            return self.bytes(name);
        }
        match self.word(name)? {
            None => Ok(Vec::new()),
            Some((text, column)) => from_base58(&text, column),
        }
    }

    /// A string; absent when not given.
    pub(crate) fn text(&self, name: &str) -> Read<Option<String>> {
        Ok(self.word(name)?.map(|(text, _)| text))
    }

    /// An int64; absent when not given.
    pub(crate) fn int64(&self, name: &str) -> Read<Option<i64>> {
        match &self.source {
            Source::Query(pairs) => match pairs.iter().find(|(key, _)| *key == name) {
                None => Ok(None),
                Some((_, value)) => value.parse().map(Some).map_err(|_| JavaError::number(value)),
            },
            Source::Body { .. } => match self.raw(name) {
                None => Ok(None),
                Some((raw, column)) => int64_of(raw, column).map(Some),
            },
        }
    }

    /// A boolean; false when not given.
    pub(crate) fn boolean(&self, name: &str) -> Read<bool> {
        match &self.source {
            Source::Query(pairs) => {
                Ok(pairs.iter().any(|(key, value)| *key == name && value.eq_ignore_ascii_case("true")))
            }
            Source::Body { .. } => match self.raw(name) {
                None | Some(("false", _)) => Ok(false),
                Some(("true", _)) => Ok(true),
                Some((_, column)) => Err(JavaError::format(column, "Expected \"true\" or \"false\".")),
            },
        }
    }

    /// What stands at a name in the body, and the column where it starts.
    fn raw(&self, name: &str) -> Option<(&str, usize)> {
        let Source::Body { text, members } = &self.source else { return None };
        let (_, raw) = members.iter().rev().find(|(key, raw)| key == name && raw.get() != "null")?;
        // The raw value borrows from the body, so its distance from the start of the body is its column.
        let column = raw.get().as_ptr() as usize - text.as_ptr() as usize + 1;
        Some((raw.get(), column))
    }

    /// A string and its column; a list stands for its last item, as in java-tron's reader.
    fn word(&self, name: &str) -> Read<Option<(String, usize)>> {
        if let Source::Query(pairs) = &self.source {
            return Ok(pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| ((*value).to_owned(), 0)));
        }
        let Some((raw, column)) = self.raw(name) else { return Ok(None) };
        match serde_json::from_str::<serde_json::Value>(raw) {
            Ok(serde_json::Value::String(text)) => Ok(Some((text, column))),
            Ok(serde_json::Value::Array(items)) => match items.last() {
                Some(serde_json::Value::String(text)) => Ok(Some((text.clone(), column))),
                None => Ok(None),
                Some(_) => Err(JavaError::format(column, "Expected string.")),
            },
            _ => Err(JavaError::format(column, "Expected string.")),
        }
    }

    fn complaint(&self, column: usize, words: &str, text: &str) -> JavaError {
        match self.source {
            Source::Body { .. } => JavaError::format(column, words),
            Source::Query(_) => JavaError::decoder(text),
        }
    }
}

fn int64_of(raw: &str, column: usize) -> Read<i64> {
    if let Ok(number) = raw.parse::<i64>() {
        return Ok(number);
    }
    let whole = raw.trim_start_matches('-').chars().all(|digit| digit.is_ascii_digit());
    let reason = if whole {
        format!("Number out of range for 64-bit signed integer: {raw}")
    } else {
        format!("For input string: \"{raw}\"")
    };
    Err(JavaError::format(column, &format!("Couldn't parse integer: {reason}")))
}

/// Hex as java-tron reads it: `0x` skipped, an odd number of digits gets a 0 before it.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.len() % 2 == 1 { hex::decode(format!("0{digits}")).ok() } else { hex::decode(digits).ok() }
}

/// A base58check address as java-tron reads it in a visible exchange.
pub(crate) fn from_base58(text: &str, column: usize) -> Read<Vec<u8>> {
    if let Err(error) = bs58::decode(text).into_vec() {
        let which = match error {
            bs58::decode::Error::InvalidCharacter { character, index } => {
                format!(", Illegal character {character} at {index}")
            }
            _ => String::new(),
        };
        return Err(JavaError::format(column, &format!("INVALID base58 String{which}")));
    }
    // A broken checksum gives a null array, which the caller then measures.
    bs58::decode(text)
        .with_check(None)
        .into_vec()
        .map_err(|_| JavaError::null_pointer("Cannot read the array length because \"bytes\" is null"))
}

impl JavaError {
    /// A complaint of a class with a message.
    pub(crate) fn new(class: &'static str, message: impl Into<String>) -> JavaError {
        JavaError { class, message: message.into() }
    }

    /// The reader of protobuf messages stumbled at a column of the first line.
    pub(crate) fn format(column: usize, words: &str) -> JavaError {
        JavaError::new(
            "org.tron.core.services.http.JsonFormat$ParseException",
            format!("1:{column}: {words}"),
        )
    }

    /// A null where something was expected.
    pub(crate) fn null_pointer(message: &str) -> JavaError {
        JavaError::new("java.lang.NullPointerException", message)
    }

    /// fastjson could not read the body.
    pub(crate) fn fastjson(message: &str) -> JavaError {
        JavaError::new("com.alibaba.fastjson.JSONException", message)
    }

    /// A number in a query that is none.
    pub(crate) fn number(text: &str) -> JavaError {
        JavaError::new("java.lang.NumberFormatException", format!("For input string: \"{text}\""))
    }

    /// Hex that is none.
    pub(crate) fn decoder(text: &str) -> JavaError {
        let reason = match text.chars().all(|character| character.is_ascii_hexdigit()) {
            true => "String index out of range",
            false => "invalid characters encountered in Hex string",
        };
        JavaError::new(
            "org.bouncycastle.util.encoders.DecoderException",
            format!("exception decoding Hex string: {reason}"),
        )
    }

    /// `class X : message`, as java-tron puts it.
    pub(crate) fn sentence(&self) -> String {
        format!("class {} : {}", self.class, self.message)
    }

    /// `{"Error":"class X : message"}`, which comes with HTTP 200.
    pub(crate) fn to_json(&self) -> Json {
        Json::Object(Fields::new().with("Error", self.sentence()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(body: &str) -> Ask {
        Ask { post: true, path: String::new(), query: Vec::new(), body: body.to_owned(), form: false }
    }

    fn asked(query: &[(&str, &str)]) -> Ask {
        let query = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Ask { post: false, path: String::new(), query, body: String::new(), form: false }
    }

    fn complaint_about(body: &str, read: impl Fn(&Given<'_>) -> Read<()>) -> String {
        let ask = posted(body);
        ask.given().and_then(|given| read(&given)).unwrap_err().sentence()
    }

    #[test]
    fn an_odd_id_and_a_prefix_are_read_as_a_node_reads_them() {
        let ask = posted(r#"{"value":"abc"}"#);
        assert_eq!(ask.given().unwrap().bytes("value").unwrap(), [0x0a, 0xbc]);
        let ask = asked(&[("value", "0xABCD")]);
        assert_eq!(ask.given().unwrap().bytes("value").unwrap(), [0xab, 0xcd]);
        let ask = posted(r#"{"value":null}"#);
        assert!(ask.given().unwrap().bytes("value").unwrap().is_empty());
    }

    /// The words are those of a java-tron 4.8 node.
    #[test]
    fn malformed_values_are_complained_about_in_a_nodes_words() {
        let bytes = |given: &Given<'_>| given.bytes("value").map(drop);
        let number = |given: &Given<'_>| given.int64("num").map(drop);
        let address = |given: &Given<'_>| given.address("address").map(drop);
        let format = "class org.tron.core.services.http.JsonFormat$ParseException : ";
        assert_eq!(complaint_about(r#"{"value":"zz"}"#, bytes), format!("{format}1:10: INVALID hex String"));
        assert_eq!(complaint_about(r#"{"value":5}"#, bytes), format!("{format}1:10: Expected string."));
        assert_eq!(complaint_about("", bytes), format!("{format}1:1: Expected \"{{\"."));
        assert_eq!(
            complaint_about(r#"{"num":"abc"}"#, number),
            format!("{format}1:8: Couldn't parse integer: For input string: \"\"abc\"\"")
        );
        assert_eq!(
            complaint_about(r#"{"num":9223372036854775808}"#, number),
            format!(
                "{format}1:8: Couldn't parse integer: Number out of range for 64-bit signed integer: 9223372036854775808"
            )
        );
        assert_eq!(
            complaint_about(
                r#"{"address":"419049d94d380302f4dadc70635de1b0c1c944f4e7","visible":true}"#,
                address
            ),
            format!("{format}1:12: INVALID base58 String, Illegal character 0 at 3")
        );
        assert_eq!(
            complaint_about(r#"{"address":"TP88mnkKZxi2V23uowvUqajoHHdAx793ka","visible":true}"#, address),
            "class java.lang.NullPointerException : Cannot read the array length because \"bytes\" is null"
        );
    }

    #[test]
    fn a_body_that_is_no_object_is_fastjsons_complaint() {
        let nothing = |_: &Given<'_>| Ok(());
        assert!(complaint_about("[]", nothing).ends_with("can not cast to JSONObject."));
        assert!(complaint_about("\"text\"", nothing).ends_with("can not cast to JSONObject."));
        assert!(complaint_about("{\"value\":", nothing).contains("unterminated json string, pos 9"));
        assert!(complaint_about("null", nothing).starts_with("class java.lang.NullPointerException"));
    }

    #[test]
    fn visible_is_taken_from_the_body_of_a_post_and_the_query_of_a_get() {
        assert!(posted(r#"{"visible":true}"#).given().unwrap().visible);
        assert!(asked(&[("visible", "true")]).given().unwrap().visible);
        assert!(!posted("{}").given().unwrap().visible);
    }
}
