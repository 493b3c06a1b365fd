//! The hot paths once each, for whoever counts instructions; `scripts/instructions` does.
//! `instructions make FOLDER` writes what they need; `instructions run FOLDER` runs each within
//! [`counted`], around which callgrind counts. It prints the code that the processor chose, then for
//! each path its name and how many lookups or entries it had, in the order in which they ran.

#![allow(clippy::print_stdout, reason = "prints its result")]
#![allow(clippy::indexing_slicing, reason = "a bench may panic")]

use std::error::Error;
use std::fmt::{Display, Write};
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use fastrand::Rng;
use rblmap::{Image, NameKey};
use rblmap_benches::lists::{self, Queries, content_of, find};
use rblmap_benches::{Entry, churn, clustered, content};
use rblmap_content::Content;
use rblmap_delta::{Limits, Session, apply, diff, pack, unpack};
use rblmap_image::{Stamp, encode};
use rblmap_zonefile::{Options, Spec, build};

/// Entries of the lists that are asked. So many addresses have every section that ten million have.
const ADDRESSES: usize = 2_000_000;
const PREFIXES: usize = 200_000;
const NAMES: usize = 200_000;
const QUERIES: usize = 50_000;
/// Entries of the lists that are built and sent.
const LISTED: usize = 100_000;
/// Entries of the list that is large enough to have lines.
const IN_LINES: usize = 400_000;
const SEED: u64 = 10;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [what, folder] if what == "make" => Folder(folder.into()).make(),
        [what, folder] if what == "run" => Folder(folder.into()).run(),
        _ => Err("usage: instructions make|run FOLDER".into()),
    }
}

/// Where lists, images and questions are.
struct Folder(PathBuf);

/// Writes them.
impl Folder {
    fn make(&self) -> Result<(), Failure> {
        self.make_v4()?;
        self.make_v6()?;
        self.make_names()?;
        let old = clustered(LISTED, SEED);
        let mut text = String::new();
        for entry in &old {
            let address = Ipv4Addr::from(entry.address);
            writeln!(text, "{address} 127.0.0.{}", entry.reason)?;
        }
        fs::write(self.path("addresses.txt"), text)?;
        self.put_versions("few", &old)?;
        self.put_versions("many", &clustered(IN_LINES, SEED))
    }

    /// The image of a list, and of one with 1 % of it changed.
    fn put_versions(&self, name: &str, old: &[Entry]) -> Result<(), Failure> {
        let new: Vec<_> = churn(old, 0.01, SEED + 1).collect();
        self.put_image(&format!("{name}-old"), &content(old)?)?;
        self.put_image(&format!("{name}-new"), &content(&new)?)
    }

    fn make_v4(&self) -> Result<(), Failure> {
        let list = lists::singles("IPv4", ADDRESSES);
        self.put_image("v4", &content_of(&list.runs, &[], &[])?)?;
        let queries = Queries::new(&list, QUERIES);
        self.put_queries("v4-hit", &queries.hit)?;
        self.put_queries("v4-miss", &queries.miss)
    }

    fn make_v6(&self) -> Result<(), Failure> {
        let list = lists::v6("IPv6", PREFIXES);
        self.put_image("v6", &content_of(&[], &list.runs, &[])?)?;
        let rng = &mut Rng::with_seed(SEED);
        let listed = |rng: &mut Rng| {
            let run = list.runs[rng.usize(..list.runs.len())];
            rng.u128(run.start..=run.end)
        };
        let unlisted = |rng: &mut Rng| loop {
            // In the /32 of one that is listed.
            let address = listed(rng) ^ rng.u128(..1 << 96);
            if find(&list.runs, address) == 0 {
                return address;
            }
        };
        let hit: Vec<u128> = (0..QUERIES).map(|_| listed(rng)).collect();
        let miss: Vec<u128> = (0..QUERIES).map(|_| unlisted(rng)).collect();
        self.put_queries("v6-hit", &hit)?;
        self.put_queries("v6-miss", &miss)
    }

    fn make_names(&self) -> Result<(), Failure> {
        let names = lists::names(2 * NAMES);
        let (listed, unlisted) = names.split_at(NAMES);
        self.put_image("names", &content_of(&[], &[], listed)?)?;
        let rng = &mut Rng::with_seed(SEED);
        for (file, of) in [("name-hit", listed), ("name-miss", unlisted)] {
            let queries: Vec<NameKey> = (0..QUERIES).map(|_| of[rng.usize(..of.len())].0).collect();
            self.put_queries(file, &queries)?;
        }
        let mut text = String::new();
        for (name, reason) in &listed[..LISTED] {
            writeln!(text, "{name} 127.0.0.{reason}")?;
        }
        Ok(fs::write(self.path("names.txt"), text)?)
    }

    fn put_image(&self, name: &str, content: &Content) -> Result<(), Failure> {
        let bytes = encode(content, Stamp::default())?;
        Ok(fs::write(self.path(&format!("{name}.rbl")), bytes)?)
    }

