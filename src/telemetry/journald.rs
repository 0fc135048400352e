//! The log as systemd's journal takes it: an entry with its priority and its fields, in the native protocol of systemd-journald
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>, systemd.journal-fields(7)).
//!
//! Promises: the text of an entry says everything, so that `journalctl -u payoutd` is enough by night; each field can be asked
//! for as well (`journalctl PAYOUTD_PAYOUT=…`), under names that can not be mistaken for journald's own, as `MESSAGE_ID` would be.
//! What the journal does not take goes to stderr, which is the journal's too. The crate tracing-journald keeps neither the first
//! nor the last of these. **Never here:** spans; payoutd has none.

use std::{
    fmt::{self, Write as _},
    io::{self, Write as _},
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::fstat;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// Where systemd-journald listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";
/// Under which name the entries stand, whatever the file of the program is called.
const IDENTIFIER: &str = "payoutd";
/// What stands before the name of a field.
const PREFIX: &str = "PAYOUTD_";
/// journald ignores a field whose name is longer.
const NAME_BYTES_MAX: usize = 64;
/// A longer value is cut, so that no entry is too long for one datagram.
const VALUE_BYTES_MAX: usize = 4 * 1024;
/// The same, for the text.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// A journal that is stuck must not hold up the house for longer.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// Whether stderr goes to the journal: systemd names the file that it has put there in `JOURNAL_STREAM` (systemd.exec(5)).
#[must_use]
pub fn stderr_is_the_journals() -> bool {
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    fstat(io::stderr()).is_ok_and(|stderr| named == format!("{}:{}", stderr.st_dev, stderr.st_ino))
}

/// The journal, as a layer of the log.
#[derive(Debug)]
pub struct Journald {
    socket: UnixDatagram,
    at: PathBuf,
}

impl Journald {
    /// The journal that listens at `at`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn at(at: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(TAKEN_WITHIN))?;
        // journald throws an empty entry away; where nobody listens this is an error.
        socket.send_to(&[], at)?;
        Ok(Self { socket, at: at.to_owned() })
    }
}

impl<S: Subscriber> Layer<S> for Journald {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let entry = Entry::of(event);
        // By its path each time: a journal that was started anew is found again.
        if self.socket.send_to(&entry.bytes(), &self.at).is_err() {
            // sd-daemon(3): a line's priority stands before it. When this does not work either, there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "<{}>{}", entry.priority, entry.text.replace('\n', " "));
        }
    }
}

/// One line of the log.
struct Entry {
    priority: char,
    target: String,
    place: Option<(&'static str, u32)>,
    text: String,
    fields: Vec<(String, String)>,
}

impl Entry {
    fn of(event: &Event<'_>) -> Self {
        let about = event.metadata();
        let mut entry = Self {
            priority: priority(*about.level()),
            target: about.target().to_owned(),
            place: about.file().zip(about.line()),
            text: String::new(),
            fields: Vec::new(),
        };
        let mut told = String::new();
        event.record(&mut Told { text: &mut entry.text, told: &mut told, fields: &mut entry.fields });
        entry.text.push_str(&told);
        entry
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, "MESSAGE", cut(&self.text, TEXT_BYTES_MAX));
        put(&mut bytes, "PRIORITY", &self.priority.to_string());
        put(&mut bytes, "SYSLOG_IDENTIFIER", IDENTIFIER);
        if let Some((file, line)) = self.place {
            put(&mut bytes, "CODE_FILE", file);
            put(&mut bytes, "CODE_LINE", &line.to_string());
        }
        put(&mut bytes, &name_of("target"), &self.target);
        for (name, value) in &self.fields {
            put(&mut bytes, &name_of(name), cut(value, VALUE_BYTES_MAX));
        }
        bytes
    }
}

/// syslog(3)'s numbers.
fn priority(level: Level) -> char {
    match level {
        Level::ERROR => '3',
        Level::WARN => '4',
        Level::INFO => '6',
        Level::DEBUG | Level::TRACE => '7',
    }
}

fn name_of(field: &str) -> String {
    let plain = |sign: char| if sign.is_ascii_alphanumeric() { sign.to_ascii_uppercase() } else { '_' };
    PREFIX.chars().chain(field.chars().map(plain)).take(NAME_BYTES_MAX).collect()
}

fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

/// A field with the length of its value: whatever stands in it, it ends where it ends.
fn put(bytes: &mut Vec<u8>, name: &str, value: &str) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    bytes.extend_from_slice(value.as_bytes());
    bytes.push(b'\n');
}

/// What an event says: its sentence, then its fields behind it and apart.
struct Told<'a> {
    text: &'a mut String,
    told: &'a mut String,
    fields: &'a mut Vec<(String, String)>,
}

