//! `payoutd users`: people, by the daemon's API: invited, listed, kept out and let in again.

mod accept;
mod link;

use std::{fs, io::Read, path::PathBuf};

use crate::{
    cli::{
        self,
        door::Look,
        exit::Exit,
        failure::Failure,
        keys::key_file,
        sheet::Sheet,
        table::{Rows, Side},
        terminal::{Ink, Terminal, plain},
    },
    http::users::{
        DisabledUserBody, InvitedUserBody, NewPostBody, NewUserBody, RevocationBody, UserBody, UsersBody,
    },
};

const USERS: &str = "/v1/admin/users";
/// A longer file holds no password hash.
const HASH_BYTES_MAX: u64 = 1024;

/// `payoutd users …`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Invite somebody, or invite anew who is there already; the invitation is shown once
    Invite(Invite),
    /// Accept an invitation: choose a password
    Accept(accept::Accept),
    /// List people
    List(List),
    /// Show a person
    Show(Which),
    /// Keep somebody out, at once
    Disable(Which),
    /// Let somebody in again
    Enable(Which),
    /// Give somebody another role or account
    Role(Role),
    /// Take away somebody's second factor that they have lost
    ResetSecondFactor(Which),
    /// Say who somebody is whom the issuer elsewhere knows
    Link(link::Subject),
    /// Take that back
    Unlink(link::Subject),
    /// List under which names the issuer elsewhere knows somebody
    Links(link::Links),
    /// End everything that somebody was given: their sessions and tokens; or one token, or everybody's
    Revoke(Revoke),
}

/// `payoutd users invite`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd users invite alice@example.com --role approver --account treasury
  payoutd users invite alice@example.com                            anew: she lost the invitation, or forgot her password
  payoutd users invite bob --role end_user --account bob --password-hash-file bob.bcrypt

Hand the invitation over by a way that only they read. It is good for three days and for one password.")]
struct Invite {
    /// What they sign in with: an e-mail address or a plain name
    name: String,
    /// What they are: admin, node_operator, end_user, approver, auditor or viewer (`payoutd roles`)
    #[arg(long, value_name = "ROLE", requires = "account")]
    role: Option<String>,
    /// Whose money they spend
    #[arg(long, value_name = "NAME", requires = "role")]
    account: Option<String>,
    /// A file with the hash of the password that they have elsewhere, bcrypt of cost 12 to 14 or Argon2id, or - for stdin
    #[arg(long, value_name = "FILE", requires = "role")]
    password_hash_file: Option<PathBuf>,
    /// Write the invitation into this new file (mode 0600) in place of showing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    look: Look,
}

/// `payoutd users list`
#[derive(Debug, clap::Args)]
struct List {
    /// People of this account alone
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    #[command(flatten)]
    look: Look,
}

/// `payoutd users show|disable|enable WHO`
#[derive(Debug, clap::Args)]
struct Which {
    /// Their id, or what they sign in with
    #[arg(value_name = "WHO")]
    who: String,
    #[command(flatten)]
    look: Look,
}

/// `payoutd users role WHO`
#[derive(Debug, clap::Args)]
struct Role {
    /// Their id, or what they sign in with
    #[arg(value_name = "WHO")]
    who: String,
    /// What they are from now on; the same unless it is said
    #[arg(value_name = "ROLE", required_unless_present = "account")]
    role: Option<String>,
    /// Whose money they spend from now on; the same unless it is said
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    #[command(flatten)]
    look: Look,
}

/// `payoutd users revoke`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd users revoke alice                   she signs in anew
  payoutd users revoke --token 0f3a9c…         one access token, by its claim jti
  payoutd users revoke --all                   everybody signs in anew; API keys are not concerned")]
struct Revoke {
    /// Their id, or what they sign in with
    #[arg(value_name = "WHO", required_unless_present_any = ["token", "all"], conflicts_with_all = ["token", "all"])]
    who: Option<String>,
    /// One access token, by its id
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    token: Option<String>,
    /// Everybody's
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    look: Look,
}

