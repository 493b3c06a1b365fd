//! The report as text.

use std::io::{self, Write};

use rblmap_report::{Impact, ZoneCounts};

/// Prints the report for people.
pub(super) fn print(impact: &Impact, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{} lines: {} connections of {} clients, {} messages accepted, {} refusals",
        impact.lines, impact.connections, impact.clients, impact.accepted, impact.refused
    )?;
    print_apart(impact, out)?;
    writeln!(
        out,
        "\nListed: {} of the clients, with {} of the connections and {} of the messages",
        part(impact.listed.clients, impact.clients),
        part(impact.listed.connections, impact.connections),
        part(impact.listed.accepted, impact.accepted)
    )?;
    if impact.allowed + impact.exempt > 0 {
        writeln!(
            out,
            "  {} listed clients are on an allow-list, of {} the policy has no opinion",
            impact.allowed, impact.exempt
        )?;
    }
    counts_table("list", impact.zones.iter(), out)?;
    counts_table("decision", impact.decisions.iter(), out)?;
    counts_table("label", impact.labels.iter(), out)?;
    print_overlap(impact, out)?;
    if impact.score.len() > 1 {
        writeln!(out, "\n{:>8} {:>12}", "score", "clients")?;
        for (score, clients) in &impact.score {
            writeln!(out, "{score:>8} {clients:>12}")?;
        }
    }
    if !impact.top_networks.is_empty() {
        writeln!(
            out,
            "\n{:<43} {:>9} {:>12}",
            "network", "clients", "connections"
        )?;
        for network in &impact.top_networks {
            let name = network.network.to_string();
            writeln!(
                out,
                "{name:<43} {:>9} {:>12}",
                network.clients, network.connections
            )?;
        }
    }
    print_recipients(impact, out)
}

fn print_recipients(impact: &Impact, out: &mut impl Write) -> io::Result<()> {
    let (Some(count), Some(most)) = (impact.recipients, &impact.top_recipients) else {
        return Ok(());
    };
    writeln!(out, "\nlisted clients wrote to {count} recipients")?;
    if most.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "{:<43} {:>9} {:>12} {:>9}",
        "recipient", "clients", "accepted", "refused"
    )?;
    for counts in most {
        // What stands in a log is not ours to print as it is.
        let name: String = counts.recipient.escape_debug().collect();
        writeln!(
            out,
            "{name:<43} {:>9} {:>12} {:>9}",
            counts.clients, counts.accepted, counts.refused
        )?;
    }
    Ok(())
}

fn print_apart(impact: &Impact, out: &mut impl Write) -> io::Result<()> {
    let apart = &impact.apart;
    let parts = [
        (apart.authenticated, "lines of clients who logged in"),
        (apart.own, "connections of the host's own networks"),
        (apart.reinjected, "messages that a content filter gave back"),
        (apart.no_address, "lines without an address"),
        (impact.unread, "lines of no known kind"),
        (
            impact.unreadable,
            "logs that could not be read to their end",
        ),
    ];
    for (count, what) in parts.iter().filter(|(count, _)| *count > 0) {
        writeln!(out, "  left out: {count} {what}")?;
    }
    Ok(())
}

fn counts_table<'c, N: std::fmt::Display + 'c>(
    what: &str,
    rows: impl ExactSizeIterator<Item = (N, &'c ZoneCounts)>,
    out: &mut impl Write,
) -> io::Result<()> {
    if rows.len() == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "\n{what:<30} {:>9} {:>12} {:>9} {:>10}",
        "clients", "connections", "accepted", "only here"
    )?;
    for (name, counts) in rows {
        writeln!(
            out,
            "{:<30} {:>9} {:>12} {:>9} {:>10}",
            name.to_string(),
            counts.clients,
            counts.connections,
            counts.accepted,
            counts.only_here
        )?;
    }
    Ok(())
}

/// Pairs of lists with the clients that both list.
fn print_overlap(impact: &Impact, out: &mut impl Write) -> io::Result<()> {
    let mut is_first = true;
    for (one, others) in &impact.overlap {
        for (other, both) in others.iter().filter(|(other, _)| *other > one) {
            if is_first {
                writeln!(out, "\nclients that two lists have in common")?;
                is_first = false;
            }
            writeln!(out, "{both:>12}  {one}, {other}")?;
        }
    }
    Ok(())
}

/// A count, and how much of the whole it is.
fn part(count: u64, whole: u64) -> String {
    if whole == 0 {
        return count.to_string();
    }
    // For people: a double has digits enough.
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let percent = count as f64 * 100.0 / whole as f64;
    format!("{count} ({percent:.1} %)")
}
