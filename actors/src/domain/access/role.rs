//! The roles, and what each carries: the one table that the guards, the documents and `payoutd roles` are made from.

use super::{Detail, Grant, Grants, Permission, Reach, Routes};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What somebody is. Everybody has exactly one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the house: may do everything.
    Admin,
    /// Orders payouts for a node, many at once, on every route.
    NodeOperator,
    /// Orders payouts of their own, one at a time, on the routes without a compliance signature.
    EndUser,
    /// A program: may do what its key says, within this.
    Service,
    /// Decides about payouts that are held, and orders none.
    Approver,
    /// Reads everything, changes nothing.
    Auditor,
    /// Reads payouts and how the house is.
    Viewer,
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a role: the roles are admin, node_operator, end_user, service, approver, auditor and viewer"
)]
pub struct NoSuchRole(pub String);

impl Role {
    /// Every role, in the order of the printed matrix.
    pub const ALL: [Self; 7] = [
        Self::Admin,
        Self::NodeOperator,
        Self::EndUser,
        Self::Service,
        Self::Approver,
        Self::Auditor,
        Self::Viewer,
    ];

    /// Its word, the same in SQL, JSON, logs and on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::NodeOperator => "node_operator",
            Self::EndUser => "end_user",
            Self::Service => "service",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
        }
    }

    /// What it is for, in a sentence.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Admin => "runs the house: may do everything",
            Self::NodeOperator => "orders payouts for a node, many at once, on every route",
            Self::EndUser => {
                "orders payouts of their own, one at a time, on routes without a compliance signature"
            }
            Self::Service => "a program: may do what its key says, within this",
            Self::Approver => "decides about payouts that are held, and orders none",
            Self::Auditor => "reads everything, changes nothing",
            Self::Viewer => "reads payouts and how the house is",
        }
    }

    /// What it carries (F000-07). A service has nothing by its role: what its key names, within this (D-14).
    #[must_use]
    pub fn grants(self) -> Grants {
        use Permission::*;
        let whole = Grant::whole;
        match self {
            Self::Admin => Grants::of(Permission::ALL.iter().map(|permission| whole(*permission))),
            Self::NodeOperator => Grants::of([
                whole(PayoutCreate).reaching(Reach::Own),
                whole(PayoutRead).reaching(Reach::Node),
                whole(PayoutCancel).reaching(Reach::Node),
                whole(HouseRead).showing(Detail::Limited),
            ]),
            Self::EndUser => Grants::of([
                whole(PayoutCreate).reaching(Reach::Own).by(Routes::WITHOUT_KYC).one_at_a_time(),
                whole(PayoutRead).reaching(Reach::Own),
                whole(PayoutCancel).reaching(Reach::Own).one_at_a_time(),
            ]),
            Self::Service => Grants::of([
                whole(PayoutCreate).reaching(Reach::Own),
                whole(PayoutRead),
                whole(PayoutCancel).reaching(Reach::Node),
                whole(HouseRead),
                whole(EventRead),
                whole(AuditRead),
            ]),
            Self::Approver => Grants::of([
                whole(PayoutRead),
                whole(PayoutOperate),
                whole(HouseRead).showing(Detail::Limited),
            ]),
            Self::Auditor => {
                Grants::of([whole(PayoutRead), whole(HouseRead), whole(AuditRead), whole(EventRead)])
            }
            Self::Viewer => Grants::of([whole(PayoutRead), whole(HouseRead).showing(Detail::Limited)]),
        }
    }
}

impl std::str::FromStr for Role {
    type Err = NoSuchRole;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.word() == word).ok_or_else(|| NoSuchRole(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every question that can be asked.
    fn questions() -> Vec<Grant> {
        let routes = (0..8_u8).map(|bits| {
            let all = crate::domain::order::Route::ALL;
            let some = all.into_iter().enumerate().filter(|(place, _)| bits & (1 << place) != 0);
            some.fold(Routes::NONE, |routes, (_, route)| routes.and(route))
        });
        let routes: Vec<_> = routes.collect();
        let mut asked = Vec::new();
        for permission in Permission::ALL {
            for (reach, detail) in Reach::ALL.into_iter().flat_map(|r| Detail::ALL.map(|d| (r, d))) {
                for (routes, batch) in routes.iter().flat_map(|routes| [(*routes, true), (*routes, false)]) {
                    asked.push(Grant { permission: *permission, reach, detail, routes, batch });
                }
            }
        }
        asked
    }

    /// F000-07, D-15: an admin passes every cell.
    #[test]
    fn an_admin_passes_every_cell() {
        let admin = Role::Admin.grants();
        assert!(questions().iter().all(|asked| admin.allow(asked)));
    }

    /// F000-06: whoever is in no role may do nothing, and a service has a ceiling below an admin's.
    #[test]
    fn nobody_passes_none() {
        assert!(!questions().iter().any(|asked| Grants::default().allow(asked)));
        assert_eq!("root".parse::<Role>(), Err(NoSuchRole("root".to_owned())));
        assert!(Role::ALL.iter().all(|role| role.word().parse() == Ok(*role)));
        for forbidden in [Permission::HousePause, Permission::KeyAdmin, Permission::PayoutOperate] {
            assert_eq!(Role::Service.grants().get(forbidden), None, "{}", forbidden.word());
        }
    }

    /// Those who order do not decide, and those who decide do not order.
    #[test]
    fn whoever_approves_orders_nothing() {
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Admin) {
            let grants = role.grants();
            let both = grants.get(Permission::PayoutCreate).and(grants.get(Permission::PayoutOperate));
            assert_eq!(both, None, "{}", role.word());
        }
    }

    fn a_grant() -> impl Strategy<Value = Grant> {
        prop::sample::select(questions())
    }

    proptest! {
        /// F000-07: nobody gains by losing: without one of the grants, or with a narrower one, nothing becomes allowed.
        #[test]
        fn nobody_gains_by_losing_a_permission(
            role in prop::sample::select(Role::ALL.to_vec()), lost in 0_usize..16, narrower in a_grant(), asked in a_grant(),
        ) {
            let all = role.grants();
            let left = Grants::of(all.iter().enumerate().filter(|(place, _)| *place != lost).map(|(_, grant)| *grant));
            prop_assert!(all.allow(&asked) || !left.allow(&asked));
            let narrowed = all.shared_with(&Grants::of([narrower]));
            prop_assert!(all.allow(&asked) || !narrowed.allow(&asked));
            prop_assert!(Grants::of([narrower]).allow(&asked) || !narrowed.allow(&asked));
        }

        /// all ⊇ node ⊇ own, full ⊇ limited: whoever may more may less.
        #[test]
        fn whoever_may_more_may_less(role in prop::sample::select(Role::ALL.to_vec()), more in a_grant(), less in a_grant()) {
            let grants = role.grants();
            if more.covers(&less) && grants.allow(&more) {
                prop_assert!(grants.allow(&less));
            }
        }
    }
}
