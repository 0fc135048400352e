//! `payoutd roles`: who may do what, from the very table that the doors ask (F000-06).

use payoutd_actors::domain::access::{Detail, Grant, Permission, Role, Routes};
use serde::Serialize;

use super::{
    Json,
    exit::Exit,
    failure::Failure,
    table::{Rows, Side},
    terminal::Terminal,
};

/// `payoutd roles`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A cell says how far a permission reaches: own < node < all. Beside it stand the bounds that it has: routes, one at a time, limited numbers.
An API key is a service: it may do what is written on it, and never more than that row.

Examples:
  payoutd roles
  payoutd roles --json
  payoutd roles --markdown > docs/roles.md")]
pub struct Args {
    /// Print the page of the documentation
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    #[command(flatten)]
    json: Json,
}

/// A role, as scripts read it.
#[derive(Debug, Serialize)]
struct RoleBody {
    role: &'static str,
    about: &'static str,
    grants: Vec<GrantBody>,
}

/// What it may do.
#[derive(Debug, Serialize)]
struct GrantBody {
    permission: &'static str,
    reach: &'static str,
    detail: &'static str,
    routes: Vec<&'static str>,
    batch: bool,
}

impl Args {
    /// Prints the matrix.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match (self.json.json, self.markdown) {
            (true, _) => terminal.json(&Role::ALL.map(body_of))?,
            (_, true) => terminal.line(page().trim_end())?,
            _ => terminal.line(matrix(terminal))?,
        }
        Ok(Exit::Done)
    }
}

fn body_of(role: Role) -> RoleBody {
    let grants = role.grants();
    let grants = grants.iter().map(|grant| GrantBody {
        permission: grant.permission.word(),
        reach: grant.reach.word(),
        detail: grant.detail.word(),
        routes: grant.routes.iter().map(|route| route.word()).collect(),
        batch: grant.batch,
    });
    RoleBody { role: role.word(), about: role.about(), grants: grants.collect() }
}

fn matrix(terminal: &Terminal) -> Rows {
    let [a, b, c, d, e, f, g] = Role::ALL.map(Role::word).map(|word| (word, Side::Left));
    let mut rows = Rows::new(terminal, [("", Side::Left), a, b, c, d, e, f, g]);
    for permission in Permission::ALL {
        let [a, b, c, d, e, f, g] = Role::ALL.map(|role| (cell(role, *permission), None));
        rows.push([(permission.word().to_owned(), None), a, b, c, d, e, f, g]);
    }
    rows
}

/// How far a role's permission reaches, with its bounds; nothing where it has none.
fn cell(role: Role, permission: Permission) -> String {
    let grants = role.grants();
    let Some(grant) = grants.get(permission) else { return String::new() };
    let mut words = vec![grant.reach.word().to_owned()];
    let whole = Grant::whole(permission);
    if grant.routes != whole.routes && grant.routes != Routes::NONE {
        words.push(grant.routes.iter().map(|route| route.word()).collect::<Vec<_>>().join("/"));
    }
    if !grant.batch && permission == Permission::PayoutCreate {
        words.push("single".to_owned());
    }
    if grant.detail == Detail::Limited {
        words.push("limited".to_owned());
    }
    words.join(", ")
}

/// The page `docs/roles.md`.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(PREFACE);
    for role in Role::ALL {
        page.push_str(&format!("| `{}` | {} |\n", role.word(), role.about()));
    }
    page.push_str("\n## Who may do what\n\n| permission |");
    page.extend(Role::ALL.map(|role| format!(" {} |", role.word())));
    page.push_str(&format!("\n|---|{}\n", "---|".repeat(Role::ALL.len())));
    for permission in Permission::ALL {
        page.push_str(&format!("| `{}` |", permission.word()));
        page.extend(Role::ALL.map(|role| format!(" {} |", cell(role, *permission))));
        page.push('\n');
    }
    page.push_str("\n## What the permissions are\n\n| permission | what it lets somebody do |\n|---|---|\n");
    for permission in Permission::ALL {
        page.push_str(&format!("| `{}` | {} |\n", permission.word(), permission.about()));
    }
    page
}

const PREFACE: &str = "\
# Roles

Printed by `payoutd roles --markdown` from the table that the doors ask; a test compares.

Everything is refused that is not granted. A cell says how far a permission reaches: `own` is one's own account, `node` every account of
one's node, `all` everybody's; who may do it to all may do it to their own. Beside it stand the bounds that it has.

An API key is a `service`: it may do what is written on it, and never more than that column. The token of `http.token_file` is an
`admin`. People who sign in have
any other role, as it stands in the house's books and not in their token. Which accounts are of one node is said with
`payoutd nodes assign`; an account is of one at most, and while it is of none `node` reaches as far as `own`.

| role | what it is |
|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    /// F000-06: what is documented is what is asked. `PAYOUTD_WRITE_DOCS=1 cargo test the_documented_matrix` writes it anew.
    #[test]
    fn the_documented_matrix_is_the_one_that_the_doors_ask() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/roles.md");
        if std::env::var_os("PAYOUTD_WRITE_DOCS").is_some() {
            std::fs::write(file, page()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(file).unwrap(), page(), "docs/roles.md is out of date");
        assert!(
            page()
                .contains("| `payout:create` | all | own | own, transfer/router_v0, single | own |  |  |  |")
        );
    }
}
