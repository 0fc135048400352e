//! Gateways: programs of the house that have signed people in elsewhere and bring them along (F000-05, D-17).
//!
//! Who is a gateway is told by the kernel (the user at the other end of a unix socket) or by a certificate, never by a header; whom it
//! brings is looked up in the register, whose word about what they may do is the only one. **Never here:** listeners, headers.

use std::fmt;

use payoutd_actors::{
    domain::{
        access::Role,
        journal::{Body, JournalDraft},
    },
    ports::{RegisterChange, StoreFault},
};
use serde_json::json;
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use super::{
    gatekeeper::{Gatekeeper, Refused, Unknown},
    people::Standing,
    principal::{Means, Principal},
};

/// What the kernel says of every user whom this process can not see (`/proc/sys/kernel/overflowuid`, unless somebody changed it):
/// behind `PrivateUsers=yes` that is everybody, so that it is nobody's name.
pub const NOBODY: u32 = 65_534;
/// A longer name stands in no list.
const NAME_BYTES_MAX: usize = 255;

/// A name by which a gateway is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayName {
    /// The user at the other end of the socket.
    Uid(u32),
    /// Their group: the one that the process has, not the others that the user is in.
    Gid(u32),
    /// A host's name among the certificate's subject alternative names.
    Dns(String),
    /// A URI among them, such as a SPIFFE id.
    Uri(String),
    /// The one common name of the certificate's subject.
    CommonName(String),
}

impl GatewayName {
    /// Reads one: `uid:998`, `gid:998`, `dns:gateway.internal`, `uri:spiffe://house/gateway`, `cn:gateway`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        let number = || name.parse().ok().filter(|number| is_number && *number != NOBODY);
        let fits =
            (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        match kind {
            "uid" => number().map(Self::Uid),
            "gid" => number().map(Self::Gid),
            // A name with a star would be many.
            "dns" if fits && !name.contains('*') => Some(Self::Dns(name.to_ascii_lowercase())),
            "uri" if fits && name.contains(':') => Some(Self::Uri(name.to_owned())),
            "cn" if fits => Some(Self::CommonName(name.to_owned())),
            _ => None,
        }
    }

    /// Whether it is about whoever is at a socket, not about a certificate.
    #[must_use]
    pub const fn is_of_a_socket(&self) -> bool {
        matches!(self, Self::Uid(_) | Self::Gid(_))
    }
}

impl fmt::Display for GatewayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid(id) => write!(f, "uid:{id}"),
            Self::Gid(id) => write!(f, "gid:{id}"),
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Uri(name) => write!(f, "uri:{name}"),
            Self::CommonName(name) => write!(f, "cn:{name}"),
        }
    }
}

/// A gateway that is known, for as long as its connection lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway(String);

impl Gateway {
    /// What the journal, the logs and the rates call it: `gateway:` and the name by which it is known.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Whoever is at the other end of a connection to the internal listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visitor {
    /// A gateway of the list.
    Gateway(Gateway),
    /// Somebody else; by name, where they showed one.
    Stranger(Option<String>),
}

/// The gateways that are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gateways(Vec<GatewayName>);

impl Gateways {
    /// These, and nobody else.
    #[must_use]
    pub fn of(names: Vec<GatewayName>) -> Self {
        Self(names)
    }

    /// Whoever the kernel says is at the other end of a socket.
    #[must_use]
    pub fn at_socket(&self, uid: u32, gid: u32) -> Visitor {
        let shown = [GatewayName::Uid(uid), GatewayName::Gid(gid)];
        let shown = shown
            .into_iter()
            .filter(|name| !matches!(name, GatewayName::Uid(NOBODY) | GatewayName::Gid(NOBODY)));
        self.visitor(shown.collect())
    }

    /// Whoever has shown a certificate that the authority has signed (DER); nothing where none was shown.
    #[must_use]
    pub fn with_certificate(&self, certificate: Option<&[u8]>) -> Visitor {
        self.visitor(certificate.map(names_in).unwrap_or_default())
    }

    fn visitor(&self, shown: Vec<GatewayName>) -> Visitor {
        match self.0.iter().find(|name| shown.contains(name)) {
            Some(name) => Visitor::Gateway(Gateway(format!("gateway:{name}"))),
            None => Visitor::Stranger(shown.first().map(ToString::to_string)),
        }
    }
}

/// The names in a certificate; those that could stand in no list are left out.
fn names_in(certificate: &[u8]) -> Vec<GatewayName> {
    let Ok((_, read)) = parse_x509_certificate(certificate) else { return Vec::new() };
    let alternative = read.subject_alternative_name().ok().flatten();
    let mut names: Vec<_> = alternative
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => GatewayName::parse(&format!("dns:{name}")),
            GeneralName::URI(name) => GatewayName::parse(&format!("uri:{name}")),
            _ => None,
        })
        .collect();
    let mut common = read.subject().iter_common_name();
    if let (Some(name), None) = (common.next(), common.next()) {
        names.extend(name.as_str().ok().and_then(|name| GatewayName::parse(&format!("cn:{name}"))));
    }
    names
}

/// What a gateway says of whoever asks.
#[derive(Debug, Clone, Copy)]
pub struct Introduction<'a> {
    /// Who says it.
    pub gateway: &'a Gateway,
    /// The person's id.
    pub person_id: &'a str,
    /// The role as which they ask: it takes away from what they are, and never adds.
    pub role: Option<Role>,
}

