//! The comparison of `rblmap check --against`: what another policy would change.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;

use rblmap_policy::{Action, Decider, Request, client_address};
use serde::Serialize;

use crate::cmd::check_addresses::{address_in, each_address};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// What is asked of both policies.
pub(crate) struct Asked<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) now: u64,
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    address: &'a str,
    old: &'static str,
    new: &'static str,
    lines: u64,
}

/// Prints where two policies differ, by address, and sums up on standard error.
pub(crate) fn run(
    policies: [&mut Decider; 2],
    asked: &Asked<'_>,
    log: Option<&Path>,
    keys: &[String],
    output: &Output,
) -> Result<Exit, Failure> {
    let (clients, without) = count(log, keys)?;
    let [old, new] = policies;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut changes: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for (client, lines) in &clients {
        let request = Request {
            client: Some(*client),
            ..asked.request
        };
        let actions =
            [&mut *old, &mut *new].map(|decider| decider.decide(&request, asked.now).action);
        let [before, after] = actions.map(Action::word);
        let (count, sum) = changes.entry((before, after)).or_default();
        *count += 1;
        *sum += lines;
        if before != after {
            say(
                &mut out,
                asked.json,
                &client.to_string(),
                [before, after],
                *lines,
            )
            .map_err(|error| Failure::printing(&error))?;
        }
    }
    out.flush().map_err(|error| Failure::printing(&error))?;
    output.note(format_args!(
        "{} clients; {without} lines without an address",
        clients.len()
    ));
    for ((before, after), (clients, lines)) in &changes {
        output.note(format_args!(
            "{before} -> {after}: {clients} clients, {lines} lines"
        ));
    }
    let bad = without > 0 && clients.is_empty();
    Ok(if bad { Exit::BadInput } else { Exit::Done })
}

fn say(
    out: &mut impl Write,
    json: bool,
    address: &str,
    [old, new]: [&'static str; 2],
    lines: u64,
) -> io::Result<()> {
    if json {
        serde_json::to_writer(
            &mut *out,
            &Line {
                address,
                old,
                new,
                lines,
            },
        )?;
        return out.write_all(b"\n");
    }
    writeln!(out, "{address}\t{old}\t{new}\t{lines}")
}

/// How often each client is there, and how many lines have none.
fn count(log: Option<&Path>, keys: &[String]) -> Result<(BTreeMap<IpAddr, u64>, u64), Failure> {
    let mut clients = BTreeMap::new();
    let mut without = 0;
    each_address(log, keys, |line| {
        match address_in(line).and_then(client_address) {
            Some(client) => *clients.entry(client).or_default() += 1,
            None => without += 1,
        }
        Ok(())
    })?;
    Ok((clients, without))
}
