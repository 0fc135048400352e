//! What processes take of the machine, as Linux counts it.

use std::time::Duration;

/// A line of `/proc/self/status`, MB of a million bytes.
pub(crate) fn memory_mb(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kb: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kb * 1_024.0 / 1e6
}

/// Processor time of this process, all threads; Linux counts it in hundredths of a second.
pub(crate) fn processor_time() -> Duration {
    time_in(&std::fs::read_to_string("/proc/self/stat").unwrap())
}

/// Processor time of all processes of a name that run now, with what their children that have ended had.
pub(crate) fn processor_time_of(name: &str) -> Duration {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    stats.filter(|stat| stat.contains(&format!("({name})"))).map(|stat| time_in(&stat)).sum()
}

/// Processor time of the whole machine since it was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    /// In which something ran.
    pub(crate) busy: Duration,
    /// That there was, all processors together.
    pub(crate) all: Duration,
}

impl Machine {
    pub(crate) fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let ticks = stat.lines().next().unwrap().split_whitespace().skip(1);
        let ticks: Vec<u64> = ticks.map(|ticks| ticks.parse().unwrap()).collect();
        // The fourth and the fifth are idle; what the host takes counts as busy, for it is not there to be had.
        let (idle, all) = (ticks[3] + ticks[4], ticks[..8].iter().sum::<u64>());
        Self { busy: Duration::from_millis((all - idle) * 10), all: Duration::from_millis(all * 10) }
    }
}

fn time_in(stat: &str) -> Duration {
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let ticks: u64 = rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
