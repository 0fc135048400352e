//! `postgres://…`: where a PostgreSQL is, as its own tools write it.

use std::{fmt, str::FromStr};

use reqwest::Url;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::amqp::is_loopback;
use crate::config::{key::Wrong, secret_file::Secret};

/// What may stand behind the question mark: how the connection is protected, where a socket file is, which schema.
const PARAMETERS: [&str; 6] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "options[search_path]"];

const RIGHT: &str = "write postgres://USER@HOST:PORT/DATABASE, with the password in store.password_file";

/// Where a PostgreSQL is. It may hold a password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    whole: Secret,
    shown: String,
}

impl PostgresUrl {
    /// Reads one; what is wrong is said without repeating it.
    pub(super) fn read(text: &str) -> Result<Self, Wrong> {
        // The parser of URLs knows what is written, sqlx what it means.
        let url = Url::parse(text).map_err(|why| Wrong::new(format!("is not a URL ({why})"), RIGHT))?;
        if let Some((name, _)) = url.query_pairs().find(|(name, _)| !PARAMETERS.contains(&name.as_ref())) {
            let right = format!("only these are known: {}", PARAMETERS.join(", "));
            return Err(Wrong::new(format!("has a parameter {name}"), right));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(Wrong::new("names no database", RIGHT));
        }
        if PgConnectOptions::from_str(text).is_err() {
            return Err(Wrong::new("is not a URL of PostgreSQL", RIGHT));
        }
        let mut shown = url;
        // Both fail only for URLs without a host, which hold no password either.
        if shown.password().is_some() {
            let _ = shown.set_password(None);
        }
        Ok(Self { whole: Secret::new(text.to_owned()), shown: shown.to_string() })
    }

    /// What sqlx connects with; a password from elsewhere wins over the one in the URL.
    ///
    /// # Errors
    /// A sentence without the password, where the URL leads nowhere after all.
    pub fn options(&self, password: Option<&Secret>) -> Result<PgConnectOptions, String> {
        let options = PgConnectOptions::from_str(self.whole.expose());
        let options = options.map_err(|_| "it is not a URL of PostgreSQL".to_owned())?;
        Ok(match password {
            Some(password) => options.password(password.expose()),
            None => options,
        })
    }

    /// Whether what is said may travel in clear text to another machine: where TLS is only preferred, whoever stands in between takes
    /// it away, and nobody notices.
    #[must_use]
    pub fn may_be_overheard(&self) -> bool {
        let Ok(options) = PgConnectOptions::from_str(self.whole.expose()) else { return false };
        let is_here = options.get_socket().is_some() || is_loopback(options.get_host());
        let is_protected = matches!(
            options.get_ssl_mode(),
            PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull
        );
        !is_here && !is_protected
    }

    /// Whether a password stands in it, where every `ps` and every copy of the configuration shows it.
    #[must_use]
    pub fn holds_password(&self) -> bool {
        self.whole.expose() != self.shown
            && Url::parse(self.whole.expose()).is_ok_and(|url| url.password().is_some())
    }
}

/// Without the password.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The password opens the whole house: no error, no log, no view may hold it.
    #[test]
    fn a_password_is_used_and_never_shown() {
        let url =
            PostgresUrl::read("postgres://pay:s3cret%40x@db.example:5433/house?sslmode=verify-full").unwrap();
        assert_eq!(url.to_string(), "postgres://pay@db.example:5433/house?sslmode=verify-full");
        assert!(!format!("{url:?}").contains("s3cret") && url.holds_password());
        let options = url.options(None).unwrap();
        assert_eq!(
            (options.get_host(), options.get_port(), options.get_database()),
            ("db.example", 5433, Some("house"))
        );
        assert_eq!(options.get_username(), "pay");
        for refused in [
            "postgres://me:s3cret@host/",
            "postgres://me:s3cret@host/db?password=s3cret",
            "postgres://me:s3cret@host/db?sslmode=perhaps",
            "postgres://me:s3cret@host/db?sslmod=require",
            "postgres://me:s3cret@:port/db",
        ] {
            let wrong = PostgresUrl::read(refused).unwrap_err();
            assert!(
                !wrong.wrong.contains("s3cret") && !wrong.right.contains("s3cret"),
                "{refused}: {wrong:?}"
            );
        }
        assert!(!PostgresUrl::read("postgresql://pay@db.example/house").unwrap().holds_password());
    }

    /// TLS that is only preferred is taken away by whoever stands in between.
    #[test]
    fn only_what_leaves_this_machine_unprotected_may_be_overheard() {
        let overheard = |text: &str| PostgresUrl::read(text).unwrap().may_be_overheard();
        for open in ["", "?sslmode=prefer", "?sslmode=allow", "?sslmode=disable"] {
            assert!(overheard(&format!("postgres://pay@db.example/house{open}")), "{open}");
            assert!(!overheard(&format!("postgres://pay@127.0.0.1:5433/house{open}")), "{open}");
        }
        for kept in [
            "postgres://pay@db.example/house?sslmode=require",
            "postgres://pay@10.0.0.3/house?sslmode=verify-full",
            "postgres://pay@localhost/house",
            "postgres://pay@[::1]/house",
            "postgres://pay@localhost/house?host=/run/postgresql",
        ] {
            assert!(!overheard(kept), "{kept}");
        }
    }
}
