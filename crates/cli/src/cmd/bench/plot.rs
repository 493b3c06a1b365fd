//! A picture of the rows: a bar each, on a scale of powers of ten, and the limit as a line on it.

use std::fmt::Write as _;

use super::row::{How, Row};

const WIDTH: f64 = 900.0;
/// Where bars begin; texts stand before.
const LEFT: f64 = 330.0;
const RIGHT: f64 = 80.0;
const BAR: f64 = 14.0;
const STEP: f64 = 19.0;
const TOP: f64 = 44.0;

/// The picture, as SVG.
pub(super) fn svg(rows: &[Row]) -> String {
    let drawn: Vec<&Row> = rows.iter().filter(|row| row.ns.is_some()).collect();
    let scale = Scale::of(&drawn);
    let mut body = String::new();
    // Writing to a string cannot fail, here and below.
    let _ = axis(&mut body, &scale, drawn.len());
    for (number, row) in (0u32..).zip(&drawn) {
        let _ = bar(&mut body, &scale, row, TOP + STEP * f64::from(number));
    }
    let height = TOP + STEP * f64::from(u32::try_from(drawn.len()).unwrap_or(u32::MAX)) + 30.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <title>Nanoseconds a lookup, and of a random line of memory</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

/// From nanoseconds to places, by their logarithm.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    /// Whole powers of ten around all figures.
    fn of(rows: &[&Row]) -> Scale {
        let all = rows.iter().flat_map(|row| [row.ns, row.limit_ns]).flatten();
        let (mut least, mut most) = (f64::INFINITY, 0f64);
        for figure in all.flat_map(|spread| [spread.low, spread.high]) {
            least = least.min(figure.max(0.1));
            most = most.max(figure.max(0.1));
        }
        if least > most {
            (least, most) = (1.0, 10.0);
        }
        Scale {
            least: least.log10().floor(),
            most: most.log10().ceil().max(least.log10().floor() + 1.0),
        }
    }

    fn place(&self, nanos: f64) -> f64 {
        let share = (nanos.max(0.1).log10() - self.least) / (self.most - self.least);
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }
}

fn axis(body: &mut String, scale: &Scale, rows: usize) -> std::fmt::Result {
    let bottom = TOP + STEP * f64::from(u32::try_from(rows).unwrap_or(u32::MAX));
    writeln!(
        body,
        "<text x=\"10\" y=\"18\" font-size=\"14\" font-weight=\"bold\">Nanoseconds a lookup</text>\
         <text x=\"{LEFT}\" y=\"18\" fill=\"#c00000\">red: a random line of the same file</text>"
    )?;
    let mut power = scale.least;
    while power <= scale.most {
        let nanos = 10f64.powf(power);
        let x = scale.place(nanos);
        writeln!(
            body,
            "<path d=\"M{x:.1} {}V{bottom:.1}\" stroke=\"#dddddd\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{nanos}</text>",
            TOP - 4.0,
            TOP - 8.0
        )?;
        power += 1.0;
    }
    Ok(())
}

fn bar(body: &mut String, scale: &Scale, row: &Row, y: f64) -> std::fmt::Result {
    let Some(ns) = row.ns else { return Ok(()) };
    let colour = match row.how {
        How::Alone => "#1b6ca8",
        How::AtOnce => "#8fbcd4",
        How::Cold => "#7a5195",
        How::DnsAlone | How::DnsAtOnce => "#d98032",
    };
    let threads = match row.threads {
        1 => String::new(),
        count => format!(", {count} threads"),
    };
    let text = format!(
        "{} {}, {}{threads}",
        row.kind.title(),
        row.asked,
        row.how.title()
    );
    let end = scale.place(ns.median);
    writeln!(
        body,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>\
         <rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\
         <path d=\"M{:.1} {middle:.1}H{:.1}\" stroke=\"black\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\">{:.1}</text>",
        LEFT - 6.0,
        y + BAR - 3.0,
        end - LEFT,
        scale.place(ns.low),
        scale.place(ns.high),
        scale.place(ns.high) + 4.0,
        y + BAR - 3.0,
        ns.median,
        middle = y + BAR / 2.0,
    )?;
    if let Some(limit) = row.limit_ns {
        let x = scale.place(limit.median);
        writeln!(
            body,
            "<path d=\"M{x:.1} {:.1}V{:.1}\" stroke=\"#c00000\" stroke-width=\"2\"/>",
            y - 1.0,
            y + BAR + 1.0
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_nothing_is_one() {
        let svg = svg(&[]);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
