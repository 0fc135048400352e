//! `[network]`: the nodes, the second eye and the contracts.

use std::time::Duration;

use payoutd_actors::domain::address::Address;

use crate::config::{
    forms::{Flag, Millis, ProviderUrl, SecretPath, TronAddress, UrlOfProvider},
    key::{Fallback, Key, Wrong},
    reader::Reader,
    secret_file::SecretFile,
};

/// The nodes, the second eye and the contracts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// At least one, each a different provider.
    pub nodes: Vec<Node>,
    /// The second eye.
    pub tronscan: Option<TronScan>,
    /// Whether one source alone was chosen in writing.
    pub single_source: bool,
    /// The token that is paid.
    pub usdt: Address,
    /// The payout routers.
    pub routers: Routers,
    /// A call that takes longer counts as silence.
    pub request_timeout: Duration,
}

/// One node, or a service that speaks like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where `wallet/…` is asked.
    pub url: ProviderUrl,
    /// Where `walletsolidity/…` is asked.
    pub solidity_url: ProviderUrl,
    /// The key that the service wants, where it wants one.
    pub api_key_file: Option<SecretFile>,
}

/// TronScan, or what speaks like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TronScan {
    /// Where `api/…` is asked.
    pub url: ProviderUrl,
    /// The key that it wants, where it wants one.
    pub api_key_file: Option<SecretFile>,
}

/// The payout routers, where they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Routers {
    /// PayoutRouterV0.
    pub v0: Option<Address>,
    /// PayoutRouterKYC and the officer whose signature it checks.
    pub kyc: Option<(Address, Address)>,
}

const NODES: &str = "network.nodes";

const NODE_URL: Key<UrlOfProvider> = Key {
    name: "network.nodes[].url",
    form: UrlOfProvider,
    fallback: Fallback::Required("\"https://api.trongrid.io\""),
    about: "Where the node answers `wallet/…`. Name at least two providers: each signed transfer goes to all of them at \
            once, and what one of them says is checked against the other. Redirects are not followed. The variable \
            PAYOUTD_NETWORK__NODES holds the whole list: [{ url = \"https://…\" }]",
};

const NODE_SOLIDITY_URL: Key<UrlOfProvider> = Key {
    name: "network.nodes[].solidity_url",
    form: UrlOfProvider,
    fallback: Fallback::Absent {
        example: "\"http://127.0.0.1:8091\"",
        without: "the same address as url, as hosted services have it",
    },
    about: "Where the node answers `walletsolidity/…`. A java-tron node of one's own serves it on another port.",
};

const NODE_API_KEY_FILE: Key<SecretPath> = Key {
    name: "network.nodes[].api_key_file",
    form: SecretPath,
    fallback: Fallback::Absent { example: "\"trongrid.key\"", without: "no key is sent" },
    about: "The file with the service's API key, sent as TRON-PRO-API-KEY.",
};

const SINGLE_SOURCE: Key<Flag> = Key {
    name: "network.single_source",
    form: Flag,
    fallback: Fallback::Is("false"),
    about: "Write true to start with one node and no TronScan. One source can then lie unseen: it is a choice for a \
            node of one's own, and it has to be written out.",
};

const USDT: Key<TronAddress> = Key {
    name: "network.usdt",
    form: TronAddress,
    fallback: Fallback::Is("\"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\""),
    about: "The token contract that is paid and whose logs are believed. The default is USDT on TRON's main network.",
};

const ROUTER_V0: Key<TronAddress> = Key {
    name: "network.router_v0",
    form: TronAddress,
    fallback: Fallback::Absent {
        example: "\"T…\"", without: "orders with the route router_v0 are refused"
    },
    about: "The PayoutRouterV0 contract. The wallet pays through it by allowance, which is checked at the start.",
};

const ROUTER_KYC: Key<TronAddress> = Key {
    name: "network.router_kyc",
    form: TronAddress,
    fallback: Fallback::Absent {
        example: "\"T…\"", without: "orders with the route router_kyc are refused"
    },
    about: "The PayoutRouterKYC contract. It wants network.kyc_officer beside it.",
};

const KYC_OFFICER: Key<TronAddress> = Key {
    name: "network.kyc_officer",
    form: TronAddress,
    fallback: Fallback::Absent { example: "\"T…\"", without: "there is no router_kyc either" },
    about: "The address whose compliance signature every router_kyc order must carry. It is checked before signing.",
};

const REQUEST_TIMEOUT_MS: Key<Millis> = Key {
    name: "network.request_timeout_ms",
    form: Millis { from: 100, to: 120_000 },
    fallback: Fallback::Is("10000"),
    about: "A call to a node or to TronScan that takes longer counts as silence, and as a fault of that provider.",
};

const TRONSCAN_URL: Key<UrlOfProvider> = Key {
    name: "network.tronscan.url",
    form: UrlOfProvider,
    fallback: Fallback::Absent {
        example: "\"https://apilist.tronscanapi.com\"",
        without: "a second node is the second eye, or network.single_source is written out",
    },
    about: "The second eye: a payout is settled only when it agrees with the nodes.",
};

