//! Random policies beside a model that knows the rules only.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use rblmap_policy::{Action, Choice, Decision, Request};

use crate::world::{NOW, World};

/// Random policies over random lists beside a model that knows the rules only.
#[test]
fn random_policies_decide_as_the_model() {
    let mut dice = fastrand::Rng::with_seed(2311);
    let names = ["a.example", "b.example", "c.example", "d.example"];
    for round in 0..40 {
        let world = World::new();
        let mut lists: HashMap<&str, Vec<u8>> = HashMap::new();
        for name in names {
            let listed: Vec<u8> = (0..16).filter(|_| dice.u8(..3) == 0).collect();
            let mut text = "127.0.0.2\n".to_owned();
            listed
                .iter()
                .for_each(|last| text.push_str(&format!("192.0.2.{last}\n")));
            world.zone(name, &text);
            lists.insert(name, listed);
        }
        let modes: Vec<&str> = names
            .iter()
            .map(|_| {
                *dice
                    .choice(&["off", "log", "tag", "defer", "reject"])
                    .unwrap()
            })
            .collect();
        let weights: Vec<i64> = names.iter().map(|_| dice.i64(-3..8)).collect();
        let scored = dice.bool();
        let (allowed, exempt) = (dice.u8(..16), dice.u8(..16));
        let mut text = String::new();
        for ((name, mode), weight) in names.iter().zip(&modes).zip(&weights) {
            text.push_str(&format!("[[zone]]\nname = \"{name}\"\nfrom = \"DIR/{name}.rbl\"\nmode = \"{mode}\"\nweight = {weight}\n"));
        }
        text.push_str(&format!("[[allow]]\nnetworks = [\"192.0.2.{allowed}\"]\n[exempt]\nnetworks = [\"192.0.2.{exempt}\"]\n"));
        if scored {
            text.push_str("[score]\nreject = 8\ndefer = 6\ntag = 4\n");
        }
        let mut decider = world.decider(&text);
        for last in 0..16u8 {
            let request = Request {
                client: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))),
                ..Request::default()
            };
            let decision = decider.decide(&request, NOW);
            let hits: Vec<usize> = (0..4)
                .filter(|&z| modes[z] != "off" && lists[names[z]].contains(&last))
                .collect();
            let expected = model(
                &hits,
                &modes,
                &weights,
                scored,
                last == allowed,
                last == exempt,
            );
            assert_eq!(
                decision.action.word(),
                expected,
                "round {round} client {last}\n{text}"
            );
            without_quiet_zones(&world, &text, &request, &decision);
            let everything = Request {
                zones: Choice::Named("a.example+b.example+c.example+d.example"),
                ..request
            };
            assert_eq!(decider.decide(&everything, NOW), decision);
        }
    }
}

/// What is done with mail is the same when zones in mode log are off.
fn without_quiet_zones(world: &World, text: &str, request: &Request<'_>, decision: &Decision) {
    let quiet = text.replace("mode = \"log\"", "mode = \"off\"");
    if quiet == text {
        return;
    }
    let without = world.decide(&quiet, request);
    assert_eq!(without.reply, decision.reply, "{text}");
    let acts = |action: Action| matches!(action, Action::Tag | Action::Defer | Action::Reject);
    assert_eq!(acts(without.action), acts(decision.action), "{text}");
}

fn model(
    hits: &[usize],
    modes: &[&str],
    weights: &[i64],
    scored: bool,
    allowed: bool,
    exempt: bool,
) -> &'static str {
    const ORDER: [&str; 5] = ["pass", "log", "tag", "defer", "reject"];
    let rank = |zone: &usize| ORDER.iter().position(|mode| *mode == modes[*zone]).unwrap();
    if hits.is_empty() {
        return "pass";
    }
    if allowed {
        return "allowed";
    }
    if exempt {
        return "exempt";
    }
    let strongest = hits.iter().map(rank).max().unwrap();
    if !scored {
        return ORDER[strongest];
    }
    let acting: Vec<usize> = hits
        .iter()
        .copied()
        .filter(|zone| rank(zone) >= 2)
        .collect();
    let sum: i64 = acting.iter().map(|zone| weights[*zone]).sum();
    let cap = acting
        .iter()
        .filter(|zone| weights[**zone] > 0)
        .map(rank)
        .max()
        .unwrap_or(0);
    let reached = match sum {
        8.. => 4,
        6.. => 3,
        4.. => 2,
        _ => 0,
    };
    match reached.min(cap) {
        0 if hits.iter().any(|zone| rank(zone) == 1) => "log",
        done => ORDER[done],
    }
}
