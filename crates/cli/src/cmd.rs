//! The subcommands, one file each.

mod accept;
mod apply;
mod bench;
mod build;
mod bytes;
mod check;
mod check_addresses;
mod check_against;
mod completions;
mod diff;
mod dump;
mod duration;
mod edit;
mod filter;
mod freshness;
mod history;
mod impact;
mod info;
mod info_segment;
mod keygen;
mod keys;
mod list;
mod lookup;
mod lookup_filter;
mod manual;
mod map;
mod merge;
mod mirror;
mod networks;
mod open;
mod pack;
mod page;
mod publish;
mod relay;
mod rollback;
mod run;
mod serve;
mod similar;
mod source_args;
mod status;
mod time;
mod unpack;
mod verify;
mod watch;
mod write;

use std::path::Path;
use std::time::SystemTime;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Build(build::Args),
    Lookup(lookup::Args),
    Info(info::Args),
    Verify(verify::Args),
    Dump(dump::Args),
    Edit(edit::Args),
    Diff(diff::Args),
    Apply(apply::Args),
    Pack(pack::Args),
    Page(page::Args),
    Unpack(unpack::Args),
    // `squash` is the old name, kept until the first release.
    #[command(alias = "squash")]
    Merge(merge::Args),
    Keygen(keygen::Args),
    Publish(publish::Args),
    Mirror(mirror::Args),
    Relay(relay::Args),
    Keys(keys::Args),
    Rollback(rollback::Args),
    Accept(accept::Args),
    Status(status::Args),
    Serve(serve::Args),
    Filter(filter::Args),
    Check(check::Args),
    Impact(impact::Args),
    History(history::Args),
    Similar(similar::Args),
    List(list::Args),
    Watch(watch::Args),
    Map(map::Args),
    Bench(bench::Args),
    Completions(completions::Args),
    Manual(manual::Args),
}

impl Command {
    /// Whether a command's work is shared among threads. Those that are called often and do little
    /// begin none.
    pub(crate) fn shares_its_work(&self) -> bool {
        !matches!(
            self,
            Command::Lookup(_)
                | Command::Keygen(_)
                | Command::Status(_)
                | Command::Serve(_)
                | Command::Filter(_)
                | Command::Completions(_)
                | Command::Manual(_)
        )
    }

    pub(crate) fn run(self, output: &Output) -> Result<Exit, Failure> {
        match self {
            Command::Build(args) => build::run(args, output),
            Command::Lookup(args) => lookup::run(args),
            Command::Info(args) => info::run(args),
            Command::Verify(args) => verify::run(args, output),
            Command::Dump(args) => dump::run(args, output),
            Command::Edit(args) => edit::run(args, output),
            Command::Diff(args) => diff::run(args, output),
            Command::Apply(args) => apply::run(args, output),
            Command::Pack(args) => pack::run(args, output),
            Command::Page(args) => page::run(args, output),
            Command::Unpack(args) => unpack::run(args, output),
            Command::Merge(args) => merge::run(args, output),
            Command::Keygen(args) => keygen::run(args, output),
            Command::Publish(args) => publish::run(args, output),
            Command::Mirror(args) => mirror::run(args, output),
            Command::Relay(args) => relay::run(args, output),
            Command::Keys(args) => keys::run(args, output),
            Command::Rollback(args) => rollback::run(args, output),
            Command::Accept(args) => accept::run(args, output),
            Command::Status(args) => status::run(&args, output),
            Command::Serve(args) => serve::run(&args),
            Command::Filter(args) => filter::run(&args),
            Command::Check(args) => check::run(args, output),
            Command::Impact(args) => impact::run(args, output),
            Command::History(args) => history::run(args, output),
            Command::Similar(args) => similar::run(args, output),
            Command::List(args) => list::run(args),
            Command::Watch(args) => watch::run(args),
            Command::Map(args) => map::run(args, output),
            Command::Bench(args) => bench::run(args, output),
            Command::Completions(args) => completions::run(args),
            Command::Manual(args) => manual::run(args, output),
        }
    }
}

/// Seconds since 1970, for the commands that compare with the time; nothing below them asks for it.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// The password that protects secret keys, if one is given: in a file, or in the environment.
fn password(file: Option<&Path>) -> Result<Option<String>, Failure> {
    secret(file, "RBLMAP_PASSWORD")
}

/// A password: the first line of a file, else that of a variable of the environment.
fn secret(file: Option<&Path>, variable: &str) -> Result<Option<String>, Failure> {
    let text = match file {
        Some(path) => {
            let read = std::fs::read_to_string(path);
            Some(read.map_err(|error| Failure::reading(path, &error))?)
        }
        None => std::env::var(variable).ok(),
    };
    let line = text.as_deref().and_then(|text| text.lines().next());
    let line = line.filter(|line| !line.is_empty());
    match (file, line) {
        (Some(path), None) => {
            let what = format!("{}: no password in it", path.display());
            Err(Failure::new(Exit::BadInput, what))
        }
        (_, line) => Ok(line.map(str::to_owned)),
    }
}
