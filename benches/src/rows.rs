//! Rows of a table of times, measured in turn: every round measures every row once, so that what
//! disturbs the machine for a while disturbs all of them, and each beside its own limit.

use serde_json::{Value, json};

/// How a row is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// One after the other.
    Latency,
    /// As they come.
    Stream,
    /// Many at once.
    Batch,
    /// After other work.
    Cold,
    /// From nothing.
    Once,
}

impl How {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            How::Latency => "one at a time",
            How::Stream => "as they come",
            How::Batch => "many at once",
            How::Cold => "cold",
            How::Once => "once",
        }
    }
}

/// Something to time: returns nanoseconds a query, of the queries of that round.
pub type Work<'a> = Box<dyn FnMut(usize) -> f64 + 'a>;

/// A row of the table.
pub struct Row<'a> {
    /// What answers.
    pub structure: &'static str,
    /// What it is asked.
    pub mix: &'static str,
    /// How it is timed.
    pub how: How,
    /// The number of the limit it stands beside, in the table's list of limits.
    pub limit: Option<usize>,
    /// The row of the same mix, if any, whose time is divided by this one's in the report.
    pub work: Work<'a>,
}

/// What a row came to.
#[derive(Debug, Clone)]
pub struct Figures {
    /// As in the [`Row`].
    pub structure: &'static str,
    /// As in the [`Row`].
    pub mix: &'static str,
    /// As in the [`Row`].
    pub how: How,
    /// Nanoseconds in each round.
    pub nanos: Vec<f64>,
    /// Times the limit, in each round: the lower of the limit before and after.
    pub ratios: Vec<f64>,
}

impl Figures {
    /// For the JSON file: medians, and the lowest and highest of all rounds.
    pub fn json(&self) -> Value {
        json!({
            "structure": self.structure,
            "mix": self.mix,
            "how": self.how.name(),
            "ns": spread_json(&self.nanos),
            "ratio": spread_json(&self.ratios),
        })
    }
}

/// Measures all rows in each of `rounds` rounds; `limits` are what rows stand beside. `tell` hears
/// the number of each round before it.
pub fn measure<'a>(
    mut rows: Vec<Row<'a>>,
    mut limits: Vec<Row<'a>>,
    rounds: usize,
    mut tell: impl FnMut(usize),
) -> Vec<Figures> {
    let empty = |row: &Row<'_>| Figures {
        structure: row.structure,
        mix: row.mix,
        how: row.how,
        nanos: Vec::new(),
        ratios: Vec::new(),
    };
    let mut limit_figures: Vec<Figures> = limits.iter().map(empty).collect();
    let mut figures: Vec<Figures> = rows.iter().map(empty).collect();
    for round in 0..rounds {
        tell(round);
        for (row, figures) in rows.iter_mut().zip(&mut figures) {
            let before = row.limit.map(|limit| (limits[limit].work)(round));
            let nanos = (row.work)(round);
            figures.nanos.push(nanos);
            if let (Some(limit), Some(before)) = (row.limit, before) {
                let after = (limits[limit].work)(round);
                limit_figures[limit].nanos.push(before.min(after));
                figures.ratios.push(nanos / before.min(after));
            }
        }
    }
    limit_figures.append(&mut figures);
    limit_figures
}

/// The median of some numbers, the lowest and the highest.
pub fn spread(numbers: &[f64]) -> Option<[f64; 3]> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    };
    Some([median, low, high])
}

fn spread_json(numbers: &[f64]) -> Value {
    match spread(numbers) {
        Some([median, low, high]) => json!({"median": median, "low": low, "high": high}),
        None => Value::Null,
    }
}

/// The table of one list, in Markdown.
pub fn table(figures: &[Figures]) -> String {
    let mut out =
        String::from("| what | asked | how | ns | times the limit |\n|---|---|---|--:|--:|\n");
    let text = |numbers: &[f64], digits: usize| match spread(numbers) {
        Some([median, low, high]) => {
            format!("**{median:.digits$}** ({low:.digits$}–{high:.digits$})")
        }
        None => String::new(),
    };
    for it in figures {
        out += &format!(
            "| {} | {} | {} | {} | {} |\n",
            it.structure,
            it.mix,
            it.how.name(),
            text(&it.nanos, 1),
            text(&it.ratios, 2)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_stands_beside_its_limit() {
        let row = |structure, limit, nanos: f64| Row {
            structure,
            mix: "hit",
            how: How::Latency,
            limit,
            work: Box::new(move |round| nanos + round as f64),
        };
        let figures = measure(
            vec![row("image", Some(0), 30.0)],
            vec![row("line", None, 10.0)],
            3,
            |_| {},
        );
        assert_eq!(figures[1].nanos, [30.0, 31.0, 32.0]);
        assert_eq!(figures[1].ratios, [3.0, 31.0 / 11.0, 32.0 / 12.0]);
        let shown = table(&figures);
        assert!(
            shown.contains(
                "| image | hit | one at a time | **31.0** (30.0–32.0) | **2.82** (2.67–3.00) |"
            ),
            "{shown}"
        );
        assert_eq!(spread(&[1.0, 4.0, 2.0, 3.0]), Some([2.5, 1.0, 4.0]));
    }
}
