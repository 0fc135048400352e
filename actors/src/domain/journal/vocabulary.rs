//! The journal's words: what each kind of row says, how grave it is, and which words of the requirements it stands for (F000-13,
//! F004-29). `docs/audit.md` is printed from here; tests hold it against what is written anywhere in the program.

use std::fmt::Write as _;

/// How grave a row is (F004-27). It follows from the row's kind alone and is nowhere stored: what is graver than it was thought to be is so
/// for every row that was ever written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Info,
    /// Somebody should look at it by day.
    Warning,
    /// Somebody must hear of it.
    Critical,
}

impl Severity {
    /// Every one, the gravest last.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The severity of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.word() == word)
    }

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One kind of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindLine {
    /// Its word.
    pub word: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// Whether it tells of somebody who tries what they should not.
    pub suspicious: bool,
    /// What it says.
    pub says: &'static str,
}

macro_rules! kinds {
    ($($severity:ident $suspicious:literal $word:literal $says:literal;)+) => {
        /// Every kind that is written.
        pub static KINDS: &[KindLine] = &[$(KindLine {
            word: $word, severity: Severity::$severity, suspicious: $suspicious, says: $says,
        },)+];
    };
}

kinds! {
    Info     false "payout_admitted"       "an order was taken in";
    Warning  false "payout_held"           "it waits for a person, for room or for money";
    Info     false "hold_released"         "it goes on";
    Warning  false "payout_rejected"       "a person has refused it";
    Info     false "payout_cancelled"      "its sender, or whoever runs their node or the house, has called it off; or its time was over";
    Info     false "transfer_signed"       "its transfer is signed and on file";
    Warning  false "transfer_adopted"      "a transfer of it was found on the chain that this store did not know";
    Info     false "transfer_broadcast"    "a node has taken the transfer";
    Info     false "transfer_included"     "it stands in a block";
    Warning  false "inclusion_lost"        "its block is gone again";
    Warning  false "fate_unknown"          "what became of it is not known";
    Warning  false "transfer_expired"      "it is proved absent: it will never be executed";
    Info     false "payout_settled"        "it is paid, and proved";
    Warning  false "transfer_failed"       "it stands on the chain and moved nothing";
    Critical false "transfer_mismatched"   "it moved something else than was ordered";
    Warning  false "mismatch_resolved"     "a person has decided about that";
    Warning  false "house_paused"          "the kill switch is pulled";
    Warning  false "house_resumed"         "it is let go";
    Info     false "genesis_pinned"        "the chain on which this store pays";
    Info     false "store_born"            "the block at which this store began";
    Critical false "restore_noticed"       "this store is an older copy: nothing is signed";
    Warning  false "restore_gate_passed"   "the chain has told what was paid since; signing goes on";
    Warning  false "job_requeued"          "a person has sent a dead job back";
    Warning  false "job_discarded"         "a person has thrown a dead job away";
    Warning  true  "rate_limit_exceeded"   "somebody asked more often than they may: a record a minute, with how often";
    Warning  true  "authentication_failed" "a credential was not believed, or none was shown: a record a minute, with how often";
    Warning  true  "authorization_denied"  "somebody wanted what they may not have: a record a minute, with how often";
    Critical true  "suspicious_activity"   "what nobody does by mistake: a request that came before, a key from outside its networks";
    Warning  false "api_key_added"         "an API key was made";
    Warning  false "api_key_updated"       "it was given a successor";
    Warning  false "api_key_deleted"       "it was revoked";
    Warning  false "user_invited"          "a place was made for a person";
    Warning  false "user_imported"         "a person came from another house, with a password hash";
    Info     false "user_joined"           "they have chosen a password";
    Warning  false "password_changed"      "they have chosen another";
    Warning  false "user_disabled"         "a person is kept out";
    Warning  false "user_enabled"          "and let in again";
    Warning  false "user_linked"           "an issuer elsewhere may say that it is them";
    Warning  false "user_unlinked"         "and may not any more";
    Warning  false "user_role_changed"     "they may do something else from now on; the old role stands beside the new";
    Warning  false "account_node_changed"  "an account is of another node from now on, or of none; the old node stands beside the new";
    Info     false "login_success"         "a person has signed in";
    Warning  true  "login_failed"          "a person's secret was wrong, or there is no such person";
    Info     false "logout"                "a person has signed out";
    Critical true  "token_reuse"           "a refresh token came twice: somebody has a copy, and the sign-in is over";
    Info     false "gateway_request"       "a gateway has brought a person's request by which money moves, or does not move any more";
    Info     false "mfa_enrolling"         "a person has begun to take a second factor";
    Warning  false "mfa_enabled"           "and has it";
    Info     false "mfa_verified"          "a code of it was right";
    Warning  true  "mfa_failed"            "a code of it was wrong, or came twice";
    Critical true  "mfa_guessed"           "three codes were wrong within five minutes: somebody has the password, or a session";
    Warning  false "mfa_disabled"          "it is gone";
    Warning  false "mfa_backup_codes_renewed" "new backup codes; the old ones open nothing";
    Warning  false "limit_changed"         "somebody has set a spending limit or taken it back; the old limits stand beside the new";
    Warning  false "limit_expired"         "a spending limit has passed away: what held before holds again";
    Warning  false "tokens_revoked"        "tokens are not believed any more";
    Critical false "alarm_journal_broken"  "the last rows are not what was written";
    Critical false "alarm_twice_in_chain"  "a transaction stands in two blocks";
    Critical false "alarm_buried_transfer_executed" "a transfer that was proved dead was executed";
    Critical true  "alarm_stranger_transfer" "something left the wallet that no payout ordered";
    Critical true  "alarm_transfer_padded" "somebody changed our transaction on its way";
    Critical false "alarm_mismatched"      "executed, but not what was ordered";
    Critical true  "alarm_sources_disagree" "two sources tell different stories";
    Critical true  "alarm_doctored_block"  "a node shows a block that does not prove itself";
    Warning  false "alarm_node_put_aside"  "a node lies, hangs or stands still: another one is read";
    Critical false "alarm_foreign_chain"   "a node is on another chain";
}

