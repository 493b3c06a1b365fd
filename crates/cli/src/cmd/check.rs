//! `rblmap check`: what the policy of a mail host answers, and why.

use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rblmap_policy::{Decider, Decision, Mode, Policy, Request, Score, Trouble, client_address};
use serde::Serialize;

use crate::cmd::check_addresses::{address_in, each_address};
use crate::cmd::{check_against, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, escaped};

/// Say what the policy of a mail host answers to a client, and why
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints a line for each client:
  ADDRESS<TAB>pass|log|tag|defer|reject|allowed|exempt<TAB>SCORE<TAB>REPLY<TAB>TERMS
REPLY is what a refused client is told, or the header of a tagged message.

With --against FILE two policies are compared: FILE is a log with an address in each line, and
--config is given twice, the old one first; or FILE is the other policy (*.toml), and the addresses
are arguments. Prints ADDRESS<TAB>OLD<TAB>NEW<TAB>LINES where they differ.

A zone whose image is missing or damaged makes the exit code 3.

Examples:
  rblmap check --config mail.toml 192.0.2.1 2001:db8::1
  rblmap check --config mail.toml --sender bob@partner.example --recipient postmaster 192.0.2.1
  rblmap check --config mail.toml --config new.toml --against clients.txt")]
pub(crate) struct Args {
    /// The policy file
    #[arg(long, value_name = "FILE", required = true)]
    config: Vec<PathBuf>,
    /// Compare two policies over the addresses of a log, or with another policy file
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// What the client says in HELO or EHLO
    #[arg(long, value_name = "NAME", default_value = "")]
    helo: String,
    /// The envelope's sender
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    sender: String,
    /// The envelope's recipient
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    recipient: String,
    /// The name that the client's address leads to, and that leads back to it
    #[arg(long, value_name = "NAME", default_value = "")]
    rdns: String,
    /// The client has logged in
    #[arg(long)]
    authenticated: bool,
    /// The port of the server that the client comes to
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// The time that freshness is compared with, in seconds since 1970 (default: the clock)
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
    /// Addresses of clients; from standard input, one a line, if there are none
    #[arg(value_name = "ADDRESS")]
    keys: Vec<String>,
}

/// A decision as a script reads it.
#[derive(Serialize)]
struct Line<'a> {
    address: &'a str,
    action: &'static str,
    score: serde_json::Number,
    reply: &'a str,
    terms: &'a str,
    would: &'static str,
    zones: Vec<Listing<'a>>,
    troubles: Vec<NoOpinion<'a>>,
}

#[derive(Serialize)]
struct Listing<'a> {
    zone: &'a str,
    look: &'static str,
    key: &'a str,
    a: Ipv4Addr,
    txt: &'a str,
    mode: &'static str,
    weight: serde_json::Number,
}

#[derive(Serialize)]
struct NoOpinion<'a> {
    zone: &'a str,
    reason: &'static str,
}

#[derive(Serialize)]
struct BadLine<'a> {
    address: &'a str,
    error: &'static str,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let now = args.now.unwrap_or_else(now);
    let (policies, log) = match (&args.against, args.config.as_slice()) {
        (Some(other), [one]) if other.extension().is_some_and(|end| end == "toml") => {
            (vec![one.clone(), other.clone()], None)
        }
        (Some(log), [_] | [_, _]) => (args.config.clone(), Some(log.as_path())),
        (None, [_]) => (args.config.clone(), None),
        _ => {
            let what =
                "two policies are compared over a log: --config OLD --config NEW --against LOG";
            return Err(Failure::new(Exit::Usage, what));
        }
    };
    let mut worst = Exit::Done;
    let mut deciders = Vec::new();
    for path in &policies {
        let (decider, exit) = open(path, now)?;
        worst = worst.or_worse(exit);
        deciders.push(decider);
    }
    let request = Request {
        helo: &args.helo,
        sender: &args.sender,
        recipient: &args.recipient,
        rdns: &args.rdns,
        verified: &args.rdns,
        authenticated: args.authenticated,
        port: args.port,
        ..Request::default()
    };
    if let [old, new] = deciders.as_mut_slice() {
        let asked = check_against::Asked {
            request,
            now,
            json: args.json,
        };
        let exit = check_against::run([old, new], &asked, log, &args.keys, output)?;
        return Ok(worst.or_worse(exit));
    }
    let mut desk = Desk {
        decider: deciders.remove(0),
        request,
        now,
        json: args.json,
        worst,
    };
    desk.answer_all(log, &args.keys)?;
    Ok(desk.worst)
}

