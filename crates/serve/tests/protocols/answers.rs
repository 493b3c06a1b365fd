//! What is answered is what the policy decides.

use rblmap_policy::{Action, Choice, Request};

use crate::asking::{RULES, ask_milter, ask_policy, ask_query, ask_socketmap, client};
use crate::world::World;

/// Issue: the decision is the same through every adapter and `check`.
#[test]
fn every_adapter_answers_what_the_policy_decides() {
    let world = World::new(RULES);
    let mut decider = world.decider();
    let mut dice = fastrand::Rng::with_seed(5);
    let mut policy = world.connect("policy");
    let mut socketmap = world.connect("socketmap");
    let spellings = [
        "192.0.2.1",
        "192.0.2.3",
        "192.0.2.65",
        "192.0.2.81",
        "2001:db8:bad::5",
        "2001:db8:bad:0:0:0:0:5",
        "::ffff:192.0.2.1",
        "198.51.100.1",
    ];
    let random = (0..200).map(|_| format!("192.0.2.{}", dice.u8(..)));
    for address in spellings.into_iter().map(str::to_owned).chain(random) {
        let decision = decider.decide(
            &Request {
                recipient: "bob@local.example",
                ..Request::of_client(&address)
            },
            1_800_000_000,
        );
        let action = match decision.action {
            Action::Reject | Action::Defer => format!("action={}", decision.reply),
            Action::Tag => format!("action=PREPEND {}", decision.reply),
            _ => "action=DUNNO".to_owned(),
        };
        assert_eq!(ask_policy(&mut policy, &client(&address)), action);
        let refused = if decision.action.refuses() {
            decision.reply.clone()
        } else {
            String::new()
        };
        assert_eq!(ask_query(&world, "*", &address), refused);
        let found = if refused.is_empty() {
            "NOTFOUND ".to_owned()
        } else {
            format!("OK {refused}")
        };
        assert_eq!(
            ask_socketmap(
                &mut socketmap,
                &format!("ops.example+tag.example+late.example {address}")
            ),
            found
        );
        let header = if decision.action == Action::Tag {
            decision.reply
        } else {
            String::new()
        };
        for version in [2, 6] {
            assert_eq!(
                ask_milter(&world, &address, version),
                (refused.clone(), header.clone()),
                "{address}"
            );
        }
    }
    assert!(
        world
            .log()
            .contains("adapter=milter action=allowed client=192.0.2.3"),
        "{}",
        world.log()
    );
    let metrics = world.metrics();
    assert!(
        metrics.contains("rblmap_decisions_total{adapter=\"policy\",action=\"reject\"}"),
        "{metrics}"
    );
    assert!(metrics.contains(
        "rblmap_listings_total{zone=\"ops.example\",adapter=\"query\",action=\"reject\"}"
    ));
    assert!(metrics.contains("rblmap_decision_seconds_count"));
}

#[test]
fn a_question_may_be_for_some_zones() {
    let world = World::new(RULES);
    let mut decider = world.decider();
    let some = Request {
        zones: Choice::Named("ops.example"),
        ..Request::of_client("192.0.2.81")
    };
    assert_eq!(decider.decide(&some, 1).action, Action::Pass);
    assert_eq!(ask_query(&world, "ops.example", "192.0.2.81"), "");
    assert!(ask_query(&world, "ops.example+LATE.example", "192.0.2.81").starts_with("450 4.7.1 "));
    assert_eq!(
        ask_query(&world, "nobody.example", "192.0.2.1"),
        "",
        "an unknown zone passes"
    );
    let mut socketmap = world.connect("socketmap");
    for key in [
        "ops.example unknown",
        "nobody.example 192.0.2.1",
        "ops.example",
        "",
        "ops.example client.example",
    ] {
        assert_eq!(ask_socketmap(&mut socketmap, key), "NOTFOUND ", "{key}");
    }
    assert!(
        world
            .metrics()
            .contains("rblmap_malformed_total{adapter=\"socketmap\"} 3"),
        "{}",
        world.metrics()
    );
}

#[test]
fn who_has_logged_in_and_postmaster_pass() {
    let world = World::new(RULES);
    let mut stream = world.connect("policy");
    let mut with = |name: &'static str, value: &str| {
        let mut attributes = client("192.0.2.1");
        attributes.push((name, value.to_owned()));
        ask_policy(&mut stream, &attributes)
    };
    assert_eq!(with("sasl_username", "bob"), "action=DUNNO");
    assert_eq!(with("recipient", "Postmaster"), "action=DUNNO");
    assert_eq!(with("server_port", "587"), "action=DUNNO");
    assert_eq!(with("request", "something else"), "action=DUNNO");
    assert!(with("sasl_username", "").starts_with("action=550 "));
}
