//! Draws the plots of docs/performance.md of the tables that stand there, so that the two agree:
//! `RBLMAP_BLESS=1` writes them anew; else each must be what its table says.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fmt::Write;
use std::fs;
use std::path::Path;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
const WIDTH: f64 = 860.0;
const LEFT: f64 = 300.0;
/// What is left of the width for the figure beside the longest bar.
const RIGHT: f64 = 90.0;
const BAR: f64 = 12.0;
const COLOURS: [&str; 4] = ["#1b6ca8", "#d98032", "#8a8f98", "#8fbcd4"];

struct Plot {
    file: &'static str,
    title: &'static str,
    /// The heading under which its table is the first.
    section: &'static str,
    /// Columns by the head of the table: those that name a row, and one for each bar of it.
    names: &'static [&'static str],
    bars: &'static [&'static str],
    /// Where a logarithmic scale begins; without one the scale is linear from 0.
    from: Option<f64>,
}

const PLOTS: [Plot; 7] = [
    Plot {
        file: "scale.svg",
        title: "Seconds of each step by the number of entries (logarithmic from 1 ms)",
        section: "By size",
        names: &["entries"],
        bars: &["build, s", "unpack, s", "verify, s", "apply, s"],
        from: Some(0.001),
    },
    Plot {
        file: "rivals.svg",
        title: "A lookup beside one random line, ten million addresses",
        section: "Beside other structures",
        names: &["structure"],
        bars: &["hit", "miss", "mail"],
        from: None,
    },
    Plot {
        file: "builds.svg",
        title: "Seconds from text to image, beside rbldnsd's to load the same file",
        section: "Builds",
        names: &["type, file"],
        bars: &["wall s, ours", "rbldnsd"],
        from: None,
    },
    Plot {
        file: "deltas.svg",
        title: "Bytes of an update (logarithmic from 10)",
        section: "Deltas",
        names: &["list, from"],
        bars: &["delta", "patch-from -19", "rsync -z"],
        from: Some(10.0),
    },
    Plot {
        file: "apply.svg",
        title: "Time of apply, in copies of the image with fsync, ten million entries",
        section: "Apply",
        names: &["churn"],
        bars: &["Xeon, ÷ copy", "EPYC, ÷ copy"],
        from: None,
    },
    Plot {
        file: "steps.svg",
        title: "Seconds of each step with ten million addresses",
        section: "Ten million through every step",
        names: &["step"],
        bars: &["wall s"],
        from: None,
    },
    Plot {
        file: "policy.svg",
        title: "Policy requests a second over a unix socket, by connections (logarithmic from 100)",
        section: "Policy delegation",
        names: &["connections", "server"],
        bars: &["requests/s (min-max)"],
        from: Some(100.0),
    },
];

#[test]
fn plots_are_of_the_tables() {
    let page = fs::read_to_string(Path::new(DOCS).join("performance.md")).unwrap();
    let mut stale = Vec::new();
    for plot in &PLOTS {
        let drawn = draw(plot, &rows(&page, plot));
        let path = Path::new(DOCS).join(plot.file);
        if std::env::var_os("RBLMAP_BLESS").is_some() {
            fs::write(&path, &drawn).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != drawn {
            stale.push(plot.file);
        }
        assert!(
            page.contains(&format!("]({})", plot.file)),
            "docs/performance.md does not show {}",
            plot.file
        );
    }
    assert!(
        stale.is_empty(),
        "{stale:?}: RBLMAP_BLESS=1 cargo test -p rblmap-cli --test plots makes them anew"
    );
}

#[test]
fn a_cell_is_read_with_its_spread() {
    let page = "# P\n\n## One\n\n| a | b |\n|---|--:|\n| x | 1 |\n\n## Two\n\ntext\n\n\
                | a | b | c |\n|---|--:|--:|\n| y, z | **1,234** (9–2,000) | - |\n";
    let plot = Plot {
        file: "",
        title: "",
        section: "Two",
        names: &["a"],
        bars: &["b", "c"],
        from: None,
    };
    let expected = Row {
        name: "y, z".to_owned(),
        bars: vec![Some(("1,234".to_owned(), 1234.0)), None],
    };
    assert_eq!(rows(page, &plot), [expected]);
}

/// A row of a table: its name, and for each bar what is written and what it is, where it has a figure.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    bars: Vec<Option<(String, f64)>>,
}

/// The rows of the first table under the plot's heading.
fn rows(page: &str, plot: &Plot) -> Vec<Row> {
    let mut lines = page
        .lines()
        .skip_while(|line| {
            line.trim_start_matches('#').trim() != plot.section || !line.starts_with('#')
        })
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .map(cells);
    let head = lines.next().unwrap_or_default();
    let column = |name: &&str| {
        let at = head.iter().position(|cell| cell == name);
        at.unwrap_or_else(|| panic!("{}: no column {name:?} in {head:?}", plot.section))
    };
    let names: Vec<usize> = plot.names.iter().map(column).collect();
    let bars: Vec<usize> = plot.bars.iter().map(column).collect();
    // The line of dashes comes first.
    lines
        .skip(1)
        .map(|row| Row {
            name: names
                .iter()
                .map(|&at| row[at].as_str())
                .collect::<Vec<_>>()
                .join(", "),
            bars: bars.iter().map(|&at| figure(&row[at])).collect(),
        })
        .collect()
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_matches('|');
    inner
        .split('|')
        .map(|cell| cell.trim().replace(['*', '`'], ""))
        .collect()
}

/// The first figure of a cell; its spread follows in parentheses.
fn figure(cell: &str) -> Option<(String, f64)> {
    let text = cell.split(' ').next()?;
    let value = text.replace(',', "").parse().ok()?;
    Some((text.to_owned(), value))
}

fn draw(plot: &Plot, rows: &[Row]) -> String {
    let values = || rows.iter().flat_map(|row| row.bars.iter().flatten());
    let most = values().map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
    assert!(values().count() > 1, "{}: no figures", plot.section);
    let along = |value: f64| {
        let share = match plot.from {
            Some(from) => (value / from).ln().max(0.0) / (most / from).ln(),
            None => value / most,
        };
        share * (WIDTH - LEFT - RIGHT)
    };
    let mut body = format!(
        "<text x=\"10\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{}</text>\n",
        escaped(plot.title)
    );
    let mut y = 32.0;
    if plot.bars.len() > 1 {
        for (at, name) in plot.bars.iter().enumerate() {
            let x = LEFT + 150.0 * f64::from(u8::try_from(at).unwrap());
            square(&mut body, x, y, 10.0, COLOURS[at]);
            text(&mut body, x + 14.0, y + 10.0, "start", name);
        }
        y += 22.0;
    }
    for row in rows {
        text(&mut body, LEFT - 6.0, y + 10.0, "end", &row.name);
        for (at, bar) in row.bars.iter().enumerate() {
            if let Some((written, value)) = bar {
                let length = along(*value);
                square(&mut body, LEFT, y, length, COLOURS[at]);
                text(&mut body, LEFT + length + 4.0, y + 10.0, "start", written);
                y += BAR + 2.0;
            }
        }
        y += 4.0;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

fn square(body: &mut String, x: f64, y: f64, width: f64, colour: &str) {
    writeln!(
        body,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"
    )
    .unwrap();
}

fn text(body: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    writeln!(
        body,
        "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>",
        escaped(text)
    )
    .unwrap();
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
