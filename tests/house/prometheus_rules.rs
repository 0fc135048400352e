//! The fear: an alert that never fires because a name in it is wrong, a panel that stays empty, a runbook that is not there when
//! somebody is called by night.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use lapin::BasicProperties;
use payoutd::telemetry::names;
use payoutd_actors::metrics_names::Kind;
use serde_json::{Value, json};

use crate::kit::{amqp::Queues, daemon::Daemon, desk::Desk, door::Caller, network::Network};

const HERE: &str = env!("CARGO_MANIFEST_DIR");
/// Where a package puts what the runbooks are looked up in.
const DOCS: &str = "/usr/share/doc/payoutd/";
/// Prometheus has scraped twice long before this.
const SEEN_WITHIN: Duration = Duration::from_secs(120);

fn file(name: &str) -> PathBuf {
    Path::new(HERE).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap()
}

fn promtool(arguments: &[&str]) -> Output {
    let output = Command::new("promtool").args(arguments).current_dir(file("config/prometheus")).output();
    output.expect("install Prometheus, as tests/services does: promtool comes with it")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// The values of a key that stands on lines of its own in YAML.
fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    text.lines().filter_map(|line| line.trim_start().strip_prefix(key)).map(str::trim).collect()
}

fn alerts() -> Vec<String> {
    values(&read("config/prometheus/alerts.yml"), "- alert: ").into_iter().map(str::to_owned).collect()
}

/// F003-18, F-P27: the rules are rules, and every alert is shown to fire and to keep quiet.
#[test]
fn every_alert_fires_when_it_should_and_not_when_it_nearly_should() {
    let checked = promtool(&["check", "config", "prometheus.yml"]);
    assert!(checked.status.success(), "{}", told(&checked));
    let tested = promtool(&["test", "rules", "tests/alerts.yml"]);
    assert!(tested.status.success(), "{}", told(&tested));
    let tests = read("config/prometheus/tests/alerts.yml");
    let names: BTreeSet<&str> = values(&tests, "- name: ").into_iter().collect();
    for alert in alerts() {
        for ends in ["fires", "does not fire"] {
            assert!(names.contains(format!("{alert} {ends}").as_str()), "nobody shows that {alert} {ends}");
        }
    }
}

/// F001-36: whoever is called finds the page, and the place on it.
#[test]
fn every_alert_has_a_runbook_that_is_there() {
    let text = read("config/prometheus/alerts.yml");
    let runbooks = values(&text, "runbook_url: ");
    assert_eq!(runbooks.len(), alerts().len());
    for runbook in runbooks {
        let (page, anchor) = runbook.strip_prefix(DOCS).unwrap().split_once('#').unwrap();
        let anchors: Vec<String> =
            read(page).lines().filter(|line| line.starts_with("## ")).map(anchor_of).collect();
        assert!(
            anchors.iter().any(|there| there == anchor),
            "{page} has no place called {anchor}: {anchors:?}"
        );
    }
}

/// A heading's anchor, as Markdown is shown everywhere.
fn anchor_of(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'))
        .map(|sign| if sign == ' ' { '-' } else { sign })
        .collect()
}

/// The series that the daemon's metrics make.
fn series() -> BTreeSet<String> {
    let mut series = BTreeSet::from(["up".to_owned()]);
    for metric in names::all() {
        series.insert(metric.name.to_owned());
        if metric.kind == Kind::Histogram {
            series.extend(["bucket", "sum", "count"].map(|part| format!("{}_{part}", metric.name)));
        }
    }
    series
}

/// Words of an expression that name a series.
fn named(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, '_' | ':')));
    words
        .filter(|word| {
            word.starts_with("payoutd_") || word.starts_with("process_") || word.starts_with("job")
        })
        .filter(|word| {
            *word == word.trim_end_matches(':') && (!word.starts_with("job") || word.contains(':'))
        })
        .map(str::to_owned)
        .collect()
}

/// Each name in the rules, in their tests and on the dashboard is one that the daemon says, or one that a rule makes of them.
#[test]
fn rules_and_panels_know_only_what_the_daemon_says() {
    let mut there = series();
    there.extend(
        values(&read("config/prometheus/recording.yml"), "- record: ").into_iter().map(str::to_owned),
    );
    let mut looked_at = 0;
    for name in ["recording.yml", "alerts.yml", "tests/alerts.yml"] {
        let text = read(&format!("config/prometheus/{name}"));
        // Rules' groups and the scrape job are called payoutd as well; a series has an underscore or a colon in it.
        for word in named(&text) {
            assert!(there.contains(&word), "{name}: nobody says {word}");
            looked_at += 1;
        }
    }
    for (title, expression) in queries() {
        for word in named(&expression) {
            assert!(there.contains(&word), "{title}: nobody says {word}");
            looked_at += 1;
        }
    }
    assert!(looked_at > 60, "only {looked_at} names were found");
}

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&read("config/grafana/payoutd.json")).unwrap();
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row").cloned().collect()
}

