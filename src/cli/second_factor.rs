//! `payoutd second-factor`: an app's one-time codes, set up with a picture on the terminal, shown again, given up.

use std::path::PathBuf;

use crate::{
    cli::{
        self, Json, door::Look, exit::Exit, failure::Failure, keys::key_file, password, sheet::Sheet,
        terminal::Terminal,
    },
    http::second_factor::{
        BackupCodesBody, CodeBody, EnrolmentBody, FactorStatusBody, GivingUpBody, PendingFactorBody,
        SteppedUpBody,
    },
    identity::second_factor::qr,
};

/// `payoutd second-factor …`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd second-factor enroll --url https://pay.example --token-file alice.token
  payoutd second-factor enroll --qr-png alice.png --url https://pay.example --token-file alice.token
  payoutd second-factor step-up --url https://pay.example --token-file alice.token --code 123456

The token is a person's, as `payoutd sign-in --out FILE` writes it.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Set a second factor up: a picture for the app, then its first code; ten backup codes are shown once
    Enroll(Enroll),
    /// Show a fresh code: for five minutes the session may do what is grave
    StepUp(WithCode),
    /// Make ten new backup codes; those that were there are good no more
    BackupCodes(WithCode),
    /// Give the second factor up
    Disable(Disable),
    /// Show how the second factor stands
    Status(Look),
}

#[derive(Debug, clap::Args)]
struct Enroll {
    /// The file with the password, its first line, or - for stdin; asked for on a terminal, unless it is said
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Write the picture into this new file, too (PNG, mode 0600); take it away when the app has read it: the secret is in it
    #[arg(long, value_name = "FILE")]
    qr_png: Option<PathBuf>,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Args)]
struct WithCode {
    /// The code of the app, or a backup code; asked for on a terminal, unless it is said
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    #[command(flatten)]
    look: Look,
}

#[derive(Debug, clap::Args)]
struct Disable {
    /// The file with the password, its first line, or - for stdin; asked for on a terminal, unless it is said
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    with: WithCode,
}

impl Args {
    /// Runs what was asked.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self.command {
            Command::Enroll(args) => cli::wait(args.run(terminal)),
            Command::StepUp(args) => cli::wait(args.step_up(terminal)),
            Command::BackupCodes(args) => cli::wait(args.backup_codes(terminal)),
            Command::Disable(args) => cli::wait(args.run(terminal)),
            Command::Status(args) => cli::wait(args.status(terminal)),
        }
    }
}

impl Enroll {
    async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.look.door.client()?;
        let password = password::read(terminal, self.password_file.as_deref(), "password: ")?;
        let wanted = EnrolmentBody { method: None, password: password.to_string() };
        let pending: PendingFactorBody = client.post("/v1/2fa/enroll", Some(&wanted)).await?;
        if let (Some(file), Some(picture)) = (&self.qr_png, qr::png(&pending.otpauth_uri)) {
            key_file::create(file, &picture)?;
            terminal.note(format_args!("wrote {}: the secret is in it", file.display()));
        }
        if let Some(picture) = qr::text(&pending.otpauth_uri) {
            terminal.note(picture);
        }
        terminal.note(format_args!("or type it into the app: {}", pending.secret));
        let code = password::read_line(terminal, "the first code of the app: ")?;
        let shown = CodeBody { code: code.to_string() };
        let codes: BackupCodesBody = client.post("/v1/2fa/verify", Some(&shown)).await?;
        terminal.note("it is asked for from now on; sign in anew");
        print(terminal, self.look.json, &codes)
    }
}

impl WithCode {
    fn code(&self, terminal: &Terminal) -> Result<String, Failure> {
        match &self.code {
            Some(code) => Ok(code.clone()),
            None => Ok(password::read_line(terminal, "code of the app, or a backup code: ")?.to_string()),
        }
    }

    async fn step_up(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.look.door.client()?;
        let shown = CodeBody { code: self.code(terminal)? };
        let fresh: SteppedUpBody = client.post("/v1/auth/step-up", Some(&shown)).await?;
        match self.look.json.json {
            true => terminal.json(&fresh)?,
            false => terminal.line(format_args!("fresh until {}", fresh.fresh_until))?,
        }
        Ok(Exit::Done)
    }

    async fn backup_codes(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.look.door.client()?;
        let shown = CodeBody { code: self.code(terminal)? };
        let codes: BackupCodesBody = client.post("/v1/2fa/backup-codes", Some(&shown)).await?;
        print(terminal, self.look.json, &codes)
    }
}

impl Disable {
    async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.with.look.door.client()?;
        let password = password::read(terminal, self.password_file.as_deref(), "password: ")?;
        let wanted = GivingUpBody { password: password.to_string(), code: self.with.code(terminal)? };
        client.act("/v1/2fa/disable", Some(&wanted)).await?;
        terminal.note("the password alone is asked for from now on; sign in anew");
        Ok(Exit::Done)
    }
}

impl Look {
    async fn status(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let status: FactorStatusBody = self.door.client()?.get("/v1/2fa/status", &[]).await?;
        if self.json.json {
            terminal.json(&status)?;
            return Ok(Exit::Done);
        }
        let mut sheet = Sheet::new(terminal);
        sheet.put("asked for", if status.enabled { "yes" } else { "no" });
        if let Some(at) = &status.enabled_at {
            sheet.put("since", at).put("backup codes", format_args!("{} left", status.backup_codes_left));
        }
        if let Some(until) = &status.pending_until {
            sheet.put("being set up", format_args!("its first code is waited for until {until}"));
        }
        sheet.print()?;
        Ok(Exit::Done)
    }
}

/// The one moment in which backup codes are there.
fn print(terminal: &Terminal, json: Json, codes: &BackupCodesBody) -> Result<Exit, Failure> {
    if json.json {
        terminal.json(codes)?;
        return Ok(Exit::Done);
    }
    for code in &codes.backup_codes {
        terminal.line(code)?;
    }
    terminal.note("these are shown once, and each is good once in the place of a code: print them");
    Ok(Exit::Done)
}