    fn put_queries<Q: Display>(&self, name: &str, queries: &[Q]) -> Result<(), Failure> {
        let mut text = String::new();
        for query in queries {
            writeln!(text, "{query}")?;
        }
        Ok(fs::write(self.path(name), text)?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// Runs the paths.
impl Folder {
    fn run(&self) -> Result<(), Failure> {
        println!("code {}", code());
        self.ask_v4()?;
        self.ask_others()?;
        self.build("addresses")?;
        self.build("names")?;
        self.update("few", LISTED, "")?;
        self.update("many", IN_LINES, ", lines")
    }

    fn ask_v4(&self) -> Result<(), Failure> {
        let image = self.image("v4")?;
        let zone = image.base();
        let one = |address: &u32| zone.lookup_v4(*address).is_listed();
        for (what, listed) in [("hit", true), ("miss", false)] {
            let queries: Vec<u32> = self.queries(&format!("v4-{what}"), str::parse)?;
            ask(&format!("IPv4 {what}"), &queries, one, listed);
            let mut values = vec![None; queries.len()];
            path(&format!("IPv4 {what}, at once"), queries.len(), || {
                zone.lookup_v4_many(&queries, &mut values);
            });
            assert!(values.iter().all(|value| value.is_some() == listed));
        }
        Ok(())
    }

    fn ask_others(&self) -> Result<(), Failure> {
        let [v6, names] = [self.image("v6")?, self.image("names")?];
        let [v6, names] = [v6.base(), names.base()];
        for (what, listed) in [("hit", true), ("miss", false)] {
            let queries = self.queries(&format!("v6-{what}"), u128::from_str)?;
            let one = |address: &u128| v6.lookup_v6(*address).is_listed();
            ask(&format!("IPv6 {what}"), &queries, one, listed);
            let key = |text: &str| NameKey::parse(text.as_bytes());
            let queries = self.queries(&format!("name-{what}"), key)?;
            let one = |name: &NameKey| names.lookup_name(name).is_listed();
            ask(&format!("name {what}"), &queries, one, listed);
        }
        Ok(())
    }

    /// Text to image.
    fn build(&self, list: &str) -> Result<(), Failure> {
        let source = self.path(&format!("{list}.txt"));
        let spec: Spec = format!("bench.example:plain:{}", source.display()).parse()?;
        let image = path(&format!("build, {list}"), LISTED, || {
            let built = build(&[spec], &Options::default())?;
            Ok::<_, Failure>(encode(&built.content, Stamp::default())?)
        })?;
        assert!(image.len() > LISTED, "as many entries as lines");
        Ok(())
    }

    /// What goes over the wire, and comes from it: of the images of this name, with so many entries.
    fn update(&self, name: &str, count: usize, layout: &str) -> Result<(), Failure> {
        let image = |version: &str| self.image(&format!("{name}-{version}"));
        let (old, new) = (image("old")?, image("new")?);
        let (session, limits) = (Session(1), Limits::default());
        let named = |what: &str| format!("{what}{layout}");
        let snapshot = path(&named("pack"), count, || pack(&new, session))?;
        let unpacked = path(&named("unpack"), count, || unpack(&snapshot, &limits))?;
        assert!(unpacked == new.as_bytes(), "what was packed");
        let delta = path(&named("diff 1 %"), count, || diff(&old, &new, session))?;
        let applied = path(&named("apply 1 %"), count, || {
            apply(&old, &[&delta], &limits)
        })?;
        assert!(applied == new.as_bytes(), "the delta leads there");
        Ok(())
    }

    fn image(&self, name: &str) -> Result<Image, Failure> {
        Ok(rblmap_benches::map(self.path(&format!("{name}.rbl")))?)
    }

    fn queries<Q, E: Error + 'static>(
        &self,
        name: &str,
        query: impl Fn(&str) -> Result<Q, E>,
    ) -> Result<Vec<Q>, Failure> {
        let text = fs::read_to_string(self.path(name))?;
        Ok(text.lines().map(query).collect::<Result<_, E>>()?)
    }
}

/// What the code that runs depends on, beside the sources.
fn code() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return "x86_64 with AVX2";
    }
    std::env::consts::ARCH
}

/// Callgrind counts while this runs.
#[inline(never)]
fn counted(path: &mut dyn FnMut()) {
    path();
}

/// Runs a path over `count` of something.
fn path<T>(name: &str, count: usize, path: impl FnOnce() -> T) -> T {
    let (mut path, mut result) = (Some(path), None);
    counted(&mut || result = path.take().map(|path| path()));
    println!("path {count} {name}");
    result.expect("it has run")
}

/// Asks one question after the other.
fn ask<Q>(name: &str, queries: &[Q], is_listed: impl Fn(&Q) -> bool, listed: bool) {
    let found = path(name, queries.len(), || {
        queries.iter().filter(|query| is_listed(query)).count()
    });
    assert_eq!(found, if listed { queries.len() } else { 0 }, "{name}");
}