impl Args {
    /// Runs what was asked.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self.command {
            Command::Invite(args) => cli::wait(args.run(terminal)),
            Command::Accept(args) => cli::wait(args.run(terminal)),
            Command::List(args) => cli::wait(args.run(terminal)),
            Command::Show(args) => cli::wait(args.show(terminal)),
            Command::Disable(args) => cli::wait(args.disable(terminal)),
            Command::Enable(args) => cli::wait(args.change(terminal, "enable")),
            Command::ResetSecondFactor(args) => cli::wait(args.change(terminal, "reset-second-factor")),
            Command::Link(args) => cli::wait(args.link(terminal)),
            Command::Unlink(args) => cli::wait(args.unlink(terminal)),
            Command::Links(args) => cli::wait(args.run(terminal)),
            Command::Role(args) => cli::wait(args.run(terminal)),
            Command::Revoke(args) => cli::wait(args.run(terminal)),
        }
    }
}

impl Invite {
    async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.look.door.client()?;
        let password_hash = self.password_hash_file.as_deref().map(read_hash).transpose()?;
        let place = self.out.as_deref().map(key_file::Place::take).transpose()?;
        let invited: InvitedUserBody = match (self.role, self.account) {
            (Some(role), Some(account)) => {
                let wanted = NewUserBody { name: self.name, role, account, password_hash };
                client.post(USERS, Some(&wanted)).await?
            }
            _ => {
                let id = self.look.id_of(&self.name).await.map_err(|failure| {
                    failure.next("name a role and an account for somebody new: --role ROLE --account NAME")
                })?;
                client.post(&format!("{USERS}/{id}/invite"), None::<&()>).await?
            }
        };
        if let (Some(place), Some(text)) = (place, &invited.invitation) {
            place.fill(format!("{text}\n").as_bytes())?;
        }
        if self.look.json.json {
            match self.out {
                None => terminal.json(&invited)?,
                Some(_) => terminal.json(&invited.user)?,
            }
            return Ok(Exit::Done);
        }
        match (&self.out, &invited.invitation) {
            (_, None) => {}
            (Some(file), Some(_)) => terminal.line(format_args!("wrote  {}", file.display()))?,
            (None, Some(text)) => {
                terminal.line(text)?;
                terminal.note("this is shown once: they choose a password with `payoutd users accept`");
            }
        }
        sheet(terminal, &invited.user)?;
        Ok(Exit::Done)
    }
}

impl List {
    async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let users = self.look.everybody(self.account.as_deref()).await?;
        match self.look.json.json {
            true => terminal.json(&UsersBody { users, next_after: None })?,
            false => table(terminal, &users)?,
        }
        Ok(Exit::Done)
    }
}

impl Which {
    async fn show(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let id = self.look.id_of(&self.who).await?;
        let user: UserBody = self.look.door.client()?.get(&format!("{USERS}/{id}"), &[]).await?;
        self.look.print(terminal, &user)
    }

    async fn disable(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let id = self.look.id_of(&self.who).await?;
        let client = self.look.door.client()?;
        let disabled: DisabledUserBody = client.post(&format!("{USERS}/{id}/disable"), None::<&()>).await?;
        if self.look.json.json {
            terminal.json(&disabled)?;
            return Ok(Exit::Done);
        }
        sheet(terminal, &disabled.user)?;
        for key in &disabled.good_keys {
            terminal.note(format_args!(
                "the API key {key}, which they have made, is good still: payoutd keys revoke {key}"
            ));
        }
        Ok(Exit::Done)
    }

    async fn change(self, terminal: &Terminal, verb: &str) -> Result<Exit, Failure> {
        let id = self.look.id_of(&self.who).await?;
        let client = self.look.door.client()?;
        let user: UserBody = client.post(&format!("{USERS}/{id}/{verb}"), None::<&()>).await?;
        self.look.print(terminal, &user)
    }
}

impl Role {
    async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let id = self.look.id_of(&self.who).await?;
        let wanted = NewPostBody { role: self.role, account: self.account };
        let client = self.look.door.client()?;
        let user: UserBody = client.post(&format!("{USERS}/{id}/role"), Some(&wanted)).await?;
        self.look.print(terminal, &user)
    }
}

