//! Networks of addresses.

use std::{net::IpAddr, path::Path};

use ipnet::IpNet;

use crate::config::key::{Form, Written, Wrong, quoted};

/// A list of networks; a single address is the network of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Networks;

const RIGHT: &str = "write, for example, [\"10.0.0.0/8\", \"2001:db8::/32\", \"192.0.2.7\"]";

impl Form for Networks {
    type Value = Vec<IpNet>;

    fn words(&self) -> String {
        "a list of networks in CIDR form, or of addresses; in a variable with commas between".into()
    }

    fn read(&self, written: &Written, _: &Path) -> Result<Vec<IpNet>, Wrong> {
        match written {
            Written::List(items) => items.iter().map(|item| network(item)).collect(),
            other => other.text()?.split(',').map(network).collect(),
        }
    }

    fn show(&self, value: &Vec<IpNet>) -> String {
        let shown: Vec<_> = value.iter().map(|network| quoted(&network.to_string())).collect();
        format!("[{}]", shown.join(", "))
    }
}

fn network(text: &str) -> Result<IpNet, Wrong> {
    let text = text.trim();
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = network.map_err(|_| Wrong::new(format!("\"{text}\" is not a network"), RIGHT))?;
    if network.prefix_len() == 0 {
        let wrong = format!("\"{text}\" is everybody: whoever connects could then pass for anybody");
        return Err(Wrong::new(wrong, "name the proxies that stand before this daemon, and no others"));
    }
    Ok(network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &Written) -> Result<String, Wrong> {
        Networks.read(written, Path::new("")).map(|networks| Networks.show(&networks))
    }

    #[test]
    fn networks_are_read_from_a_list_and_from_a_variable() {
        let list = Written::List(vec!["10.1.2.3/8".into(), "2001:db8::1".into()]);
        assert_eq!(read(&list).unwrap(), "[\"10.0.0.0/8\", \"2001:db8::1/128\"]");
        let variable = Written::Bare("192.0.2.7, 198.51.100.0/24".into());
        assert_eq!(read(&variable).unwrap(), "[\"192.0.2.7/32\", \"198.51.100.0/24\"]");
        assert_eq!(read(&Written::List(Vec::new())).unwrap(), "[]");
        for wrong in ["proxy.example", "10.0.0.0/33", "0.0.0.0/0", "::/0", ""] {
            assert!(read(&Written::List(vec![wrong.into()])).is_err(), "{wrong}");
        }
        assert!(read(&Written::Whole(5)).is_err());
    }
}
