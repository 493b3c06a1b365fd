//! Rows as text for people, and as JSON for scripts.

use std::io::{self, Write};

use rblmap_measure::Noise;

use super::mix::Source;
use super::row::{How, Latency, Row, Spread};

/// One JSON object a line.
pub(super) fn json(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Tables: lookups, latencies, threads, the DNS server, and how quiet the machine was.
pub(super) fn text(sources: &[Source<'_>], rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    for source in sources {
        let (bytes, zones) = (source.image.as_bytes().len(), source.image.zones().len());
        let s = if zones == 1 { "" } else { "s" };
        writeln!(out, "{}: {bytes} bytes, {zones} zone{s}", source.label())?;
    }
    let single = rows
        .iter()
        .filter(|row| row.scaling.is_none() && row.server.is_none());
    let mut place = None;
    for row in single {
        let here = (&row.image, &row.zone);
        if place.replace(here) != Some(here) {
            lookups_head(row, out)?;
        }
        lookup(row, out)?;
    }
    latencies(rows, out)?;
    scaling(rows, out)?;
    servers(rows, out)?;
    noise(rows, out)
}

fn lookups_head(row: &Row, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{}, zone {}", row.image, row.zone)?;
    writeln!(
        out,
        "{:<26}{:>26}{:>22}{:>18}{:>12}",
        "asked", "ns a lookup", "ns a random line", "times the line", "a second"
    )
}

fn lookup(row: &Row, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<26}{:>26}{:>22}{:>18}{:>12}",
        title(row),
        ns(row),
        row.limit_ns
            .map_or_else(|| "-".to_owned(), |it| range(it, 1)),
        row.ratio.map_or_else(|| "-".to_owned(), |it| range(it, 2)),
        row.per_second.map_or_else(|| "-".to_owned(), short),
    )
}

fn latencies(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    let with: Vec<(&Row, Latency)> = rows
        .iter()
        .filter_map(|row| Some((row, row.latency?)))
        .collect();
    if with.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nLatency of single lookups, one at a time, in ns; -: too few lookups, or less than this clock can tell"
    )?;
    writeln!(
        out,
        "{:<38}{:>10}{:>10}{:>10}{:>10}{:>12}",
        "asked", "p50", "p99", "p99.9", "p99.99", "longest"
    )?;
    for (row, it) in with {
        let text = |nanos: Option<u64>| nanos.map_or_else(|| "-".to_owned(), |it| it.to_string());
        writeln!(
            out,
            "{:<38}{:>10}{:>10}{:>10}{:>10}{:>12}",
            placed(row),
            text(it.p50),
            text(it.p99),
            text(it.p99_9),
            text(it.p99_99),
            it.longest
        )?;
    }
    Ok(())
}

fn scaling(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    let with: Vec<&Row> = rows.iter().filter(|row| row.scaling.is_some()).collect();
    if with.is_empty() {
        return Ok(());
    }
    let pinned = with.iter().all(|row| row.pinned);
    let kept = if pinned {
        "each kept on a processor"
    } else {
        "not kept on processors"
    };
    writeln!(out, "\nThreads, {kept}")?;
    writeln!(
        out,
        "{:<38}{:>8}{:>14}{:>10}{:>20}",
        "asked", "threads", "a second", "scaling", "times the line"
    )?;
    for row in with {
        writeln!(
            out,
            "{:<38}{:>8}{:>14}{:>10.2}{:>20}",
            placed(row),
            row.threads,
            row.per_second.map_or_else(|| "-".to_owned(), short),
            row.scaling.unwrap_or(1.0),
            row.ratio.map_or_else(|| "-".to_owned(), |it| range(it, 2)),
        )?;
    }
    Ok(())
}

fn servers(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    let mut first = true;
    for row in rows {
        let Some(server) = &row.server else { continue };
        if std::mem::take(&mut first) {
            writeln!(
                out,
                "\nThe DNS server {}, asked from one thread",
                server.address
            )?;
            writeln!(
                out,
                "{:<38}{:>26}{:>12}{:>10}{:>8}{:>8}",
                "asked", "ns a reply", "a second", "replies", "lost", "differ"
            )?;
        }
        writeln!(
            out,
            "{:<38}{:>26}{:>12}{:>10}{:>8}{:>8}",
            placed(row),
            ns(row),
            row.per_second.map_or_else(|| "-".to_owned(), short),
            server.replies,
            server.lost,
            server.differ
        )?;
    }
    Ok(())
}

fn noise(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    let Some(share) = rows.iter().find_map(|row| row.noise) else {
        return Ok(());
    };
    let word = match share {
        share if share < Noise::QUIET => "the machine was quiet",
        share if share < Noise::BUSY => "the machine was a little noisy",
        _ => "the machine was noisy: other work ran beside, do not compare these figures",
    };
    writeln!(
        out,
        "\nNoise {:.0} %: {word} (the share of time that others had this processor, or by which the \
         same arithmetic took longer)",
        share * 100.0
    )
}

fn title(row: &Row) -> String {
    format!("{} {}, {}", row.kind.title(), row.asked, row.how.title())
}

/// The title with its place, where tables hold rows of several.
fn placed(row: &Row) -> String {
    let way = match row.how {
        How::Alone | How::Cold | How::DnsAlone => "one at a time",
        How::AtOnce | How::DnsAtOnce => "many at once",
    };
    let zone = match row.zone.as_str() {
        "@" => String::new(),
        zone => format!("{zone}: "),
    };
    format!("{zone}{} {}, {way}", row.kind.title(), row.asked)
}

fn ns(row: &Row) -> String {
    match (row.ns, row.less_than_ns) {
        (Some(ns), _) => range(ns, 1),
        (None, Some(least)) => format!("< {least:.1}, this clock's limit"),
        (None, None) => "-".to_owned(),
    }
}

fn range(it: Spread, digits: usize) -> String {
    let Spread { median, low, high } = it;
    format!("{median:.digits$} ({low:.digits$}-{high:.digits$})")
}

/// A rate in a few digits: 7.9 M.
fn short(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.1} M", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.1} k", rate / 1e3),
        rate => format!("{rate:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short() {
        assert_eq!(short(7_912_345.0), "7.9 M");
        assert_eq!(short(12_345.0), "12.3 k");
        assert_eq!(short(12.0), "12.0");
    }
}
