//! `payoutd sign-in`: a person shows their password and gets a token. Nothing is stored unless a file is named for it.

use std::path::{Path, PathBuf};

use crate::{
    cli::{
        Json,
        client::{Client, NoAnswer},
        door::Doorstep,
        exit::Exit,
        failure::Failure,
        keys::key_file,
        password,
        terminal::{Terminal, plain},
        wait,
    },
    http::{
        auth::{SignInAnswerBody, SignInBody},
        second_factor::SecondFactorBody,
    },
};

/// `payoutd sign-in NAME`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd sign-in alice --url https://pay.example --out alice.token
  payoutd payouts list --url https://pay.example --token-file alice.token
  curl -H \"Authorization: Bearer $(payoutd sign-in alice --password-file alice.password)\" http://127.0.0.1:8080/v1/auth/me

The token is good for some minutes (identity.access_token_minutes). With --json the whole answer is printed, the refresh token in it.")]
pub struct Args {
    /// What you sign in with
    name: String,
    /// The file with the password, its first line, or - for stdin; asked for on a terminal, unless it is said
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The code of the second factor; it is good once. Asked for on a terminal, unless it is said
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Write the token into this file (mode 0600) in place of showing it; one that is there is replaced, if it holds a token
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    out: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    doorstep: Doorstep,
}

impl Args {
    /// Signs in.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        wait(self.sign_in(terminal))
    }

    async fn sign_in(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.doorstep.client()?;
        let password = password::read(terminal, self.password_file.as_deref(), "password: ")?;
        let shown = SignInBody { name: self.name, password: password.to_string() };
        let tokens = match ask(&client, "/v1/auth/sign-in", &shown).await? {
            SignInAnswerBody::Done(tokens) => *tokens,
            SignInAnswerBody::Wanted(wanted) => {
                let code = match &self.code {
                    Some(code) => code.clone(),
                    None => password::read_line(terminal, "code of the app, or a backup code: ")?.to_string(),
                };
                let shown = SecondFactorBody { interim_token: wanted.interim_token, code };
                ask(&client, "/v1/auth/second-factor", &shown).await?
            }
        };
        if self.json.json {
            terminal.json(&tokens)?;
            return Ok(Exit::Done);
        }
        match &self.out {
            None => terminal.line(&tokens.access_token)?,
            Some(file) => {
                write_token(file, &tokens.access_token)?;
                terminal.line(format_args!("wrote  {}", file.display()))?;
            }
        }
        let (name, role) = (plain(&tokens.user.name), &tokens.user.role);
        terminal.note(format_args!(
            "signed in as {name}, {role}; the token is good for {} minutes",
            tokens.expires_in / 60
        ));
        Ok(Exit::Done)
    }
}

/// Asks; a 401 is about what was just shown.
async fn ask<T: serde::de::DeserializeOwned>(
    client: &Client,
    path: &str,
    body: &impl serde::Serialize,
) -> Result<T, Failure> {
    client.post(path, Some(body)).await.map_err(|why| match why {
        NoAnswer::Refused(problem) if problem.status == 401 => Failure::new(
            Exit::NotPermitted,
            "the door does not let you in: name, password or code are not right",
        )
        .next("whoever runs the house sees in `payoutd users list` whether you are active"),
        why => why.into(),
    })
}

/// A file that holds a token is replaced; any other is left alone.
fn write_token(file: &Path, token: &str) -> Result<(), Failure> {
    if file.exists() {
        let old = password::first_line(file)?;
        if old.split('.').count() != 3 {
            let why = format_args!("{} is there, and holds no token", file.display()).to_string();
            return Err(Failure::new(Exit::CannotCreate, why).next("name another file"));
        }
        std::fs::remove_file(file).map_err(|error| {
            Failure::because(Exit::CannotCreate, format_args!("cannot replace {}", file.display()), &error)
        })?;
    }
    key_file::create(file, format!("{token}\n").as_bytes())
}