impl Revoke {
    async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.look.door.client()?;
        if let Some(who) = &self.who {
            let id = self.look.id_of(who).await?;
            let user: UserBody = client.post(&format!("{USERS}/{id}/revoke"), None::<&()>).await?;
            return self.look.print(terminal, &user);
        }
        let wanted = RevocationBody { token_id: self.token, everything: self.all.then_some(true) };
        client.act("/v1/admin/tokens/revoke", Some(&wanted)).await?;
        terminal.note("it opens nothing any more");
        Ok(Exit::Done)
    }
}

impl Look {
    /// The id of somebody who is named by it, or by what they sign in with.
    async fn id_of(&self, who: &str) -> Result<String, Failure> {
        if crate::identity::api_key::is_key_id(who) {
            return Ok(who.to_owned());
        }
        let name = who.trim().to_ascii_lowercase();
        let found = self.everybody(None).await?.into_iter().find(|user| user.name == name);
        found.map(|user| user.id).ok_or_else(|| {
            Failure::new(Exit::BadData, format_args!("nobody signs in with `{}`", plain(who)))
                .next("`payoutd users list` shows everybody")
        })
    }

    async fn everybody(&self, account: Option<&str>) -> Result<Vec<UserBody>, Failure> {
        let client = self.door.client()?;
        let (mut users, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut query: Vec<(&str, String)> = Vec::new();
            query.extend(account.map(|account| ("account", account.to_owned())));
            query.extend(after.take().map(|after| ("after", after)));
            let page: UsersBody = client.get(USERS, &query).await?;
            users.extend(page.users);
            match page.next_after {
                None => return Ok(users),
                more => after = more,
            }
        }
    }

    fn print(&self, terminal: &Terminal, user: &UserBody) -> Result<Exit, Failure> {
        match self.json.json {
            true => terminal.json(user)?,
            false => sheet(terminal, user)?,
        }
        Ok(Exit::Done)
    }
}

/// A hash from a file: it is no password, and still nobody else's business.
fn read_hash(path: &std::path::Path) -> Result<String, Failure> {
    let cannot = |error: &std::io::Error| {
        Failure::because(Exit::NoInput, format_args!("cannot read {}", path.display()), error)
    };
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(HASH_BYTES_MAX).read_to_string(&mut text).map_err(|error| cannot(&error))?;
    } else {
        let file = fs::File::open(path).map_err(|error| cannot(&error))?;
        file.take(HASH_BYTES_MAX).read_to_string(&mut text).map_err(|error| cannot(&error))?;
    }
    Ok(text.trim().to_owned())
}

fn table(terminal: &Terminal, users: &[UserBody]) -> Result<(), Failure> {
    if users.is_empty() {
        terminal.note("nobody");
        return Ok(());
    }
    let columns = [
        ("id", Side::Left),
        ("name", Side::Left),
        ("role", Side::Left),
        ("account", Side::Left),
        ("status", Side::Left),
        ("since", Side::Left),
    ];
    let mut rows = Rows::new(terminal, columns);
    for user in users {
        rows.push([
            (user.id.clone(), None),
            (plain(&user.name), None),
            (user.role.clone(), None),
            (user.account.clone(), None),
            (user.status.clone(), Some(ink(&user.status))),
            (user.created_at.get(..10).unwrap_or_default().to_owned(), None),
        ]);
    }
    terminal.line(rows)
}

pub(super) fn sheet(terminal: &Terminal, user: &UserBody) -> Result<(), Failure> {
    let mut sheet = Sheet::new(terminal);
    sheet.put("id", &user.id).put("name", plain(&user.name)).put("role", &user.role);
    sheet.put("account", &user.account).put("status", &user.status);
    sheet.put("2nd factor", if user.second_factor { "yes" } else { "no" });
    sheet.put("invited", format_args!("{} by {}", user.created_at, user.created_by));
    if let Some(until) = &user.invited_until {
        sheet.put("invitation", format_args!("good until {until}"));
    }
    if let Some(at) = &user.disabled_at {
        sheet.put("disabled", at);
    }
    sheet.print()
}

fn ink(status: &str) -> Ink {
    match status {
        "active" => Ink::Good,
        "invited" => Ink::Care,
        _ => Ink::Faint,
    }
}