impl Told<'_> {
    fn put(&mut self, field: &Field, shown: &str, value: String) {
        if field.name() == "message" {
            self.text.push_str(&value);
            return;
        }
        // A String takes whatever is written.
        let _ = write!(self.told, " {}={shown}", field.name());
        self.fields.push((field.name().to_owned(), value));
    }
}

impl Visit for Told<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, &format!("{value:?}"), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        self.put(field, &value.clone(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tracing_subscriber::{layer::SubscriberExt, registry};

    /// Says `what` to a journal of the test's own; the entries that came, field by field.
    fn heard(what: impl FnOnce()) -> Vec<BTreeMap<String, String>> {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("socket");
        let journal = UnixDatagram::bind(&at).unwrap();
        journal.set_nonblocking(true).unwrap();
        tracing::subscriber::with_default(registry().with(Journald::at(&at).unwrap()), what);
        let mut datagram = vec![0; 1 << 20];
        let mut entries = Vec::new();
        while let Ok(bytes) = journal.recv(&mut datagram) {
            entries.push(read(&datagram[..bytes]));
        }
        assert!(entries.remove(0).is_empty(), "the first one only asks whether somebody is there");
        entries
    }

    fn read(mut rest: &[u8]) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let name = String::from_utf8(rest[..end].to_vec()).unwrap();
            let (length, after) = rest[end + 1..].split_at(8);
            let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
            let value = String::from_utf8(after[..length].to_vec()).unwrap();
            assert_eq!(after[length], b'\n');
            assert_eq!(fields.insert(name, value), None, "a field stands twice");
            rest = &after[length + 1..];
        }
        fields
    }

    /// F001-40: the priority is mapped, the text says everything, and each field stands apart.
    #[test]
    fn an_entry_has_its_priority_and_its_fields() {
        let entries = heard(|| {
            tracing::warn!(payout = %"01930c5e", message_id = "inv 7", tries = 3, "it is sent again");
        });
        let [entry] = entries.as_slice() else { panic!("{entries:?}") };
        assert_eq!(entry["MESSAGE"], "it is sent again payout=01930c5e message_id=\"inv 7\" tries=3");
        assert_eq!((entry["PRIORITY"].as_str(), entry["SYSLOG_IDENTIFIER"].as_str()), ("4", "payoutd"));
        assert_eq!((entry["PAYOUTD_PAYOUT"].as_str(), entry["PAYOUTD_TRIES"].as_str()), ("01930c5e", "3"));
        // journald's own MESSAGE_ID is a catalogue's number.
        assert_eq!(entry["PAYOUTD_MESSAGE_ID"], "inv 7");
        assert!(!entry.contains_key("MESSAGE_ID"), "{entry:?}");
        assert!(entry["CODE_FILE"].ends_with("journald.rs"), "{entry:?}");
        assert_eq!(entry["PAYOUTD_TARGET"], "payoutd::telemetry::journald::tests");
    }

    #[test]
    fn every_level_is_a_priority_of_syslogs() {
        let entries = heard(|| {
            tracing::error!("e");
            tracing::warn!("w");
            tracing::info!("i");
            tracing::debug!("d");
            tracing::trace!("t");
        });
        let priorities: Vec<&str> = entries.iter().map(|entry| entry["PRIORITY"].as_str()).collect();
        assert_eq!(priorities, ["3", "4", "6", "7", "7"]);
    }

    /// A sender's own words can not make an entry, nor a field, of their own.
    #[test]
    fn words_of_strangers_stay_inside_of_their_field() {
        let evil = "a\nPRIORITY=0\nMESSAGE=all is well";
        let entries = heard(|| tracing::info!(detail = evil, display = %evil, "refused"));
        let [entry] = entries.as_slice() else { panic!("{entries:?}") };
        assert_eq!(entry["PRIORITY"], "6");
        assert_eq!((entry["PAYOUTD_DETAIL"].as_str(), entry["PAYOUTD_DISPLAY"].as_str()), (evil, evil));
    }

    #[test]
    fn what_is_too_long_is_cut_and_still_taken() {
        let long = "é".repeat(TEXT_BYTES_MAX);
        let entries = heard(|| tracing::info!(long, "so much"));
        // Cut between two letters, never within one.
        assert_eq!(entries[0]["PAYOUTD_LONG"].len(), VALUE_BYTES_MAX);
        assert_eq!(entries[0]["MESSAGE"].len(), TEXT_BYTES_MAX);
        assert_eq!(name_of(&"x".repeat(100)).len(), NAME_BYTES_MAX);
    }

    #[test]
    fn where_nobody_listens_there_is_no_journal() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Journald::at(&folder.path().join("socket")).is_err());
    }
}