impl Gatekeeper {
    /// Whoever a gateway brings: a person of the register who may come in now.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn let_in_by_gateway(&self, who: &Introduction<'_>) -> Result<Principal, Refused> {
        let person = self.people().known(who.person_id).await.map_err(Refused::Store)?;
        let person = person.filter(|person| person.standing() == Standing::Active);
        let person = person.ok_or(Unknown::NoSuchPerson)?;
        let all = person.role.grants();
        let grants = who.role.map_or_else(|| all.clone(), |role| all.shared_with(&role.grants()));
        let means = Means::Gateway { gateway: who.gateway.name().to_owned(), key_id: None };
        Ok(Principal::person(&person.id, person.account, person.role, grants, means))
    }

    /// The journal's word of a request by which money moves, in a word what it does, and which a gateway has brought: before anything is done.
    ///
    /// # Errors
    /// The store does not take it: nothing may be done then.
    pub async fn note_brought(&self, principal: &Principal, action: &'static str) -> Result<(), StoreFault> {
        let Means::Gateway { gateway, key_id } = principal.means() else { return Ok(()) };
        let now_ms = self.keyring().now_ms();
        let facts = json!({
            "principal": principal.name(), "account": principal.account().as_str(), "gateway": gateway,
            "api_key": key_id, "action": action,
        });
        let body = Body::of(&facts).map_err(|why| StoreFault::Corrupt(why.to_string()))?;
        let journal = vec![JournalDraft::new(now_ms, "gateway_request", body)];
        let change = RegisterChange { journal, ..RegisterChange::default() };
        self.register.register(change, now_ms).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    fn certificate(common_names: &[&str], alternative: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (place, name) in common_names.iter().enumerate() {
            // Of one type the library keeps one: a second common name goes by its number (RFC 4519 §2.3).
            let kind = if place == 0 { DnType::CommonName } else { DnType::CustomDnType(vec![2, 5, 4, 3]) };
            params.distinguished_name.push(kind, *name);
        }
        params.subject_alt_names = alternative;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn gateways(names: &[&str]) -> Gateways {
        Gateways::of(names.iter().map(|name| GatewayName::parse(name).unwrap()).collect())
    }

    fn known(name: &str) -> Visitor {
        Visitor::Gateway(Gateway(format!("gateway:{name}")))
    }

    #[test]
    fn a_name_is_one_gateways_and_never_everybodys() {
        for name in ["uid:0", "gid:33", "dns:gw.internal", "uri:spiffe://house/gw", "cn:gw"] {
            assert_eq!(GatewayName::parse(name).unwrap().to_string(), name);
        }
        for wrong in [
            "uid:65534",
            "gid:65534",
            "uid:-1",
            "uid:",
            "uid:root",
            "uid:4294967296",
            "uid:+1",
            "dns:*.internal",
            "dns:",
            "uri:gw",
            "cn:",
            "cn:a b",
            "gw",
            "",
            "ip:10.0.0.1",
        ] {
            assert_eq!(GatewayName::parse(wrong), None, "{wrong}");
        }
    }

    /// F000-05: who stands behind `PrivateUsers=yes` is nobody, and nobody is no gateway.
    #[test]
    fn whoever_is_at_a_socket_is_known_by_user_or_group() {
        let list = gateways(&["uid:998", "gid:33"]);
        assert_eq!(list.at_socket(998, 1), known("uid:998"));
        assert_eq!(list.at_socket(1, 33), known("gid:33"));
        assert_eq!(list.at_socket(0, 0), Visitor::Stranger(Some("uid:0".to_owned())));
        let everybody = Gateways::of(vec![GatewayName::Uid(NOBODY), GatewayName::Gid(NOBODY)]);
        assert_eq!(everybody.at_socket(NOBODY, NOBODY), Visitor::Stranger(None));
        assert_eq!(Gateways::default().at_socket(998, 33), Visitor::Stranger(Some("uid:998".to_owned())));
    }

    /// F000-05: a name counts as the kind that it is.
    #[test]
    fn a_certificate_is_known_by_the_names_that_it_has() {
        let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
        let uri = SanType::URI("spiffe://house/gw".try_into().unwrap());
        let list = gateways(&["dns:gw.internal", "uri:spiffe://house/gw", "cn:gw"]);
        let with = |certificate: Vec<u8>| list.with_certificate(Some(&certificate));
        assert_eq!(with(certificate(&[], vec![dns("other"), dns("GW.internal")])), known("dns:gw.internal"));
        assert_eq!(with(certificate(&["x"], vec![uri])), known("uri:spiffe://house/gw"));
        assert_eq!(with(certificate(&["gw"], vec![])), known("cn:gw"));
        let stranger = |name: &str| Visitor::Stranger(Some(name.to_owned()));
        assert_eq!(with(certificate(&["gw.internal"], vec![])), stranger("cn:gw.internal"));
        assert_eq!(
            with(certificate(&["gw", "other"], vec![])),
            Visitor::Stranger(None),
            "two names are none"
        );
        assert_eq!(with(certificate(&[], vec![dns("a.gw.internal")])), stranger("dns:a.gw.internal"));
        assert_eq!(with(b"no certificate".to_vec()), Visitor::Stranger(None));
        assert_eq!(list.with_certificate(None), Visitor::Stranger(None));
    }
}