/// Kinds of rows by their words, for whoever looks for some of them where the rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kinds {
    /// These alone.
    Only(Vec<&'static str>),
    /// All but these: also those that this program does not know.
    AllBut(Vec<&'static str>),
}

impl Kinds {
    /// All of them.
    pub const ALL: Self = Self::AllBut(Vec::new());

    /// Those of which it is so, by how grave they are and by whether they are suspicious. What this program does not know is a warning, and
    /// not suspicious.
    #[must_use]
    pub fn which(fits: impl Fn(Severity, bool) -> bool) -> Self {
        let words = |wanted: bool| {
            let lines = KINDS.iter().filter(|line| fits(line.severity, line.suspicious) == wanted);
            lines.map(|line| line.word).collect()
        };
        match fits(OF_AN_UNKNOWN_KIND, false) {
            true => Self::AllBut(words(false)),
            false => Self::Only(words(true)),
        }
    }

    /// Whether a kind is one of them.
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        match self {
            Self::Only(words) => words.contains(&kind),
            Self::AllBut(words) => !words.contains(&kind),
        }
    }
}

/// How a word of the requirements is told here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// By these kinds.
    As(&'static [&'static str]),
    /// By the log and the metrics, because a row for each would drown the rest.
    InTheLog(&'static str),
    /// Not yet: what would have to happen can not happen here so far.
    NotYet(&'static str),
    /// Never: it is not what this house does.
    NotApplicable(&'static str),
}

/// Every word of the requirements, and how it is told.
pub static SOURCES: &[(&str, Told)] = &[
    ("payout_create", Told::As(&["payout_admitted"])),
    (
        "payout_update",
        Told::As(&[
            "payout_held",
            "hold_released",
            "payout_rejected",
            "payout_cancelled",
            "mismatch_resolved",
        ]),
    ),
    ("payout_read", Told::InTheLog("action=payout_read, with the request's id")),
    ("batch_create", Told::As(&["payout_admitted"])),
    ("circuit_breaker_open", Told::InTheLog("payoutd_breaker_transitions_total, and a line")),
    ("authentication_failed", Told::As(&["authentication_failed"])),
    ("authorization_denied", Told::As(&["authorization_denied"])),
    ("LOGIN_SUCCESS", Told::As(&["login_success"])),
    ("LOGIN_FAILED", Told::As(&["login_failed"])),
    ("LOGOUT", Told::As(&["logout"])),
    ("MFA_ENABLED", Told::As(&["mfa_enabled"])),
    ("MFA_DISABLED", Told::As(&["mfa_disabled"])),
    ("MFA_VERIFIED", Told::As(&["mfa_verified"])),
    ("MFA_FAILED", Told::As(&["mfa_failed"])),
    ("API_KEY_ADDED", Told::As(&["api_key_added"])),
    ("API_KEY_UPDATED", Told::As(&["api_key_updated"])),
    ("API_KEY_DELETED", Told::As(&["api_key_deleted"])),
    ("PASSWORD_CHANGED", Told::As(&["password_changed", "user_joined"])),
    ("EMAIL_CHANGED", Told::NotYet("a person's name is theirs for good")),
    ("PAYMENT_SUBMITTED", Told::As(&["payout_admitted"])),
    ("PAYMENT_APPROVED", Told::As(&["hold_released"])),
    ("PAYMENT_REJECTED", Told::As(&["payout_rejected"])),
    (
        "SUBSCRIPTION_STARTED",
        Told::NotApplicable("nothing is subscribed to; a key's tier stands in api_key_added"),
    ),
    ("SUBSCRIPTION_CANCELLED", Told::NotApplicable("nothing is subscribed to")),
    ("TRADE_EXECUTED", Told::NotApplicable("nothing is traded")),
    ("POSITION_CLOSED", Told::NotApplicable("nothing is traded")),
    ("WITHDRAWAL_REQUESTED", Told::As(&["payout_admitted"])),
    ("WITHDRAWAL_COMPLETED", Told::As(&["payout_settled"])),
    (
        "ADMIN_ACTION",
        Told::As(&[
            "house_paused",
            "house_resumed",
            "job_requeued",
            "job_discarded",
            "user_invited",
            "user_disabled",
            "user_enabled",
            "user_role_changed",
            "account_node_changed",
            "limit_changed",
        ]),
    ),
    ("SETTINGS_CHANGED", Told::As(&["limit_changed", "limit_expired"])),
    ("SUSPICIOUS_ACTIVITY", Told::As(&["suspicious_activity", "token_reuse"])),
    ("RATE_LIMIT_EXCEEDED", Told::As(&["rate_limit_exceeded"])),
];

/// The line of a kind; `None` for a word that no row of this program bears.
#[must_use]
pub fn kind_line(kind: &str) -> Option<&'static KindLine> {
    KINDS.iter().find(|line| line.word == kind)
}

/// How grave what this program does not know is: it is graver than it may look.
const OF_AN_UNKNOWN_KIND: Severity = Severity::Warning;

/// How grave a row of a kind is.
#[must_use]
pub fn severity_of(kind: &str) -> Severity {
    kind_line(kind).map_or(OF_AN_UNKNOWN_KIND, |line| line.severity)
}

/// `docs/audit.md`.
#[must_use]
pub fn vocabulary_page() -> String {
    let mut page = String::from(PREFACE);
    for KindLine { word, severity, suspicious, says } in KINDS {
        let mark = if *suspicious { " · suspicious" } else { "" };
        // Writing to a text does not fail.
        let _ = writeln!(page, "| `{word}` | {}{mark} | {says} |", severity.word());
    }
    page.push_str(SOURCES_PREFACE);
    for (source, told) in SOURCES {
        let told = match told {
            Told::As(kinds) => kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", "),
            Told::InTheLog(how) => format!("in the log: {how}"),
            Told::NotYet(why) => format!("not yet: {why}"),
            Told::NotApplicable(why) => format!("not applicable: {why}"),
        };
        let _ = writeln!(page, "| `{source}` | {told} |");
    }
    page
}

