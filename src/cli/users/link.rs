//! `payoutd users link`, `unlink`, `links`: who somebody is whom an issuer elsewhere knows.

use super::{Look, USERS};
use crate::{
    cli::{
        exit::Exit,
        failure::Failure,
        table::{Rows, Side},
        terminal::{Terminal, plain},
    },
    http::links::{LinkBody, LinksBody, SubjectBody},
};

/// `payoutd users link|unlink WHO`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd users link alice --issuer https://login.example --subject 248289761001
  payoutd users unlink alice --issuer https://login.example --subject 248289761001")]
pub(super) struct Subject {
    /// Their id, or what they sign in with
    #[arg(value_name = "WHO")]
    who: String,
    /// The issuer, as identity.external.issuer names it
    #[arg(long, value_name = "ISSUER")]
    issuer: String,
    /// What the issuer calls them: the claim sub of its tokens
    #[arg(long, value_name = "SUBJECT")]
    subject: String,
    #[command(flatten)]
    look: Look,
}

/// `payoutd users links WHO`
#[derive(Debug, clap::Args)]
pub(super) struct Links {
    /// Their id, or what they sign in with
    #[arg(value_name = "WHO")]
    who: String,
    #[command(flatten)]
    look: Look,
}

impl Subject {
    pub(super) async fn link(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let id = self.look.id_of(&self.who).await?;
        let wanted = SubjectBody { issuer: self.issuer, subject: self.subject };
        let link: LinkBody =
            self.look.door.client()?.post(&format!("{USERS}/{id}/link"), Some(&wanted)).await?;
        match self.look.json.json {
            true => terminal.json(&link)?,
            false => table(terminal, &[link])?,
        }
        Ok(Exit::Done)
    }

    pub(super) async fn unlink(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let id = self.look.id_of(&self.who).await?;
        let wanted = SubjectBody { issuer: self.issuer, subject: self.subject };
        self.look.door.client()?.act(&format!("{USERS}/{id}/unlink"), Some(&wanted)).await?;
        terminal.note("the issuer's subject is nobody here any more");
        Ok(Exit::Done)
    }
}

impl Links {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let id = self.look.id_of(&self.who).await?;
        let found: LinksBody = self.look.door.client()?.get(&format!("{USERS}/{id}/links"), &[]).await?;
        match self.look.json.json {
            true => terminal.json(&found)?,
            false => table(terminal, &found.links)?,
        }
        Ok(Exit::Done)
    }
}

fn table(terminal: &Terminal, links: &[LinkBody]) -> Result<(), Failure> {
    if links.is_empty() {
        terminal.note("no issuer knows them");
        return Ok(());
    }
    let columns =
        [("issuer", Side::Left), ("subject", Side::Left), ("since", Side::Left), ("by", Side::Left)];
    let mut rows = Rows::new(terminal, columns);
    for link in links {
        rows.push([
            (plain(&link.issuer), None),
            (plain(&link.subject), None),
            (link.linked_at.get(..10).unwrap_or_default().to_owned(), None),
            (link.linked_by.clone(), None),
        ]);
    }
    terminal.line(rows)
}
