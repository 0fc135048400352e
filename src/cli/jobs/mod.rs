//! `payoutd jobs dead`: the jobs that could not be done: look at them, and decide. A client of the API.

use super::{
    Json,
    client::Client,
    door::Look,
    exit::Exit,
    failure::Failure,
    sheet::Sheet,
    table::{Rows, Side},
    terminal::{Ink, Terminal, plain},
};
use crate::{amqp::dead_queue::DeadJobBody, http::dead_jobs::DeadJobsBody};

const DEAD: &str = "/v1/admin/jobs/dead";
/// So much of a reason fits into a line of the list.
const WHY_CHARS_MAX: usize = 90;

/// `payoutd jobs …`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The jobs that could not be done
    #[command(subcommand)]
    Dead(Dead),
}

#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
ID is the id of the list, or the job's message_id (of several with the same, the oldest is meant).
A requeued job keeps its key: what the key paid already is not paid again. Requeueing and discarding stand in the journal.

Examples:
  payoutd jobs dead list
  payoutd jobs dead explain inv-7
  payoutd jobs dead requeue 3f2a9c0d11e47b60")]
enum Dead {
    /// List them, the oldest first
    List(Look),
    /// Say why one lies there and what to do, with its body
    Explain(Which),
    /// Put one back to the jobs, under the same key
    Requeue(Which),
    /// Throw one away
    Discard(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The job's id or message_id
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    look: Look,
}

impl Args {
    /// Runs the command.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let Command::Dead(command) = self.command;
        super::wait(async {
            match command {
                Dead::List(look) => list(terminal, look).await,
                Dead::Explain(which) => {
                    let job = which.look.door.client()?.get(&path_of(&which.id, ""), &[]).await?;
                    tell(terminal, which.look.json, &job, sheet)
                }
                Dead::Requeue(which) => decide(terminal, which, "/requeue", "is back with the jobs").await,
                Dead::Discard(which) => decide(terminal, which, "/discard", "is discarded").await,
            }
        })
    }
}

async fn list(terminal: &Terminal, look: Look) -> Result<Exit, Failure> {
    let client: Client = look.door.client()?;
    let dead: DeadJobsBody = client.get(DEAD, &[]).await?;
    tell(terminal, look.json, &dead, table)
}

async fn decide(terminal: &Terminal, which: Which, verb: &str, done: &str) -> Result<Exit, Failure> {
    let client = which.look.door.client()?;
    let job: DeadJobBody = client.post(&path_of(&which.id, verb), None::<&()>).await?;
    tell(terminal, which.look.json, &job, |terminal, job| {
        let called = job.message_id.as_deref().unwrap_or(&job.id);
        terminal.line(format!("{} {done}", plain(called)))
    })
}

fn tell<T: serde::Serialize>(
    terminal: &Terminal,
    json: Json,
    told: &T,
    to_a_person: impl FnOnce(&Terminal, &T) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    match json.json {
        true => terminal.json(told)?,
        false => to_a_person(terminal, told)?,
    }
    Ok(Exit::Done)
}

fn table(terminal: &Terminal, dead: &DeadJobsBody) -> Result<(), Failure> {
    if dead.jobs.is_empty() {
        terminal.note("no dead jobs");
        return Ok(());
    }
    let columns =
        [("id", Side::Left), ("message_id", Side::Left), ("since", Side::Left), ("why", Side::Left)];
    let mut rows = Rows::new(terminal, columns);
    for job in &dead.jobs {
        let since = job.dead_at.as_deref().and_then(|at| at.get(..19)).unwrap_or_default();
        rows.push([
            (job.id.clone(), None),
            (plain(job.message_id.as_deref().unwrap_or_default()), None),
            (since.to_owned(), None),
            (plain(&job.why).chars().take(WHY_CHARS_MAX).collect(), Some(Ink::Care)),
        ]);
    }
    terminal.line(rows)?;
    if dead.more {
        terminal.note("there are more: requeue or discard some to see further");
    }
    Ok(())
}

fn sheet(terminal: &Terminal, job: &DeadJobBody) -> Result<(), Failure> {
    let mut sheet = Sheet::new(terminal);
    sheet.put("id", &job.id);
    if let Some(message_id) = &job.message_id {
        sheet.put("message_id", plain(message_id));
    }
    if let Some(dead_at) = &job.dead_at {
        sheet.put("since", dead_at);
    }
    sheet.put("why", plain(&job.why));
    for mistake in job.problem.iter().flat_map(|problem| &problem.errors) {
        sheet.more(plain(&mistake.to_string()));
    }
    for death in &job.deaths {
        sheet.put("broker", format_args!("{} in {}, {} times", death.reason, death.queue, death.count));
    }
    sheet.put("advice", &job.advice).put("bytes", job.body_bytes);
    if let Some(body) = &job.body {
        sheet.put("body", plain(body));
    }
    sheet.print()
}

/// The path of a dead job: whatever a sender called it.
fn path_of(id: &str, verb: &str) -> String {
    let mut path = format!("{DEAD}/");
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                path.push(char::from(byte))
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path + verb
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn whatever_a_sender_calls_a_job_is_one_step_of_the_path() {
        assert_eq!(path_of("inv-7.a", "/requeue"), "/v1/admin/jobs/dead/inv-7.a/requeue");
        assert_eq!(path_of("a/b?c#d é", ""), "/v1/admin/jobs/dead/a%2Fb%3Fc%23d%20%C3%A9");
    }
}
