//! `payoutd run` in a process of its own: started, waited for, stopped, killed.

use std::{
    fs::{File, OpenOptions},
    net::SocketAddr,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use reqwest::Method;

use super::{desk::Desk, door::Caller, network::terminate};

/// It opens, answers, settles and leaves long before this, however busy the machine is.
const WITHIN: Duration = Duration::from_secs(240);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How it leaves when something is away that may be back soon: `EX_UNAVAILABLE`, `EX_IOERR`, `EX_TEMPFAIL`.
const TEMPORARY: [i32; 3] = [69, 74, 75];
/// The last words of the log that a failed test shows, bytes.
const LOG_SHOWN: usize = 4_000;

/// The daemon of a desk.
pub(crate) struct Daemon {
    process: Child,
    log: PathBuf,
    /// Somebody with the token before its door.
    pub(crate) caller: Caller,
}

impl Daemon {
    /// Starts it; its door may still be shut.
    pub(crate) fn start(desk: &Desk) -> Self {
        Self::start_with(desk, &[])
    }

    /// Starts it with variables of somebody's, a service manager's for one.
    pub(crate) fn start_with(desk: &Desk, environment: &[(&str, &str)]) -> Self {
        let log = desk.path("daemon.log");
        let words: File = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_payoutd"))
            .args(["run", "--config"])
            .arg(desk.path("payoutd.toml"))
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(words)
            .spawn()
            .unwrap();
        Self { process, log, caller: Caller::at(desk.door) }
    }

    /// Starts it, and waits until its door is open.
    pub(crate) async fn open(desk: &Desk) -> Self {
        Self::open_with(desk, &[]).await
    }

    /// The same, with variables of somebody's.
    pub(crate) async fn open_with(desk: &Desk, environment: &[(&str, &str)]) -> Self {
        let mut daemon = Self::start_with(desk, environment);
        daemon.until("its door is open", async |caller| is_open(caller).await.then_some(())).await;
        daemon
    }

    /// Waits until jobs are consumed: its door opens earlier, and a queue that nobody has declared takes none.
    pub(crate) async fn consumes_jobs(&mut self) {
        self.until("jobs are consumed", async |caller| {
            let ready = caller.get("/readyz").await.json();
            (ready["components"]["amqp"]["status"] == "up").then_some(())
        })
        .await;
    }

    /// Waits for what `look` looks for; the daemon must live meanwhile.
    pub(crate) async fn until<T>(&mut self, what: &str, look: impl AsyncFn(&Caller) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            self.must_live();
            if let Some(found) = look(&self.caller).await {
                return found;
            }
            assert!(began.elapsed() < WITHIN, "never: {what}\n{}", self.last_words());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until so many payouts have come to this stage.
    pub(crate) async fn until_stage(&mut self, stage: &str, payouts: u64) {
        let what = format!("{payouts} payouts are {stage}");
        self.until(&what, async |caller| (payouts_at(caller, stage).await == payouts).then_some(())).await;
    }

    /// A daemon that ends by itself has failed its test.
    pub(crate) fn must_live(&mut self) {
        if let Some(ended) = self.process.try_wait().unwrap() {
            panic!("the daemon ended by itself: {ended}\n{}", self.last_words());
        }
    }

    /// Whether it has left because something that it needs was away: a service manager starts it again.
    pub(crate) fn wants_another_start(&mut self) -> bool {
        self.ended().is_some_and(|code| TEMPORARY.contains(&code))
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.process.try_wait().unwrap().and_then(|ended| ended.code())
    }

    /// SIGKILL: it does not get to say a word.
    pub(crate) fn kill(mut self) {
        self.must_live();
        self.process.kill().unwrap();
        let ended = self.process.wait().unwrap();
        assert_eq!(ended.signal(), Some(9), "{ended}\n{}", self.last_words());
    }

    /// SIGTERM, and it closes the house.
    pub(crate) fn stop(mut self) {
        self.must_live();
        terminate(&self.process);
        let ended = self.process.wait().unwrap();
        assert_eq!(ended.code(), Some(0), "{ended}\n{}", self.last_words());
    }

    /// SIGSTOP: it does nothing more, and does not know it.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// SIGCONT: it goes on as if no time had passed.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// SIGHUP: it reads again what may change.
    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let begin = log.len().saturating_sub(LOG_SHOWN);
        log.get(begin..).unwrap_or(&log).to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn is_open(caller: &Caller) -> bool {
    let sent = caller.request(Method::GET, "/readyz").send().await;
    sent.is_ok_and(|answer| answer.status().is_success())
}

async fn payouts_at(caller: &Caller, stage: &str) -> u64 {
    caller.get("/v1/stats").await.json()["stages"][stage]["payouts"].as_u64().unwrap()
}

/// A port of 127.0.0.1 at which a process can be started again and again. The ports that the system gives to outgoing connections
/// (from 32768 on) are left alone: one of the many other tests' could stand there while the process is down.
pub(crate) fn lasting_port() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 9_000).unwrap();
    loop {
        let port = 20_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
