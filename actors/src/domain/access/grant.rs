//! How far a permission reaches. Each dimension is ordered, and a grant covers what is within it in every one of them.

use super::Permission;
use crate::domain::order::Route;

/// Whose things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// One's own account's.
    Own,
    /// Those of every account of one's node, too.
    Node,
    /// Everybody's.
    All,
}

impl Reach {
    /// Every reach, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Own, Self::Node, Self::All];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Node => "node",
            Self::All => "all",
        }
    }
}

/// How much of the house's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detail {
    /// Counts and readiness; nothing of the wallet, nothing of the limits.
    Limited,
    /// Everything.
    Full,
}

impl Detail {
    /// Every detail, the lesser first.
    pub const ALL: [Self; 2] = [Self::Limited, Self::Full];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Limited => "limited",
            Self::Full => "full",
        }
    }
}

/// A set of routes by which money may leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Routes(u8);

impl Routes {
    /// No route.
    pub const NONE: Self = Self(0);
    /// Every route.
    pub const ALL: Self = Self::NONE.and(Route::Transfer).and(Route::RouterV0).and(Route::RouterKyc);
    /// Every route that needs no compliance signature.
    pub const WITHOUT_KYC: Self = Self::NONE.and(Route::Transfer).and(Route::RouterV0);

    /// These, and one more.
    #[must_use]
    pub const fn and(self, route: Route) -> Self {
        Self(self.0 | Self::bit(route))
    }

    /// Whether a route is among them.
    #[must_use]
    pub const fn has(self, route: Route) -> bool {
        self.0 & Self::bit(route) != 0
    }

    /// Whether all of the others are among them.
    #[must_use]
    pub const fn cover(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn shared_with(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Route> {
        Route::ALL.into_iter().filter(move |route| self.has(*route))
    }

    const fn bit(route: Route) -> u8 {
        match route {
            Route::Transfer => 1,
            Route::RouterV0 => 2,
            Route::RouterKyc => 4,
        }
    }
}

/// A permission and how far it reaches. What a permission has no use for (the routes of a reader) covers everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grant {
    /// To do what.
    pub permission: Permission,
    /// To whose things.
    pub reach: Reach,
    /// With how much to see.
    pub detail: Detail,
    /// By which routes.
    pub routes: Routes,
    /// Whether many at once.
    pub batch: bool,
}

impl Grant {
    /// A permission without bounds.
    #[must_use]
    pub const fn whole(permission: Permission) -> Self {
        Self { permission, reach: Reach::All, detail: Detail::Full, routes: Routes::ALL, batch: true }
    }

    /// A permission at its least: to one's own things, with little to see, one at a time. What a route asks for begins with it.
    #[must_use]
    pub const fn least(permission: Permission) -> Self {
        Self { permission, reach: Reach::Own, detail: Detail::Limited, routes: Routes::NONE, batch: false }
    }

    /// The same, many at once.
    #[must_use]
    pub const fn many(self) -> Self {
        Self { batch: true, ..self }
    }

    /// The same, to the things of so many.
    #[must_use]
    pub const fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// The same, with so much to see.
    #[must_use]
    pub const fn showing(self, detail: Detail) -> Self {
        Self { detail, ..self }
    }

    /// The same, by these routes alone.
    #[must_use]
    pub const fn by(self, routes: Routes) -> Self {
        Self { routes, ..self }
    }

    /// The same, one at a time.
    #[must_use]
    pub const fn one_at_a_time(self) -> Self {
        Self { batch: false, ..self }
    }

    /// Whether all that the other lets somebody do is within this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.permission == other.permission
            && self.reach >= other.reach
            && self.detail >= other.detail
            && self.routes.cover(other.routes)
            && (self.batch || !other.batch)
    }

    /// What both let somebody do; `None` where they are about different permissions.
    #[must_use]
    pub fn shared_with(&self, other: &Self) -> Option<Self> {
        (self.permission == other.permission).then(|| Self {
            permission: self.permission,
            reach: self.reach.min(other.reach),
            detail: self.detail.min(other.detail),
            routes: self.routes.shared_with(other.routes),
            batch: self.batch && other.batch,
        })
    }
}

/// What somebody may do: at most one grant of each permission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl Grants {
    /// These grants. Of two for one permission the first counts: what is not asked for is never added.
    #[must_use]
    pub fn of(grants: impl IntoIterator<Item = Grant>) -> Self {
        let mut kept: Vec<Grant> = Vec::new();
        for grant in grants {
            if !kept.iter().any(|one| one.permission == grant.permission) {
                kept.push(grant);
            }
        }
        Self(kept)
    }

    /// The grant of a permission.
    #[must_use]
    pub fn get(&self, permission: Permission) -> Option<&Grant> {
        self.0.iter().find(|grant| grant.permission == permission)
    }

    /// Whether a permission is granted as far as is asked.
    #[must_use]
    pub fn allow(&self, asked: &Grant) -> bool {
        self.get(asked.permission).is_some_and(|grant| grant.covers(asked))
    }

    /// Whether all that the others let somebody do is within these.
    #[must_use]
    pub fn cover(&self, others: &Self) -> bool {
        others.iter().all(|other| self.allow(other))
    }

    /// What both sets let somebody do.
    #[must_use]
    pub fn shared_with(&self, others: &Self) -> Self {
        let shared = self
            .0
            .iter()
            .filter_map(|one| others.get(one.permission).and_then(|other| one.shared_with(other)));
        Self(shared.collect())
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }
}