/// Every query of the dashboard, with its panel's title.
fn queries() -> Vec<(String, String)> {
    let of = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().clone();
        targets.into_iter().map(move |target| (title.clone(), target["expr"].as_str().unwrap().to_owned()))
    };
    panels().iter().flat_map(of).collect()
}

#[test]
fn panels_do_not_share_an_id_or_a_place() {
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(places.insert(panel["gridPos"].to_string()), "{panel}");
    }
}

/// The text of `/metrics` of a house that works is as Prometheus wants it, each metric with its meaning.
async fn the_scrape_is_well_formed(daemon: &Daemon) {
    let text = daemon.caller.get("/metrics").await.text;
    let mut linter = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("install Prometheus, as tests/services does: promtool comes with it");
    linter.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = linter.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", told(&said));
    let known = series();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(known.contains(name), "{name} is said and stands in no table");
    }
}

/// One order over HTTP, and over RabbitMQ one that is paid and answered, and one that can not be.
async fn orders(n: usize, desk: &Desk, queues: &Queues, network: &Network) {
    desk.ends(0, &["payouts", "create", network.account(1), "1.5", "--key", &format!("panels-{n}")]);
    let properties = BasicProperties::default()
        .with_message_id(format!("panels-{n}-job").into())
        .with_reply_to("nobody.listens.here".into());
    let order = json!({ "recipient": network.account(2), "amount": "1.25" }).to_string();
    queues.publish(&queues.config.queue, order.as_bytes(), properties).await;
    queues.job(&format!("panels-{n}-bad"), &json!({ "recipient": "nobody", "amount": "1" })).await;
}

/// F-P27, F001-41: a real Prometheus scrapes a house that has paid, and every panel of the dashboard has something to show.
#[actix_rt::test]
async fn every_panel_shows_something_of_a_house_that_pays() {
    let (network, queues) = (Network::of_two_nodes(), Queues::names().await);
    let desk = Desk::beside_with(&network, &queues);
    let mut daemon = Daemon::open(&desk).await;
    daemon.consumes_jobs().await;
    orders(1, &desk, &queues, &network).await;
    daemon.until_stage("settled", 2).await;
    daemon
        .until("the dead job is seen", async |caller| says(caller, "queue_jobs{queue=\"dead\"} 1").await)
        .await;
    the_scrape_is_well_formed(&daemon).await;
    let (Ok(prometheus), Ok(targets)) =
        (env::var("PAYOUTD_TEST_PROMETHEUS_URL"), env::var("PAYOUTD_TEST_PROMETHEUS_TARGETS"))
    else {
        println!("not looked at by a real Prometheus: export $(tests/services env), or tests/run");
        return daemon.stop();
    };
    let target = Path::new(&targets).join(format!("panels-{}.json", std::process::id()));
    let instance = desk.door.to_string();
    fs::write(&target, json!([{ "targets": [instance] }]).to_string()).unwrap();
    // Rates want two scrapes with something between them.
    let began = Instant::now();
    let mut n = 2;
    for (title, expression) in queries() {
        let expression = expression.replace("$__rate_interval", "1m").replace("$instance", &instance);
        while !resolves(&prometheus, &expression).await {
            assert!(began.elapsed() < SEEN_WITHIN, "{title} stays empty: {expression}");
            daemon.must_live();
            orders(n, &desk, &queues, &network).await;
            n += 1;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    fs::remove_file(target).unwrap();
    daemon.stop();
}

/// Whether `/metrics` has this line of the broker's.
async fn says(caller: &Caller, line: &str) -> Option<()> {
    caller.get("/metrics").await.text.contains(&format!("payoutd_amqp_{line}\n")).then_some(())
}

async fn resolves(prometheus: &str, expression: &str) -> bool {
    // reqwest wants a provider even where nothing is encrypted; another test may have installed it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut url = reqwest::Url::parse(&format!("{prometheus}/api/v1/query")).unwrap();
    url.query_pairs_mut().append_pair("query", expression);
    let answer: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(answer["status"], "success", "{expression}: {answer}");
    let rows = answer["data"]["result"].as_array().unwrap();
    rows.iter().any(|row| row["value"][1].as_str().is_some_and(|value| value != "NaN"))
}
