//! Draws what `speed --json` wrote: `plot FILE.json > FILE.svg`. For each list a bar for each
//! structure and mix, one lookup at a time, with the lowest and highest round; a line where one
//! random line of memory is.

#![allow(clippy::print_stdout, reason = "prints its result")]
#![allow(clippy::indexing_slicing, reason = "JSON of our own making")]

use std::fmt::Write as _;

use serde_json::Value;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 230.0;
const BAR: f64 = 14.0;
const COLOURS: [(&str, &str); 3] = [("hit", "#1b6ca8"), ("miss", "#8fbcd4"), ("mail", "#d98032")];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: plot FILE.json")?;
    let all: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let (mut body, mut y) = (String::new(), 10.0);
    for list in all["lists"].as_array().into_iter().flatten() {
        y = draw(&mut body, list, y)?;
    }
    println!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>"
    );
    Ok(())
}

/// One list from `y` down; where the next one begins.
fn draw(body: &mut String, list: &Value, top: f64) -> Result<f64, std::fmt::Error> {
    let rows: Vec<&Value> = list["rows"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|row| row["how"] == "one at a time")
        .collect();
    let ns = |row: &Value, key: &str| row["ns"][key].as_f64().unwrap_or(0.0);
    let most = rows.iter().map(|row| ns(row, "high")).fold(1.0, f64::max);
    let scale = (WIDTH - LEFT - 70.0) / most;
    let title = list["name"].as_str().unwrap_or_default();
    let mut y = top + 20.0;
    writeln!(
        body,
        "<text x=\"10\" y=\"{y}\" font-size=\"14\" font-weight=\"bold\">{title}, ns a lookup</text>"
    )?;
    let first = y + 6.0;
    for row in rows.iter().filter(|row| row["structure"] != "random line") {
        y += BAR + 2.0;
        let mix = row["mix"].as_str().unwrap_or_default();
        let colour = COLOURS
            .iter()
            .find(|it| mix.starts_with(it.0))
            .map_or("#777777", |it| it.1);
        let text = row["structure"].as_str().unwrap_or_default();
        let (low, median, high) = (ns(row, "low"), ns(row, "median"), ns(row, "high"));
        writeln!(
            body,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{text}, {mix}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\
             <path d=\"M{:.1} {mid}H{:.1}\" stroke=\"black\"/>\
             <text x=\"{:.1}\" y=\"{}\">{median:.0}</text>",
            LEFT - 6.0,
            y + BAR - 3.0,
            median * scale,
            LEFT + low * scale,
            LEFT + high * scale,
            LEFT + high * scale + 4.0,
            y + BAR - 3.0,
            mid = y + BAR / 2.0,
        )?;
    }
    if let Some(limit) = rows.iter().find(|row| row["structure"] == "random line") {
        let x = LEFT + ns(limit, "median") * scale;
        let end = y + BAR + 4.0;
        writeln!(
            body,
            "<path d=\"M{x:.1} {first}V{end}\" stroke=\"#c00000\" stroke-dasharray=\"3 2\"/>\
             <text x=\"{x:.1}\" y=\"{}\" fill=\"#c00000\">one random line</text>",
            end + 10.0
        )?;
    }
    Ok(y + BAR + 30.0)
}