const PREFACE: &str = "\
# What the journal says

Written from the table in the program (`actors/src/domain/journal/vocabulary.rs`); a test compares, and holds the table against every
word that is written anywhere.

How grave a record is follows from its kind and is not stored, so that it says the same of every record that was ever written; a kind
that this program does not know is a warning. `GET /v1/audit/records?severity=warning` and `payoutd audit list --severity warning` show
what is at least so grave.

Refusals at the doors are gathered by the minute: a record says who (a principal by name, a stranger by address), what they wanted, why
not, how often, since when, and the first request's id and trace. A flood of them is 65 records a minute at most and no more. No credential, no
password and no e-mail address is ever in a row.

| kind | severity | what it says |
|---|---|---|
";

const SOURCES_PREFACE: &str = "
## By other names

Whoever looks for the words of the requirements finds them as:

| word | here |
|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{payout::EventName, refusals::RefusalKind};
    use std::collections::BTreeSet;

    /// F000-13, F004-29: every kept word is told by kinds that are written; every word of the life cycle and of the doors is known.
    #[test]
    fn every_word_is_known_and_stands_once() {
        let words: BTreeSet<_> = KINDS.iter().map(|line| line.word).collect();
        assert_eq!(words.len(), KINDS.len());
        let written =
            EventName::ALL.map(EventName::word).into_iter().chain(RefusalKind::ALL.map(RefusalKind::word));
        for word in written {
            assert!(words.contains(word), "{word}");
        }
        let sources: BTreeSet<_> = SOURCES.iter().map(|(source, _)| source).collect();
        assert_eq!(sources.len(), SOURCES.len());
        for (source, told) in SOURCES {
            if let Told::As(kinds) = told {
                assert!(
                    !kinds.is_empty() && kinds.iter().all(|kind| words.contains(kind)),
                    "{source}: {told:?}"
                );
            }
        }
        for kept in ["payout_create", "payout_update", "payout_read", "batch_create", "circuit_breaker_open"]
        {
            assert!(sources.contains(&kept), "{kept}");
        }
    }

    /// F004-27: three severities, each with its word, in their order.
    #[test]
    fn severities_are_three_and_a_word_is_one_of_them_or_none() {
        assert_eq!(Severity::ALL.map(Severity::word), ["info", "warning", "critical"]);
        assert!(Severity::ALL.is_sorted());
        for severity in Severity::ALL {
            assert_eq!(Severity::from_word(severity.word()), Some(severity));
            assert!(KINDS.iter().any(|line| line.severity == severity));
        }
        assert_eq!((Severity::from_word("grave"), Severity::from_word("Info")), (None, None));
    }

    #[test]
    fn whoever_must_hear_of_something_hears_of_money_and_of_lies() {
        for critical in
            ["alarm_stranger_transfer", "restore_noticed", "suspicious_activity", "transfer_mismatched"]
        {
            assert_eq!(severity_of(critical), Severity::Critical, "{critical}");
        }
        assert_eq!(severity_of("payout_settled"), Severity::Info);
        assert_eq!(severity_of("of_a_newer_payoutd"), Severity::Warning);
    }

    /// F004-30: a set of kinds says of each word what the word's own line says, and of a word of a newer payoutd too.
    #[test]
    fn a_set_of_kinds_has_those_of_which_it_is_so() {
        type Fits = fn(Severity, bool) -> bool;
        let sets: [Fits; 5] = [
            |_, _| true,
            |severity, _| severity >= Severity::Warning,
            |severity, _| severity == Severity::Critical,
            |_, suspicious| suspicious,
            |severity, suspicious| suspicious && severity == Severity::Warning,
        ];
        for fits in sets {
            let kinds = Kinds::which(fits);
            for word in KINDS.iter().map(|line| line.word).chain(["of_a_newer_payoutd"]) {
                let suspicious = kind_line(word).is_some_and(|line| line.suspicious);
                assert_eq!(kinds.has(word), fits(severity_of(word), suspicious), "{word}: {kinds:?}");
            }
        }
        assert_eq!(Kinds::which(|_, _| true), Kinds::ALL);
    }
}
