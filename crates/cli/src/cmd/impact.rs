//! `rblmap impact`: what lists would have done to the mail of a log.

mod merge;
mod text;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use ipnet::IpNet;
use rblmap::Image;
use rblmap_policy::{Decider, Score};
use rblmap_report::input::{self, Progress};
use rblmap_report::{Impact, Labels, List, Own, Question, Tally, html, partial};

use crate::cmd::{check, now, open};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, escaped};

/// Show what lists would have done to the mail of a log
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Logs are those of Postfix (with postscreen, from containers too), Exim, Sendmail, OpenSMTPD and
rspamd, `journalctl -o json`, or addresses, one a line; plain, gzip or zstd. `-` is standard input.
Clients are counted first, exactly, and each list is asked once a client. Clients who logged in,
the mail host's own networks and mail that a content filter gave back are shown apart.

Counts of several machines can be added up; partial counts hold addresses of clients, which are
personal data in many countries.

Examples:
  rblmap impact --image ops.example.rbl /var/log/mail.log /var/log/mail.log.*.gz
  rblmap impact --image monday.rbl --image tuesday.rbl --json mail.log
  rblmap impact --image ops.example.rbl --html report.html mail.log
  rblmap impact --image ops.example.rbl --recipients mail.log
  journalctl -u postfix -o json | rblmap impact --image ops.example.rbl -
  rblmap impact --partial mail.log > mx1.part
  rblmap impact merge --image ops.example.rbl mx1.part mx2.part"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    asked: Asked,
    /// Write the counts without asking any list, for `impact merge`
    #[arg(long, conflicts_with_all = ["image", "config", "json", "html", "labels"])]
    partial: bool,
    /// Name the recipients who got most messages from listed clients (--top says how many)
    #[arg(long, conflicts_with = "partial")]
    recipients: bool,
    /// With --partial: lines of columns instead of packed bytes, for tools that pass lines on
    #[arg(long, requires = "partial")]
    text: bool,
    /// How many threads count (default: one for each processor)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Logs; `-` is standard input
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add up partial counts and ask lists about the sum
    Merge(merge::Args),
}

/// What is asked about the clients, and how the answer is shown.
#[derive(Debug, clap::Args)]
struct Asked {
    /// A list to ask; may be given several times
    #[arg(long, value_name = "IMAGE")]
    image: Vec<PathBuf>,
    /// The policy file of the mail host: its zones, weights, allow-lists and exemptions
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A network of the mail host itself; 127.0.0.0/8 and ::1 always are
    #[arg(long, value_name = "NETWORK")]
    own: Vec<IpNet>,
    /// Group listed clients by the labels of this image
    #[arg(long, value_name = "IMAGE")]
    labels: Option<PathBuf>,
    /// Name so many networks and recipients
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Write a report with charts into this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    match args.command {
        Some(Command::Merge(merge)) => return merge::run(merge, output),
        None if args.partial => {}
        None => args.asked.check()?,
    }
    // What is wrong with the lists is told before the logs are read.
    let mut lists = args.asked.open()?;
    let tally = if args.recipients {
        Tally::with_recipients()
    } else {
        Tally::new()
    };
    let exit = count(&args.logs, args.threads, &tally, output);
    if args.partial {
        let form = if args.text {
            partial::Form::Text
        } else {
            partial::Form::Binary
        };
        let out = io::stdout().lock();
        let mut out = io::BufWriter::new(out);
        return match partial::write(tally, form, &mut out) {
            Ok(()) => Ok(exit),
            Err(rblmap_report::Error::Write(error)) => Err(Failure::printing(&error)),
            Err(error) => Err(error.into()),
        };
    }
    let shown = args.asked.show(&mut lists, tally, output)?;
    Ok(exit.or_worse(shown).or_worse(lists.exit))
}

/// Counts the logs, and says which could not be read and which lines were not understood.
fn count(logs: &[PathBuf], threads: Option<u16>, tally: &Tally, output: &Output) -> Exit {
    let threads = threads.map_or_else(
        || available_parallelism().map_or(1, usize::from),
        usize::from,
    );
    let progress = Progress::default();
    let failed = with_bar(logs, &progress, output, || {
        input::count(logs, threads, tally, &progress)
    });
    let mut exit = Exit::Done;
    for error in &failed {
        let failure = Failure::of(error);
        failure.say();
        exit = exit.or_worse(failure.exit());
    }
    let totals = tally.totals();
    if totals.unread > 0 {
        output.note(format_args!(
            "{} of {} lines are of no known kind, for example:",
            totals.unread, totals.lines
        ));
        for line in tally.unread() {
            let log = logs.get(line.log).map(|log| log.display());
            output.note(format_args!(
                "  {}, byte {}: {}",
                log.map_or(String::new(), |log| log.to_string()),
                line.offset,
                escaped(&line.text)
            ));
        }
    }
    exit
}

