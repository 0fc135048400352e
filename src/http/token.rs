//! The tokens of `http.token_file` and `http.internal_token_file`: known by its digest alone, compared in constant time.

use actix_web::http::header::{self, HeaderMap};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The digest of a token that opens a door. Debug tells nothing.
#[derive(Clone)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of a token; the token itself is not kept.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether a request shows this token: exactly one `Authorization: Bearer …`.
    #[must_use]
    pub fn is_shown_by(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(header::AUTHORIZATION);
        let (Some(value), None) = (given.next(), given.next()) else { return false };
        let Some((scheme, token)) = value.to_str().ok().and_then(|text| text.split_once(' ')) else {
            return false;
        };
        scheme.eq_ignore_ascii_case("bearer") && self.is(token.trim_matches(' '))
    }

    /// Whether a text is this token.
    #[must_use]
    pub fn is(&self, shown: &str) -> bool {
        self.0.ct_eq(&Self::of(shown).0).into()
    }
}

impl std::fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn only_the_whole_token_opens() {
        let digest = TokenDigest::of("right-token");
        let shows = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            digest.is_shown_by(&headers)
        };
        assert!(shows(&["Bearer right-token"]));
        assert!(shows(&["bearer  right-token"]));
        for wrong in [
            &[][..],
            &["right-token"],
            &["Basic right-token"],
            &["Bearer right-toke"],
            &["Bearer "],
            &["Bearer right-token", "Bearer right-token"],
        ] {
            assert!(!shows(wrong), "{wrong:?}");
        }
        assert!(!format!("{digest:?}").contains("right"));
    }
}
