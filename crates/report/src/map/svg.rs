//! The picture as SVG: the pixels as a PNG inside of it, all else as text.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;
use crate::map::draw::{Canvas, texts};
use crate::map::{Map, TableRow};

pub(super) fn write(map: &Map) -> Result<String, Error> {
    let size = map.settings.size;
    let mut canvas = Canvas::of(map);
    canvas.grid(&map.settings);
    let png = STANDARD.encode(canvas.png(&map.palette)?);
    let line = size / 40;
    let height = size + line * 3 * (u32::try_from(map.legend.len()).unwrap_or(8) + 2) / 2;
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {height}\" role=\"img\" \
         aria-labelledby=\"t d\">\n<title id=\"t\">{}</title>\n<desc id=\"d\">{}</desc>\n\
         <rect width=\"{size}\" height=\"{height}\" fill=\"#101018\"/>\n\
         <image width=\"{size}\" height=\"{size}\" style=\"image-rendering:pixelated\" \
         href=\"data:image/png;base64,{png}\"/>\n<g fill=\"#ececf1\" font-family=\"sans-serif\" \
         font-size=\"{}\">\n",
        escaped(&map.title),
        escaped(&words(map)),
        size / 64
    );
    let step = size / 16;
    for (x, y, text) in texts(&map.settings) {
        let (x, y) = (x * step + size / 256, y * step + size / 56);
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\">{text}</text>");
    }
    let _ = writeln!(
        out,
        "</g>\n<g fill=\"#ececf1\" font-family=\"sans-serif\" font-size=\"{line}\">"
    );
    let mut y = size + line * 3 / 2;
    let _ = writeln!(
        out,
        "<text x=\"{line}\" y=\"{y}\">{}</text>",
        escaped(&map.title)
    );
    for entry in &map.legend {
        y += line * 3 / 2;
        let [r, g, b] = entry.color;
        let _ = writeln!(
            out,
            "<rect x=\"{line}\" y=\"{}\" width=\"{line}\" height=\"{line}\" \
             fill=\"#{r:02x}{g:02x}{b:02x}\"/><text x=\"{}\" y=\"{y}\">{}</text>",
            y - line * 7 / 8,
            line * 5 / 2,
            escaped(&entry.text)
        );
    }
    out.push_str("</g>\n</svg>\n");
    Ok(out)
}

/// What the picture shows, for who does not see it.
fn words(map: &Map) -> String {
    let mut rows: Vec<&TableRow> = map.rows.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.listed + row.added + row.removed));
    let most: Vec<String> = rows
        .iter()
        .take(10)
        .map(|row| match map.has_old {
            false => format!("{}: {} listed", row.name, row.listed),
            true => format!(
                "{}: {} listed, {} added, {} removed",
                row.name, row.listed, row.added, row.removed
            ),
        })
        .collect();
    format!(
        "A map of listed addresses on a Hilbert curve. Most are in {}.",
        most.join("; ")
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
