//! Who comes over the internal listener, and where.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{
    config::key::{Form, Written, Wrong, quoted},
    identity::gateway::GatewayName,
};

/// Where gateways come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InternalPlace {
    /// Over TLS.
    Address(SocketAddr),
    /// Over a socket of this machine.
    UnixSocket(PathBuf),
}

/// `ADDRESS:PORT` or `unix:FILE`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InternalListen;

impl Form for InternalListen {
    type Value = InternalPlace;

    fn words(&self) -> String {
        "\"ADDRESS:PORT\" (port 0: any free one) or \"unix:FILE\"".into()
    }

    fn read(&self, written: &Written, folder: &Path) -> Result<InternalPlace, Wrong> {
        let text = written.text()?;
        if let Some(file) = text.strip_prefix("unix:").filter(|file| !file.is_empty()) {
            return Ok(InternalPlace::UnixSocket(folder.join(file)));
        }
        text.parse().map(InternalPlace::Address).map_err(|_| {
            Wrong::new(
                format!("\"{text}\" is neither an IP address with a port nor a socket"),
                "write, for example, \"10.0.0.5:8444\" or \"unix:/run/payoutd/gateway.sock\"",
            )
        })
    }

    fn show(&self, value: &InternalPlace) -> String {
        match value {
            InternalPlace::Address(address) => quoted(&address.to_string()),
            InternalPlace::UnixSocket(file) => quoted(&format!("unix:{}", file.display())),
        }
    }
}

/// A list of the names by which gateways are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GatewayNames;

impl Form for GatewayNames {
    type Value = Vec<GatewayName>;

    fn words(&self) -> String {
        "a list of \"uid:…\" and \"gid:…\", or of \"dns:…\", \"uri:…\" and \"cn:…\"; in a variable with commas between".into()
    }

    fn read(&self, written: &Written, _: &Path) -> Result<Vec<GatewayName>, Wrong> {
        match written {
            Written::List(names) => names.iter().map(|name| read(name)).collect(),
            other => other.text()?.split(',').map(read).collect(),
        }
    }

    fn show(&self, value: &Vec<GatewayName>) -> String {
        let shown: Vec<_> = value.iter().map(|name| quoted(&name.to_string())).collect();
        format!("[{}]", shown.join(", "))
    }
}

fn read(text: &str) -> Result<GatewayName, Wrong> {
    let text = text.trim();
    GatewayName::parse(text).ok_or_else(|| {
        Wrong::new(
            format!("\"{text}\" is no one gateway's name"),
            "write, for example, \"uid:998\" (`id -u` says the number; 65534 is everybody whom the daemon can not see), or \
             \"dns:gateway.internal\"",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_names_are_read_as_they_are_shown() {
        let place = |text: &str| {
            let read = InternalListen.read(&Written::Text(text.into()), Path::new("/etc/payoutd"));
            read.map(|place| InternalListen.show(&place))
        };
        assert_eq!(place("10.0.0.5:8444").unwrap(), "\"10.0.0.5:8444\"");
        assert_eq!(place("unix:gateway.sock").unwrap(), "\"unix:/etc/payoutd/gateway.sock\"");
        for wrong in ["gateway:8444", "unix:", "/run/gateway.sock", ""] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
        let names = |written: &Written| {
            GatewayNames.read(written, Path::new("")).map(|names| GatewayNames.show(&names))
        };
        let list = Written::List(vec!["uid:998".into(), "cn:gw".into()]);
        assert_eq!(names(&list).unwrap(), "[\"uid:998\", \"cn:gw\"]");
        assert_eq!(names(&Written::Bare("uid:998, gid:33".into())).unwrap(), "[\"uid:998\", \"gid:33\"]");
        assert!(names(&Written::List(vec!["uid:65534".into()])).is_err());
        assert!(names(&Written::Bare("uid:1,,".into())).is_err());
    }
}
