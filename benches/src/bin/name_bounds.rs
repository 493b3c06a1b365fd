//! The information limit that deltas of names are held against: `name_bounds OLD.rbl NEW.rbl`. Prints,
//! separated by tabs: names of the old list, removed, added; bytes of the bound.
//!
//! Which names go, given the old list, and the letters of those that come, by a model of order 6 that
//! has read the old list and goes on learning; these come in any order, which saves the choice among
//! all. Values are not counted, nor what a name says of itself and of those below it.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::collections::BTreeSet;
use std::error::Error;

use rblmap::Image;
use rblmap_benches::bits::{choose, log2_factorial};
use rblmap_benches::name_model::NameModel;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut names = || -> Result<BTreeSet<String>, Box<dyn Error>> {
        let path = arguments
            .next()
            .ok_or("usage: name_bounds OLD.rbl NEW.rbl")?;
        let image: Image = rblmap_benches::map(path)?;
        let names = image.base().names();
        Ok(names.map(|rules| rules.key.to_string()).collect())
    };
    let (old, new) = (names()?, names()?);
    let removed = old.difference(&new).count();
    let added: Vec<&String> = new.difference(&old).collect();
    let mut model = NameModel::default();
    old.iter().for_each(|name| model.learn(name));
    let mut letters = 0.0;
    for name in &added {
        letters += model.bits(name);
        model.learn(name);
    }
    let bits = choose(old.len(), removed) + letters - log2_factorial(added.len());
    println!(
        "{}\t{removed}\t{}\t{:.0}",
        old.len(),
        added.len(),
        bits / 8.0
    );
    Ok(())
}
