//! What can be permitted.

macro_rules! permissions {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal;)+) => {
        /// What a route, a job or a command asks for. The colon form is the only one (D-45).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its word, as problems, keys and the API's description name it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// What it lets somebody do, for the printed matrix.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

permissions! {
    /// Order payouts.
    PayoutCreate = "payout:create";
    /// Read payouts.
    PayoutRead = "payout:read";
    /// Call payouts off.
    PayoutCancel = "payout:cancel";
    /// Release, reject and resolve payouts, and ask the chain about them.
    PayoutOperate = "payout:operate";
    /// Read the house's numbers, its wallet and its actors.
    HouseRead = "house:read";
    /// Pause and resume.
    HousePause = "house:pause";
    /// Read the journal's key and checkpoint; with the reach `all`, what it says of anybody.
    AuditRead = "audit:read";
    /// Hear what happens, to every account's payouts.
    EventRead = "event:read";
    /// Make, list, rotate and revoke API keys of anybody.
    KeyAdmin = "key:admin";
    /// Invite people, list them, keep them out and change what they are.
    UserAdmin = "user:admin";
    /// Set spending limits, and take them back.
    LimitAdmin = "limit:admin";
}

impl Permission {
    /// The permission of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.word() == word)
    }
}
