//! `payoutd nodes`: which account is of which node, by the daemon's API, with a reason for the journal.

use super::{
    door::Look,
    exit::Exit,
    failure::Failure,
    table::{Rows, Side},
    terminal::{Terminal, plain},
};
use crate::http::nodes::{NewNodeAccountBody, NodeAccountBody, NodeAccountsBody, NodeRemovalBody};
use payoutd_actors::domain::{access::NodeName, identity::AccountId};

/// Where the daemon has them.
const NODES: &str = "/v1/admin/nodes";

/// `payoutd nodes …`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd nodes assign shop-7 north --reason \"opened in May\"
  payoutd nodes list --node north
  payoutd nodes remove shop-7 --reason \"sold\"

Who may do something to the payouts of their node (`payoutd roles`) may do it to those of every account of it. An account is of one node
at most, and of none until it is assigned: then its people and keys reach it alone.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say which node an account is of; of another one it was it is no more
    Assign(Assign),
    /// Take an account out of its node, at once
    Remove(Remove),
    /// List accounts with their nodes
    List(List),
}

/// `payoutd nodes assign ACCOUNT NODE`
#[derive(Debug, clap::Args)]
struct Assign {
    /// The account
    #[arg(value_name = "ACCOUNT", value_parser = account)]
    account: AccountId,
    /// Its node; one that is not there yet begins with it
    #[arg(value_name = "NODE")]
    node: NodeName,
    #[command(flatten)]
    why: Why,
}

/// `payoutd nodes remove ACCOUNT`
#[derive(Debug, clap::Args)]
struct Remove {
    /// The account
    #[arg(value_name = "ACCOUNT", value_parser = account)]
    account: AccountId,
    #[command(flatten)]
    why: Why,
}

/// `payoutd nodes list`
#[derive(Debug, clap::Args)]
struct List {
    /// Accounts of this node alone
    #[arg(long, value_name = "NODE")]
    node: Option<NodeName>,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Args)]
struct Why {
    /// Why, for the journal
    #[arg(long, value_name = "REASON")]
    reason: String,
    #[command(flatten)]
    look: Look,
}

impl Args {
    /// Asks the daemon, or has it change one.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self.command {
            Command::Assign(assign) => super::wait(assign.run(terminal)),
            Command::Remove(remove) => super::wait(remove.run(terminal)),
            Command::List(list) => super::wait(list.run(terminal)),
        }
    }
}

impl Assign {
    async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let Why { reason, look } = self.why;
        let body = NewNodeAccountBody { node: self.node.to_string(), reason };
        let path = format!("{NODES}/{}", self.account);
        let assigned: NodeAccountBody = look.door.client()?.put(&path, &body).await?;
        match look.json.json {
            true => terminal.json(&assigned)?,
            false => table(terminal, &[assigned])?,
        }
        Ok(Exit::Done)
    }
}

impl Remove {
    async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let Why { reason, look } = self.why;
        let path = format!("{NODES}/{}/remove", self.account);
        look.door.client()?.act(&path, Some(&NodeRemovalBody { reason })).await?;
        terminal.note(format_args!("{} is of no node: its people and keys reach it alone", self.account));
        Ok(Exit::Done)
    }
}

impl List {
    async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.look.door.client()?;
        let mut all = NodeAccountsBody { accounts: Vec::new(), next_after: None };
        loop {
            let mut query = Vec::new();
            query.extend(self.node.as_ref().map(|node| ("node", node.to_string())));
            query.extend(all.next_after.take().map(|after| ("after", after)));
            let page: NodeAccountsBody = client.get(NODES, &query).await?;
            all.accounts.extend(page.accounts);
            all.next_after = page.next_after;
            if all.next_after.is_none() {
                break;
            }
        }
        match self.look.json.json {
            true => terminal.json(&all)?,
            false if all.accounts.is_empty() => terminal.note("no account is of a node"),
            false => table(terminal, &all.accounts)?,
        }
        Ok(Exit::Done)
    }
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::new(text).map_err(|why| why.to_string())
}

fn table(terminal: &Terminal, accounts: &[NodeAccountBody]) -> Result<(), Failure> {
    let columns = [
        ("node", Side::Left),
        ("account", Side::Left),
        ("since", Side::Left),
        ("by", Side::Left),
        ("reason", Side::Left),
    ];
    let mut rows = Rows::new(terminal, columns);
    for one in accounts {
        let since = one.at.get(..10).unwrap_or_default().to_owned();
        let words = [one.node.clone(), one.account.clone(), since, one.by.clone(), plain(&one.reason)];
        rows.push(words.map(|word| (word, None)));
    }
    terminal.line(rows)
}