/// Shows how far the work has come while it goes on, where somebody looks.
fn with_bar<T>(
    logs: &[PathBuf],
    progress: &Progress,
    output: &Output,
    work: impl FnOnce() -> T,
) -> T {
    let bar = output.bytes("counting", input::total_bytes(logs));
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if !bar.is_hidden() {
            // Without a thread for it, nothing is shown.
            let _ = std::thread::Builder::new().spawn_scoped(scope, || {
                while !ended.load(Ordering::Relaxed) {
                    bar.set_position(progress.done.load(Ordering::Relaxed));
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
        }
        let result = work();
        ended.store(true, Ordering::Relaxed);
        bar.finish_and_clear();
        result
    })
}

/// The lists of a question, open.
struct Lists {
    images: Vec<Image>,
    names: Vec<String>,
    labels: Option<Image>,
    own: Own,
    decider: Option<Decider>,
    /// Zones of the policy that have no opinion.
    exit: Exit,
}

impl Asked {
    fn check(&self) -> Result<(), Failure> {
        if self.image.is_empty() && self.config.is_none() {
            let what = "no list to ask: give --image IMAGE or --config FILE (or --partial)";
            return Err(Failure::new(Exit::Usage, what));
        }
        Ok(())
    }

    fn open(&self) -> Result<Lists, Failure> {
        let images = self.image.iter().map(|path| open::image(path));
        let images: Vec<Image> = images.collect::<Result<_, Failure>>()?;
        let names = names(&images, &self.image);
        let policy = self.config.as_deref().map(|path| check::open(path, now()));
        let (decider, exit) = match policy.transpose()? {
            Some((decider, exit)) => (Some(decider), exit),
            None => (None, Exit::Done),
        };
        Ok(Lists {
            decider,
            exit,
            images,
            names,
            labels: self.labels.as_deref().map(open::image).transpose()?,
            own: Own::new(self.own.iter().copied()),
        })
    }

    fn show(&self, lists: &mut Lists, tally: Tally, output: &Output) -> Result<Exit, Failure> {
        let asked = lists
            .images
            .iter()
            .zip(&lists.names)
            .map(|(image, name)| List {
                name: name.clone(),
                zone: image.base(),
                weight: Score::ONE,
            });
        let asked: Vec<List<'_>> = asked.collect();
        let bar = output.working("asking the lists");
        let impact = Impact::of(
            tally,
            Question {
                lists: &asked,
                own: &lists.own,
                policy: lists.decider.as_mut().map(|decider| (decider, now())),
                labels: lists.labels.as_ref().map(|image| Labels::new(image.base())),
                top: self.top,
            },
        )?;
        bar.finish_and_clear();
        self.print(&impact, output)
    }

    fn print(&self, impact: &Impact, output: &Output) -> Result<Exit, Failure> {
        if let Some(path) = &self.html {
            write_html(path, impact)?;
            output.detail(format_args!("{}: written", path.display()));
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        let printed = if self.json {
            serde_json::to_writer(&mut out, impact)
                .map_err(io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
        } else {
            text::print(impact, &mut out)
        };
        printed
            .and_then(|()| out.flush())
            .map_err(|error| Failure::printing(&error))?;
        Ok(Exit::Done)
    }
}

fn write_html(path: &Path, impact: &Impact) -> Result<(), Failure> {
    rblmap_image::place(path, html::report(impact)?.as_bytes())
        .map_err(|error| Failure::writing(path, &error))
}

/// What the report calls each list: its zone; of several images of one zone, the zone and the
/// serial; of several of one serial, the path.
fn names(images: &[Image], paths: &[PathBuf]) -> Vec<String> {
    let zones: Vec<String> = images.iter().map(|image| image.name().to_owned()).collect();
    let serials: Vec<String> = images
        .iter()
        .map(|image| format!("{}@{}", image.name(), image.serial()))
        .collect();
    let is_only =
        |names: &[String], name: &String| names.iter().filter(|other| *other == name).count() == 1;
    let mut names = Vec::new();
    for ((zone, serial), path) in zones.iter().zip(&serials).zip(paths) {
        names.push(if is_only(&zones, zone) {
            zone.clone()
        } else if is_only(&serials, serial) {
            serial.clone()
        } else {
            path.display().to_string()
        });
    }
    names
}