/// Opens a policy and its images; says which zones have no opinion. A missing or damaged image is in
/// the exit code.
/// Reads a policy and says which of its zones have no opinion.
pub(crate) fn open(path: &Path, now: u64) -> Result<(Decider, Exit), Failure> {
    let policy = Arc::new(Policy::read(path, &rblmap_serve::host_name())?);
    rblmap_serve::look(&policy);
    let mut worst = Exit::Done;
    for zone in policy.zones.iter().filter(|zone| zone.mode != Mode::Off) {
        let health = zone.followed.health(now);
        let Some(trouble) = health.trouble else {
            continue;
        };
        let exit = match trouble {
            Trouble::Missing | Trouble::Damaged => Exit::BadInput,
            Trouble::Expired | Trouble::Retired | Trouble::ListsItself => Exit::Done,
        };
        let why = health
            .problem
            .map(|problem| format!(": {problem}"))
            .unwrap_or_default();
        let what = format!("{}: no opinion: {}{why}", zone.name(), trouble.word());
        Failure::new(exit, what).say();
        worst = worst.or_worse(exit);
    }
    Ok((Decider::new(&policy), worst))
}

struct Desk<'a> {
    decider: Decider,
    request: Request<'a>,
    now: u64,
    json: bool,
    worst: Exit,
}

impl Desk<'_> {
    fn answer_all(&mut self, log: Option<&Path>, keys: &[String]) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        each_address(log, keys, |key| {
            let key = if log.is_some() {
                address_in(key).unwrap_or(key)
            } else {
                key
            };
            self.answer(key, &mut out)
                .map_err(|error| Failure::printing(&error))
        })?;
        out.flush().map_err(|error| Failure::printing(&error))
    }

    fn answer(&mut self, key: &str, out: &mut impl Write) -> io::Result<()> {
        let Some(client) = client_address(key) else {
            return self.say_bad(key, out);
        };
        let request = Request {
            client: Some(client),
            ..self.request
        };
        let decision = self.decider.decide(&request, self.now);
        let policy = self.decider.policy();
        let terms = decision.terms(policy);
        let address = client.to_string();
        if self.json {
            let line = json(&address, policy, &decision, &terms);
            serde_json::to_writer(&mut *out, &line)?;
            return out.write_all(b"\n");
        }
        let (reply, terms) = (
            escaped(decision.reply.as_bytes()),
            escaped(terms.as_bytes()),
        );
        writeln!(
            out,
            "{address}\t{}\t{}\t{reply}\t{terms}",
            decision.action.word(),
            decision.score
        )
    }

    fn say_bad(&mut self, key: &str, out: &mut impl Write) -> io::Result<()> {
        self.worst = self.worst.or_worse(Exit::BadInput);
        let error = "not an address";
        if self.json {
            serde_json::to_writer(
                &mut *out,
                &BadLine {
                    address: key,
                    error,
                },
            )?;
            return out.write_all(b"\n");
        }
        Failure::new(
            Exit::BadInput,
            format_args!("{}: {error}", escaped(key.as_bytes())),
        )
        .say();
        Ok(())
    }
}

fn json<'a>(
    address: &'a str,
    policy: &'a Policy,
    decision: &'a Decision,
    terms: &'a str,
) -> Line<'a> {
    let zone = |index: usize| {
        policy
            .zones
            .get(index)
            .map(|zone| zone.name())
            .unwrap_or_default()
    };
    Line {
        address,
        action: decision.action.word(),
        score: number(decision.score),
        reply: &decision.reply,
        terms,
        would: decision.would.word(),
        zones: decision
            .hits
            .iter()
            .map(|hit| Listing {
                zone: zone(hit.zone),
                look: hit.look.word(),
                key: &hit.key,
                a: hit.code,
                txt: &hit.text,
                mode: hit.mode.word(),
                weight: number(hit.weight),
            })
            .collect(),
        troubles: decision
            .troubles
            .iter()
            .map(|(index, trouble)| NoOpinion {
                zone: zone(*index),
                reason: trouble.word(),
            })
            .collect(),
    }
}

/// A score as a JSON number, without decimals where it has none.
#[expect(clippy::cast_precision_loss, reason = "scores are far below the limit")]
fn number(score: Score) -> serde_json::Number {
    let thousandths = score.thousandths();
    if thousandths % 1000 == 0 {
        return (thousandths / 1000).into();
    }
    serde_json::Number::from_f64(thousandths as f64 / 1000.0).unwrap_or_else(|| 0.into())
}
