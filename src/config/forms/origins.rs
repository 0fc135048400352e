//! Origins of pages, as browsers send them.

use std::path::Path;

use reqwest::Url;

use crate::config::key::{Form, Written, Wrong, quoted};

/// A list of origins, each exactly as a browser writes it (RFC 6454 §6.1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origins;

const RIGHT: &str = "write, for example, [\"https://desk.example\", \"https://desk.example:8443\"]";

impl Form for Origins {
    type Value = Vec<String>;

    fn words(&self) -> String {
        "a list of origins, https://HOST or https://HOST:PORT; in a variable with commas between".into()
    }

    fn read(&self, written: &Written, _: &Path) -> Result<Vec<String>, Wrong> {
        match written {
            Written::List(items) => items.iter().map(|item| origin(item)).collect(),
            other => other.text()?.split(',').map(|item| origin(item.trim())).collect(),
        }
    }

    fn show(&self, value: &Vec<String>) -> String {
        let shown: Vec<_> = value.iter().map(|origin| quoted(origin)).collect();
        format!("[{}]", shown.join(", "))
    }
}

fn origin(text: &str) -> Result<String, Wrong> {
    if text.contains('*') || text == "null" {
        let wrong = format!("\"{text}\" is everybody: any page could then ask");
        return Err(Wrong::new(wrong, "name the origins of your own pages"));
    }
    let url =
        Url::parse(text).map_err(|error| Wrong::new(format!("\"{text}\" is no origin ({error})"), RIGHT))?;
    let as_browsers_write = url.origin().ascii_serialization();
    if as_browsers_write != text {
        let wrong = format!("\"{text}\" is not how a browser writes an origin");
        return Err(Wrong::new(wrong, format!("write \"{as_browsers_write}\"")));
    }
    // A page that came in clear text may be anybody's on the way; an onion's is not, and this machine's has no way.
    let host = url.host_str().unwrap_or_default();
    let is_near = host.ends_with(".onion") || matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    match url.scheme() {
        "https" => Ok(as_browsers_write),
        "http" if is_near => Ok(as_browsers_write),
        scheme => Err(Wrong::new(
            format!("\"{text}\" comes over {scheme}, which anybody on the way changes"),
            RIGHT,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F000-27: `*` is refused, and what a browser would never send is not waited for in vain.
    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        let onion = format!("http://{}.onion", "a".repeat(56));
        for good in [
            "https://desk.example",
            "https://desk.example:8443",
            "http://localhost:3000",
            "http://[::1]:80800",
        ] {
            let read = Origins.read(&Written::List(vec![good.to_owned()]), Path::new(""));
            assert_eq!(read.is_ok(), !good.contains("80800"), "{good}: {read:?}");
        }
        assert!(Origins.read(&Written::Bare(format!("https://a.example, {onion}")), Path::new("")).is_ok());
        for bad in [
            "*",
            "https://*.example",
            "null",
            "desk.example",
            "https://desk.example/",
            "https://desk.example:443",
            "https://Desk.example",
            "https://me@desk.example",
            "https://desk.example/page",
            "http://desk.example",
            "file:///page.html",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
