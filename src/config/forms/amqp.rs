//! `amqp://…`: where a RabbitMQ is, and what its queues and exchanges may be called.

use std::{fmt, path::Path, str::FromStr};

use lapin::uri::{AMQPScheme, AMQPUri};
use reqwest::Url;

use crate::config::{
    key::{Form, Written, Wrong, quoted},
    secret_file::Secret,
};

const RIGHT: &str =
    "write amqp://USER@HOST:PORT/VHOST (amqps:// for TLS), with the password in amqp.password_file";

/// What AMQP's short strings hold.
const NAME_BYTES_MAX: usize = 255;

/// Where a RabbitMQ is. It may hold a password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct AmqpUrl {
    whole: Secret,
    shown: String,
}

impl AmqpUrl {
    /// Reads one as it stands in a configuration.
    ///
    /// # Errors
    /// A sentence that does not repeat what was written, for it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).map_err(|Wrong { wrong, right }| format!("{wrong}; {right}"))
    }

    fn read(text: &str) -> Result<Self, Wrong> {
        let mut url = Url::parse(text).map_err(|why| Wrong::new(format!("is not a URL ({why})"), RIGHT))?;
        if !matches!(url.scheme(), "amqp" | "amqps") {
            return Err(Wrong::new("is neither amqp:// nor amqps://", RIGHT));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(Wrong::new("names no host", RIGHT));
        }
        if url.query().is_some() || url.fragment().is_some() {
            let right =
                "leave out what follows ? or #: the other keys of [amqp] say how the connection is kept";
            return Err(Wrong::new("has parameters", right));
        }
        if url.path() == "/" {
            // By the URI's specification this is the virtual host without a name, which nobody means.
            let right = "write /%2f for the virtual host \"/\", or nothing after the port";
            return Err(Wrong::new("names a virtual host without a name", right));
        }
        AMQPUri::from_str(text).map_err(|_| Wrong::new("is not a URL of AMQP", RIGHT))?;
        if url.password().is_some() {
            // It fails only for URLs without a host.
            let _ = url.set_password(None);
        }
        Ok(Self { whole: Secret::new(text.to_owned()), shown: url.to_string() })
    }

    /// What lapin connects with; a password from elsewhere wins over the one in the URL.
    ///
    /// # Errors
    /// A sentence without the password, where the URL leads nowhere after all.
    pub fn uri(&self, password: Option<&Secret>) -> Result<AMQPUri, String> {
        let uri = AMQPUri::from_str(self.whole.expose());
        let mut uri = uri.map_err(|_| "it is not a URL of AMQP".to_owned())?;
        if let Some(password) = password {
            password.expose().clone_into(&mut uri.authority.userinfo.password);
        }
        Ok(uri)
    }

    /// Whether a password stands in it, where every copy of the configuration shows it.
    #[must_use]
    pub fn holds_password(&self) -> bool {
        Url::parse(self.whole.expose()).is_ok_and(|url| url.password().is_some())
    }

    /// Whether what is said travels in clear text to another machine.
    #[must_use]
    pub fn is_overheard(&self) -> bool {
        let uri = AMQPUri::from_str(self.whole.expose());
        uri.is_ok_and(|uri| uri.scheme == AMQPScheme::AMQP && !is_loopback(&uri.authority.host))
    }

    /// Whether the connection is protected.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.shown.starts_with("amqps:")
    }
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Without the password.
impl fmt::Display for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AmqpUrl({self})")
    }
}

/// `amqp://…` or `amqps://…`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AmqpForm;

impl Form for AmqpForm {
    type Value = AmqpUrl;

    fn words(&self) -> String {
        "\"amqp://USER@HOST:PORT/VHOST\" or \"amqps://…\"".into()
    }

    fn read(&self, written: &Written, _: &Path) -> Result<AmqpUrl, Wrong> {
        AmqpUrl::read(written.text()?)
    }

    fn show(&self, value: &AmqpUrl) -> String {
        quoted(&value.to_string())
    }
}

/// The name of a queue or of an exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AmqpName;

impl Form for AmqpName {
    type Value = String;

    fn words(&self) -> String {
        format!("a name of 1 to {NAME_BYTES_MAX} bytes")
    }

    fn read(&self, written: &Written, _: &Path) -> Result<String, Wrong> {
        let text = written.text()?;
        let right = "write a name like payoutd.jobs";
        if text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(Wrong::new(
                format!("is longer than {NAME_BYTES_MAX} bytes, or not plain text"),
                right,
            ));
        }
        if text.starts_with("amq.") {
            return Err(Wrong::new("begins with amq., which belongs to the broker", right));
        }
        Ok(text.to_owned())
    }

    fn show(&self, value: &String) -> String {
        quoted(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The password opens the queue of jobs: no error, no log, no view may hold it.
    #[test]
    fn a_password_is_used_and_never_shown() {
        let url = AmqpUrl::read("amqp://pay:s3cret%40x@mq.example:5673/pay").unwrap();
        assert_eq!(url.to_string(), "amqp://pay@mq.example:5673/pay");
        assert!(!format!("{url:?}").contains("s3cret") && url.holds_password() && url.is_overheard());
        let uri = url.uri(None).unwrap();
        assert_eq!((uri.authority.userinfo.password.as_str(), uri.vhost.as_str()), ("s3cret@x", "pay"));
        let uri = url.uri(Some(&Secret::new("other".into()))).unwrap();
        assert_eq!(uri.authority.userinfo.password, "other");
        for refused in [
            "http://me:s3cret@host/",
            "amqp://me:s3cret@host/",
            "amqp://me:s3cret@host/v?heartbeat=3",
            "amqp://me:s3cret@:port/v",
            "amqp://me:s3cret@/v",
        ] {
            let wrong = AmqpUrl::read(refused).unwrap_err();
            let said = format!("{wrong:?}");
            assert!(!said.contains("s3cret"), "{refused}: {said}");
        }
    }

    #[test]
    fn only_what_leaves_this_machine_unprotected_is_overheard() {
        let overheard = |text| AmqpUrl::read(text).unwrap().is_overheard();
        assert!(overheard("amqp://mq.example/%2f") && overheard("amqp://10.0.0.3"));
        for kept in
            ["amqps://mq.example", "amqp://localhost:5672", "amqp://127.0.0.1/%2f", "amqp://[::1]:5672"]
        {
            assert!(!overheard(kept), "{kept}");
        }
    }
}
