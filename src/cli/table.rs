//! Tables for people: aligned columns, no frame, no colour away from a terminal. Scripts use `--json`.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, TableStyle};

use super::terminal::{Ink, Terminal};

/// A table that is filled row by row and printed once.
pub struct Rows {
    table: Table,
    colour: bool,
}

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers, so that their places line up.
    Right,
}

impl Rows {
    /// A table with these headings; each column stands left or right.
    #[must_use]
    pub fn new<const N: usize>(terminal: &Terminal, headings: [(&str, Side); N]) -> Self {
        let mut table = Table::new();
        table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
        let colour = terminal.has_colour();
        table.set_header(headings.iter().map(|(heading, side)| {
            let cell = Cell::new(heading).set_alignment(alignment(*side));
            if colour { cell.add_attribute(Attribute::Bold) } else { cell }
        }));
        for (column, (_, side)) in table.column_iter_mut().zip(headings) {
            column.set_cell_alignment(alignment(side));
            column.set_padding((0, 2));
        }
        if colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        Self { table, colour }
    }

    /// A row: text, and the colour of its meaning where it has one.
    pub fn push<const N: usize>(&mut self, cells: [(String, Option<Ink>); N]) {
        let colour = self.colour;
        self.table.add_row(cells.map(|(text, ink)| {
            let cell = Cell::new(text);
            match ink {
                Some(ink) if colour => painted(cell, ink),
                _ => cell,
            }
        }));
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.row_count()
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.table.to_string();
        let mut lines = text.lines().map(str::trim_end).peekable();
        while let Some(line) = lines.next() {
            f.write_str(line)?;
            if lines.peek().is_some() {
                f.write_str("\n")?;
            }
        }
        Ok(())
    }
}

/// Amounts as they stand in a right-hand column, their points one below the other: `10.1` below `10.01` gets a blank.
pub fn at_the_point<'a>(amounts: impl Iterator<Item = &'a str> + Clone) -> impl Iterator<Item = String> {
    let behind = |amount: &str| amount.split_once('.').map_or(0, |(_, places)| places.len() + 1);
    let most = amounts.clone().map(behind).max().unwrap_or(0);
    amounts
        .map(move |amount| format!("{amount}{}", " ".repeat(most - behind(amount))))
        .collect::<Vec<_>>()
        .into_iter()
}

fn alignment(side: Side) -> CellAlignment {
    match side {
        Side::Left => CellAlignment::Left,
        Side::Right => CellAlignment::Right,
    }
}

fn painted(cell: Cell, ink: Ink) -> Cell {
    match ink {
        Ink::Good => cell.fg(Color::Green),
        Ink::Care => cell.fg(Color::Yellow),
        Ink::Bad => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        Ink::Faint => cell.add_attribute(Attribute::Dim),
        Ink::Strong => cell.add_attribute(Attribute::Bold),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::Colour;

    #[test]
    fn columns_line_up_and_carry_no_colour_into_a_pipe() {
        let terminal = Terminal::new(Colour::Never);
        let mut rows = Rows::new(&terminal, [("stage", Side::Left), ("usdt", Side::Right)]);
        rows.push([("settled".into(), Some(Ink::Good)), ("25.5".into(), None)]);
        rows.push([("held".into(), Some(Ink::Care)), ("1000".into(), None)]);
        assert_eq!(rows.to_string(), "stage    usdt\nsettled  25.5\nheld     1000");
    }

    #[test]
    fn amounts_stand_one_below_the_other_at_their_points() {
        let mut rows =
            Rows::new(&Terminal::new(Colour::Never), [("usdt", Side::Right), ("stage", Side::Left)]);
        for amount in at_the_point(["10.01", "7", "1234.5"].into_iter()) {
            rows.push([(amount, None), ("held".into(), None)]);
        }
        assert_eq!(rows.to_string(), "   usdt  stage\n  10.01  held\n   7     held\n1234.5   held");
    }
}
