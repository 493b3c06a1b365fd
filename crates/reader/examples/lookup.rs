//! Looks keys up in a list, in threads, as a mail server would.
//!
//!     lookup FOLDER|IMAGE ZONE|- NOW KEY...      prints one line a key

#![allow(clippy::print_stdout, reason = "answers go there")]

use std::error::Error;
use std::process::ExitCode;
use std::thread;

use rblmap::{Freshness, Live, LiveReader, Query};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, zone, now, keys @ ..] = args.as_slice() else {
        return Err("usage: lookup FOLDER|IMAGE ZONE|- NOW KEY...".into());
    };
    let now: u64 = now.parse()?;
    let builder = match zone.as_str() {
        "-" => Live::builder_of_image(path),
        zone => Live::builder(path, zone),
    };
    let live = builder.read()?;
    // A subzone that the image does not have is not the same as one that lists nothing.
    if live.reader().image().zone("no-such-zone")?.is_some() {
        return Err("no-such-zone is there".into());
    }
    // Each thread has a reader of its own.
    thread::scope(|scope| {
        for _ in 0..2 {
            let mut reader = live.reader();
            scope.spawn(move || {
                let zone = reader.image().base();
                (0..1_000).filter(|&host| zone.contains_v4(host)).count()
            });
        }
    });
    let mut reader = live.reader();
    if reader.current(now).freshness() == Freshness::Stale {
        eprintln!("stale: the mirror is late");
    }
    keys.iter().try_for_each(|key| show(&mut reader, key, now))
}

/// Says what a list has to say of a key.
fn show(reader: &mut LiveReader, key: &str, now: u64) -> Result<(), Box<dyn Error>> {
    // One call takes the newest image, and says whether it counts.
    let current = reader.current(now);
    let (freshness, zone) = (current.freshness(), current.base());
    let query = match Query::parse(key) {
        Ok(query) => query,
        Err(error) => {
            eprintln!("{key}: {error}");
            println!("{key} neither an address nor a name");
            return Ok(());
        }
    };
    let answer = query.lookup(zone);
    if freshness >= Freshness::Expired {
        println!("{key} expired");
    } else if answer.is_listed() {
        println!("{key} listed {}", answer.reply("554 5.7.1 "));
    } else {
        println!("{key} not listed");
    }
    Ok(())
}