const TRONSCAN_API_KEY_FILE: Key<SecretPath> = Key {
    name: "network.tronscan.api_key_file",
    form: SecretPath,
    fallback: Fallback::Absent { example: "\"tronscan.key\"", without: "no key is sent" },
    about: "The file with TronScan's API key, sent as TRON-PRO-API-KEY.",
};

impl Network {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("network", "The chain: its nodes, the token and the routers.");
        let single_source = reader.ask(&SINGLE_SOURCE);
        let usdt = reader.ask(&USDT);
        let routers = Routers::read(reader);
        let request_timeout = reader.ask(&REQUEST_TIMEOUT_MS);
        let nodes = reader.each(NODES, Node::read);
        reader.section("network.tronscan", "The second eye.");
        let tronscan = TronScan::read(reader);

        let nodes = nodes.and_then(|nodes| Self::check_nodes(reader, nodes));
        let network = Self {
            nodes: nodes?,
            tronscan: tronscan?,
            single_source: single_source?,
            usdt: usdt?,
            routers: routers?,
            request_timeout: request_timeout?,
        };
        network.wants_two_sources(reader)
    }

    fn check_nodes(reader: &mut Reader<'_>, nodes: Vec<Node>) -> Option<Vec<Node>> {
        if nodes.is_empty() {
            let right = "write nodes = [{ url = \"https://…\" }]";
            let wrong = if reader.is_written(NODES) { "names no node" } else { "is missing" };
            reader.mistake(NODES, Wrong::new(wrong, right));
            return None;
        }
        for (place, node) in nodes.iter().enumerate() {
            if nodes.iter().take(place).any(|earlier| earlier.url == node.url) {
                let name = format!("{NODES}[{place}].url");
                reader.mistake(
                    &name,
                    Wrong::new("is the same node as an earlier one", "name another provider"),
                );
                return None;
            }
        }
        Some(nodes)
    }

    /// One node and no TronScan: nobody would notice a lie, so it has to be chosen in writing.
    fn wants_two_sources(self, reader: &mut Reader<'_>) -> Option<Self> {
        let alone = self.nodes.len() == 1 && self.tronscan.is_none();
        if alone && !self.single_source {
            reader.mistake(
                SINGLE_SOURCE.name,
                Wrong::new(
                    "one node and no TronScan: nobody would notice a lie",
                    "name a second node or network.tronscan.url, or write single_source = true",
                ),
            );
            return None;
        }
        if alone {
            reader.warn("network.single_source: one node is believed without a second eye".into());
        }
        Some(self)
    }
}

impl Node {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let url = reader.ask(&NODE_URL);
        let solidity_url = reader.ask_maybe(&NODE_SOLIDITY_URL);
        let api_key_file = reader.ask_maybe(&NODE_API_KEY_FILE);
        let url = url?;
        Some(Self {
            solidity_url: solidity_url?.unwrap_or_else(|| url.clone()),
            url,
            api_key_file: api_key_file?,
        })
    }
}

impl TronScan {
    /// The inner `None`: there is no TronScan, and that is allowed.
    fn read(reader: &mut Reader<'_>) -> Option<Option<Self>> {
        let url = reader.ask_maybe(&TRONSCAN_URL);
        let api_key_file = reader.ask_maybe(&TRONSCAN_API_KEY_FILE);
        match (url?, api_key_file?) {
            (Some(url), api_key_file) => Some(Some(Self { url, api_key_file })),
            (None, None) => Some(None),
            (None, Some(_)) => {
                let wrong = Wrong::new(
                    "is missing beside network.tronscan.api_key_file",
                    "write url, or drop the key",
                );
                reader.mistake(TRONSCAN_URL.name, wrong);
                None
            }
        }
    }
}

impl Routers {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let v0 = reader.ask_maybe(&ROUTER_V0);
        let kyc = reader.ask_maybe(&ROUTER_KYC);
        let officer = reader.ask_maybe(&KYC_OFFICER);
        let kyc = match (kyc?, officer?) {
            (Some(router), Some(officer)) => Some((router, officer)),
            (None, None) => None,
            (Some(_), None) => {
                let wrong = "is missing beside network.router_kyc: without it nobody can check a clearance";
                let right = "write kyc_officer = \"T…\", the address of the key that signs clearances and that the router \
                             believes, or drop router_kyc";
                reader.mistake(KYC_OFFICER.name, Wrong::new(wrong, right));
                return None;
            }
            (None, Some(_)) => {
                let wrong = "is missing, and network.kyc_officer is given";
                reader.mistake(
                    ROUTER_KYC.name,
                    Wrong::new(wrong, "write the router's address, or drop the officer"),
                );
                return None;
            }
        };
        Some(Self { v0: v0?, kyc })
    }
}
