//! The report as one HTML file: no script, no font, nothing from elsewhere. Each chart has a table
//! with its numbers.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};
use rblmap_policy::Score;
use serde::Serialize;

use crate::error::Error;
use crate::impact::{Impact, ZoneCounts};

const TEMPLATE: &str = include_str!("html/impact.html");

/// A row of a chart: what it is called, its counts, and how long its bar is, in percent.
#[derive(Debug, Serialize)]
struct Row<'i> {
    name: &'i str,
    counts: &'i ZoneCounts,
    bar: f64,
}

/// A column of the histogram of scores.
#[derive(Debug, Serialize)]
struct Column {
    score: String,
    clients: u64,
    bar: f64,
}

/// Makes the report.
///
/// ```
/// let page = rblmap_report::html::report(&rblmap_report::Impact::default())?;
/// assert!(page.starts_with("<!doctype html>"));
/// # Ok::<(), rblmap_report::Error>(())
/// ```
///
/// # Errors
/// A template that does not fit: none of ours.
pub fn report(impact: &Impact) -> Result<String, Error> {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.add_filter("grouped", grouped);
    let page = templates.render_str(
        TEMPLATE,
        context! {
            impact => Value::from(Serde(impact)),
            zones => Value::from(Serde(rows(impact.zones.iter().map(|(name, counts)| (name.as_str(), counts))))),
            decisions => Value::from(Serde(rows(impact.decisions.iter().map(|(name, counts)| (*name, counts))))),
            labels => Value::from(Serde(rows(impact.labels.iter().map(|(name, counts)| (name.as_str(), counts))))),
            scores => Value::from(Serde(scores(impact))),
            listed_clients => percent(impact.listed.clients, impact.clients),
            listed_connections => percent(impact.listed.connections, impact.connections),
            listed_accepted => percent(impact.listed.accepted, impact.accepted),
        },
    );
    page.map_err(|error| Error::Write(std::io::Error::other(error)))
}

fn rows<'i>(counts: impl Iterator<Item = (&'i str, &'i ZoneCounts)>) -> Vec<Row<'i>> {
    let mut rows: Vec<Row<'_>> = counts
        .map(|(name, counts)| Row {
            name,
            counts,
            bar: 0.0,
        })
        .collect();
    let most = rows.iter().map(|row| row.counts.connections).max();
    for row in &mut rows {
        row.bar = percent(row.counts.connections, most.unwrap_or(0));
    }
    rows
}

/// Scores of listed clients: beside those of all others they would be too small to see.
fn scores(impact: &Impact) -> Vec<Column> {
    let listed = impact
        .score
        .iter()
        .filter(|(score, _)| **score != Score::ZERO);
    let most = listed.clone().map(|(_, clients)| *clients).max();
    listed
        .map(|(score, &clients)| Column {
            score: score.to_string(),
            clients,
            bar: percent(clients, most.unwrap_or(0)),
        })
        .collect()
}

/// With two digits, so that equal reports are equal bytes.
#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn percent(count: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (count as f64 * 10_000.0 / whole as f64).round() / 100.0
}

/// 1234567 as `1 234 567`, with spaces that do not break.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn names_of_lists_cannot_break_the_page() {
        let mut impact = Impact::default();
        let name = "<script>alert(1)</script>".to_owned();
        impact.zones.insert(name, ZoneCounts::default());
        let page = report(&impact).unwrap();
        assert!(!page.contains("<script>"));
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        let page = report(&Impact::default()).unwrap();
        for mark in [
            "src=", "href=", "url(", "@import", "<script", "http:", "https:",
        ] {
            assert!(!page.contains(mark), "{mark}");
        }
    }
}
