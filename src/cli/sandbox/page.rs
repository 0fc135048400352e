//! What a newcomer reads when the demonstration is over: where things are, and lines that work when pasted.

use crate::cli::failure::Failure;
use crate::cli::sheet::Sheet;
use crate::cli::terminal::{Ink, Terminal};
use std::path::Path;

/// Shows where the sandbox is and how to use it.
pub(super) fn show(
    terminal: &Terminal,
    base: &str,
    token: &str,
    recipient: &str,
    chain: &str,
    data: &Path,
) -> Result<(), Failure> {
    let mut sheet = Sheet::new(terminal);
    terminal.line("")?;
    sheet.put("API", base);
    sheet.put("token", token);
    sheet.put("read the API", format!("{base}/docs"));
    sheet.put("metrics", format!("{base}/metrics"));
    sheet.put("the chain's book", format!("{chain}/sandbox/book"));
    sheet.put("data", data.display());
    sheet.print()?;
    terminal.line(terminal.on_stdout(Ink::Strong, "\nPay somebody:"))?;
    terminal.line(format_args!(
        "  curl -s {base}/v1/payouts -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -H 'Idempotency-Key: my-first' \\\n    -d '{{\"recipient\":\"{recipient}\",\"amount\":\"25.5\",\"reference\":\"inv-7\"}}'"
    ))?;
    terminal.line(terminal.on_stdout(Ink::Strong, "\nSee what became of it:"))?;
    terminal.line(format_args!(
        "  curl -s '{base}/v1/payouts?reference=inv-7' -H 'Authorization: Bearer {token}'"
    ))?;
    terminal.line(format_args!("  payoutd payouts list --data {}", data.display()))?;
    terminal.line(
        terminal
            .on_stdout(Ink::Strong, "\nMake the network fork, and watch it being paid once all the same:"),
    )?;
    terminal.line(format_args!("  curl -s {chain}/sandbox/weather -d '{{\"fork\":2}}'"))?;
    terminal.line(terminal.on_stdout(Ink::Faint, "\nCtrl-C stops it."))
}
