//! A sandbox's folder: keys, token, and the configuration that any other command can be pointed at (`--data DIR`).

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::keys::folder;
use crate::cli::place::{SANDBOX_CONFIG, SANDBOX_STORE};
use crate::sandbox::Description;
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::tron::PrivateKey;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Furnishes a folder for a daemon on this network whose door is at `http`; answers the configuration's file.
///
/// # Errors
/// When a file can not be written, or the network names no accounts.
pub(super) fn furnish(data: &Path, network: &Description, http: SocketAddr) -> Result<PathBuf, Failure> {
    let wallet = network
        .accounts
        .first()
        .ok_or_else(|| Failure::new(Exit::Software, "the simulated network has no accounts"))?;
    folder::furnish(data, &wallet.private_key_hex)?;
    let officer = officer_of(network)?;
    let file = data.join(SANDBOX_CONFIG);
    let text = configuration(network, &wallet.address, officer, http);
    std::fs::write(&file, text).map_err(|why| {
        Failure::because(Exit::CannotCreate, format_args!("cannot write {}", file.display()), &why)
    })?;
    Ok(file)
}

fn officer_of(network: &Description) -> Result<Address, Failure> {
    PrivateKey::from_hex(&network.compliance_key_hex)
        .map(|key| key.address())
        .map_err(|why| Failure::because(Exit::Software, "the compliance officer's key is none", &why))
}

fn configuration(network: &Description, wallet: &str, officer: Address, http: SocketAddr) -> String {
    let nodes = std::iter::once(&network.http).chain(&network.more_nodes_http);
    let nodes = nodes.map(|url| format!("{{ url = \"{url}\" }}")).collect::<Vec<_>>().join(", ");
    let Description { tronscan_http, usdt, router_v0, router_kyc, .. } = network;
    format!(
        "# Written by `payoutd sandbox` at each start; every key is explained in config/payoutd.toml.\n\
         [store]\nurl = \"sqlite:{SANDBOX_STORE}\"\n\n\
         [http]\nlisten = \"{http}\"\ntoken_file = \"{token}\"\n\n\
         [wallet]\naddress = \"{wallet}\"\nkey_file = \"{wallet_key}\"\n\n\
         [journal]\nkey_file = \"{journal_key}\"\n\n\
         [network]\nnodes = [{nodes}]\ntronscan.url = \"{tronscan_http}\"\nusdt = \"{usdt}\"\n\
         router_v0 = \"{router_v0}\"\nrouter_kyc = \"{router_kyc}\"\nkyc_officer = \"{officer}\"\nrequest_timeout_ms = 2000\n\n\
         [limits]\nper_payout_usdt = \"100000\"\nhourly_usdt = \"1000000\"\ndaily_usdt = \"1000000\"\n\
         account_hourly_usdt = \"1000000\"\naccount_daily_usdt = \"1000000\"\n\n\
         [transfer]\nlifetime_s = 15\n\n[breaker]\nrecovery_s = 2\n\n\
         [worker]\nlook_every_ms = 200\nresend_every_ms = 3000\n\n[watcher]\nlook_every_ms = 100\n\n\
         [treasurer]\nlook_every_ms = 1000\n\n[log]\n# The web server also serves the network, whose weather breaks lines on purpose.\n\
         filter = \"error,actix_http=off\"\n",
        token = folder::TOKEN,
        wallet_key = folder::WALLET_KEY,
        journal_key = folder::JOURNAL_KEY,
    )
}
