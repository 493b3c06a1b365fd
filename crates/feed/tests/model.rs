//! Random lives of a feed with three sources and one mirror, beside a model that knows who may be
//! believed and nothing of files: what must be served, and what must be told. A life that goes wrong is
//! made shorter, step by step, until each step is needed.
//!
//! `RBLMAP_FEED_LIVES=1000 RBLMAP_SEED=7 cargo test -p rblmap-feed --test model` lives more of them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and say what they did"
)]

mod life;
mod world;

use std::path::PathBuf;

use life::{Life, Step};

const STEPS: usize = 40;

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

/// Lives a life. Gives it, or why it went wrong. A panic counts as well.
fn lived(steps: &[Step]) -> Result<Life, String> {
    let lived = std::panic::catch_unwind(|| {
        let mut life = Life::new();
        for (at, step) in steps.iter().enumerate() {
            life.take(step)
                .map_err(|fault| format!("step {at}, {step:?}: {fault}"))?;
        }
        life.recovers()?;
        Ok(life)
    });
    lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.unwrap_or_else(|| "a panic".to_owned()))
    })
}

fn fault(steps: &[Step]) -> Option<String> {
    lived(steps).err()
}

/// Leaves out steps as long as the life still goes wrong.
fn shortest(mut steps: Vec<Step>) -> Vec<Step> {
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < steps.len() {
            let end = (at + size).min(steps.len());
            let fewer = [&steps[..at], &steps[end..]].concat();
            // The order of sources is random: what fails once in four is still a fault.
            match (0..4).any(|_| fault(&fewer).is_some()) {
                true => steps = fewer,
                false => at += size,
            }
        }
        size /= 2;
    }
    steps
}

#[test]
fn random_lives_serve_and_tell_as_the_model() {
    let (first, lives) = (number("RBLMAP_SEED", 1), number("RBLMAP_FEED_LIVES", 8));
    let (mut by_announced, mut given_up) = (0, 0);
    for seed in first..first + lives {
        let mut random = fastrand::Rng::with_seed(seed);
        let steps: Vec<Step> = (0..STEPS).map(|_| Step::random(&mut random)).collect();
        match lived(&steps) {
            Ok(life) => {
                by_announced += life.by_announced;
                given_up += life.given_up;
            }
            Err(fault) => {
                let fewest = shortest(steps);
                panic!("seed {seed}: {fault}\nfewest steps: {fewest:#?}");
            }
        }
    }
    println!("{lives} lives of {STEPS} steps, from seed {first}");
    println!("{by_announced} times taken by an announced key, {given_up} times given up");
}

#[test]
fn an_announced_key_takes_over_and_the_offline_key_gives_up() {
    let mut steps = vec![Step::Mirror, Step::Announce, Step::Mirror, Step::Week];
    steps.extend([Step::Mirror, Step::TakeOver, Step::Publish(3), Step::Mirror]);
    let life = lived(&steps).unwrap();
    assert!(life.by_announced > 0 && life.given_up == 0);
    // The online key alone takes no answers away, the offline key does.
    steps.extend([Step::Retire(false), Step::Mirror, Step::Check]);
    assert_eq!(lived(&steps).unwrap().given_up, 0);
    steps.extend([Step::Retire(true), Step::Mirror]);
    assert_eq!(lived(&steps).unwrap().given_up, 1);
}

/// Not a test of its own: the mirror that is killed while it works.
#[test]
fn child() {
    if let Some(dir) = std::env::var_os("RBLMAP_FEED_LIFE") {
        let now = number("RBLMAP_FEED_NOW", 0);
        life::mirror_alone(&PathBuf::from(dir), now);
    }
}

/// A model that can be wrong about nothing finds nothing: here the feed lies to it.
#[test]
fn a_wrong_image_is_found_and_the_life_made_short() {
    let mut steps = vec![Step::Publish(3), Step::Copy(0), Step::Mirror, Step::Wait(1)];
    steps.push(Step::Lie);
    steps.extend([Step::Heartbeat, Step::Check]);
    assert!(fault(&steps).unwrap().contains("serves"), "not seen");
    let fewest = shortest(steps);
    assert_eq!(fewest, [Step::Mirror, Step::Lie, Step::Check]);
}

/// The mirror's image is of the session before, since it saw the new one only when the zone was given
/// up. It once blamed the delta that does not fit, and had no way from the snapshot without it.
#[test]
fn a_zone_that_comes_back_in_a_new_session_is_taken() {
    let mut steps = vec![Step::Mirror, Step::Restore(true), Step::Retire(true)];
    steps.extend([Step::Mirror, Step::Publish(2_919_571_521), Step::Mirror]);
    assert_eq!(fault(&steps), None);
}
