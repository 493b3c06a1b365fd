//! Compares the tables of lookups with the limits that these are to keep, by the median of all rounds.

#![allow(clippy::indexing_slicing, reason = "JSON of our own making")]

use std::fmt::Write;

use serde_json::Value;

const ONE: &str = "one at a time";
const MANY: &str = "many at once";
const COLD: &str = "cold";

/// List, question, way and at most so many times one line.
const RATIOS: [(&str, &str, &str, f64); 11] = [
    ("10M clustered", "hit", ONE, 1.3),
    ("10M clustered", "miss", ONE, 0.45),
    ("10M clustered", "mail", ONE, 0.9),
    ("10M clustered", "hit", MANY, 3.5),
    ("10M clustered", "miss", MANY, 1.3),
    ("10M clustered", "hit", COLD, 2.2),
    ("10M clustered", "miss", COLD, 1.2),
    ("IPv6 1M", "hit", ONE, 1.8),
    ("IPv6 1M", "miss in a listed /32", ONE, 0.7),
    ("names 5M", "exact hit", ONE, 1.7),
    ("names 5M", "miss", ONE, 1.2),
];
/// List, and at most so many bytes an entry.
const BYTES: [(&str, f64); 4] = [
    ("10M clustered", 2.6),
    ("10M with ranges", 2.9),
    ("IPv6 1M", 11.0),
    ("names 5M", 24.0),
];
/// What is done once, and at most so many µs.
const ONCE: [(&str, f64); 2] = [
    ("open", 20.0),
    ("process, less one that does nothing", 120.0),
];
/// What libmaxminddb takes of the same list beside us, at least: time of a hit, and bytes.
const PEER: (&str, f64, f64) = ("libmaxminddb (C)", 8.0, 15.0);

/// A table of the gates, what was measured, and whether each holds. Of what was not measured it says
/// nothing.
pub fn table(lists: &[Value]) -> String {
    let mut out = String::from("### Gates\n\n| gate | measured | limit | |\n|---|--:|--:|---|\n");
    lists.iter().for_each(|list| tell(list, &mut out));
    out
}

/// Whether a list has a gate besides those of opening its image.
pub fn are_for(list: &str) -> bool {
    RATIOS.iter().any(|gate| gate.0 == list) || BYTES.iter().any(|gate| gate.0 == list)
}

fn tell(list: &Value, out: &mut String) {
    let of = list["name"].as_str().unwrap_or_default();
    let mut gate = |what: &str, measured: Option<f64>, limit: f64, is_least: bool| {
        let Some(measured) = measured else { return };
        let holds = if is_least {
            measured >= limit
        } else {
            measured <= limit
        };
        let verdict = if holds { "holds" } else { "**FAILS**" };
        let bound = if is_least { "at least " } else { "" };
        let _ = writeln!(
            out,
            "| {of}: {what} | {measured:.2} | {bound}{limit} | {verdict} |"
        );
    };
    for (_, mix, how, limit) in RATIOS.iter().filter(|gate| gate.0 == of) {
        let ratio = row(list, "image", mix, how).and_then(|row| row["ratio"]["median"].as_f64());
        gate(&format!("{mix}, {how}, lines"), ratio, *limit, false);
    }
    let entries = list["entries"].as_f64();
    let bytes = |structure: &str| list["bytes"][structure].as_f64();
    for (_, limit) in BYTES.iter().filter(|gate| gate.0 == of) {
        let each = bytes("image").zip(entries).map(|(all, count)| all / count);
        gate("bytes an entry", each, *limit, false);
    }
    for (what, limit) in ONCE {
        let micros = nanos(list, "image", what, "once").map(|nanos| nanos / 1000.0);
        gate(&format!("{what}, µs"), micros, limit, false);
    }
    let (peer, times, larger) = PEER;
    if of == "10M clustered" {
        let hit = |structure| nanos(list, structure, "hit", ONE);
        let ratio = hit(peer).zip(hit("image")).map(|(peer, own)| peer / own);
        gate("time of libmaxminddb ÷ ours", ratio, times, true);
        let ratio = bytes(peer)
            .zip(bytes("image"))
            .map(|(peer, own)| peer / own);
        gate("bytes of libmaxminddb ÷ ours", ratio, larger, true);
    }
}

fn row<'v>(list: &'v Value, structure: &str, mix: &str, how: &str) -> Option<&'v Value> {
    let mut rows = list["rows"].as_array()?.iter();
    rows.find(|row| row["structure"] == structure && row["mix"] == mix && row["how"] == how)
}

fn nanos(list: &Value, structure: &str, mix: &str, how: &str) -> Option<f64> {
    row(list, structure, mix, how)?["ns"]["median"].as_f64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_misses_its_gate_is_told() {
        let row = |mix, ratio| {
            json!({
                "structure": "image", "mix": mix, "how": ONE,
                "ns": {"median": 100.0}, "ratio": {"median": ratio},
            })
        };
        let names = json!({
            "name": "names 5M", "entries": 10, "bytes": {"image": 230},
            "rows": [row("exact hit", 1.71), row("miss", 1.19)],
        });
        let table = table(&[names]);
        let lines: Vec<&str> = table.lines().skip(4).collect();
        assert_eq!(
            lines,
            [
                "| names 5M: exact hit, one at a time, lines | 1.71 | 1.7 | **FAILS** |",
                "| names 5M: miss, one at a time, lines | 1.19 | 1.2 | holds |",
                "| names 5M: bytes an entry | 23.00 | 24 | holds |",
            ]
        );
    }
}
