//! Each rule of the file by an example.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rblmap_policy::{Action, Decision, Request, Trouble, client_address};

use crate::world::{LISTED, NOW, OPS, World, client, ops};

#[test]
fn a_zone_that_says_nothing_else_is_only_logged() {
    let world = ops();
    let decision = world.decide(OPS, &client(LISTED));
    assert_eq!(
        (decision.action, decision.would),
        (Action::Log, Action::Reject)
    );
    assert_eq!(decision.reply, "");
    let decision = world.decide(OPS, &client("198.51.100.1"));
    assert_eq!(decision, Decision::default());
}

#[test]
fn each_mode_does_what_it_says() {
    let world = ops();
    let decide = |mode: &str| world.decide(&format!("{OPS}mode = \"{mode}\"\n"), &client(LISTED));
    let text = "Service unavailable; client [192.0.2.1] is listed in ops.example";
    let decision = decide("reject");
    assert_eq!(
        (decision.action, decision.reply),
        (Action::Reject, format!("550 5.7.1 {text}"))
    );
    let decision = decide("defer");
    assert_eq!(
        (decision.action, decision.reply),
        (Action::Defer, format!("450 4.7.1 {text}"))
    );
    let decision = decide("tag");
    assert_eq!(decision.action, Action::Tag);
    assert_eq!(
        decision.reply,
        "X-Rblmap: ops.example 127.0.0.4 client [192.0.2.1]"
    );
    assert_eq!(decide("off"), Decision::default());
}

#[test]
fn mapped_and_slash_64_clients_are_treated_alike() {
    let world = ops();
    let text = format!("{OPS}mode = \"reject\"\n");
    for address in [
        "192.0.2.1",
        "::ffff:192.0.2.1",
        "IPv6:::ffff:c000:201",
        "2001:db8:bad::1",
        "2001:db8:bad:0:ffff:ffff:ffff:ffff",
    ] {
        let decision = world.decide(&text, &client(address));
        assert_eq!(decision.action, Action::Reject, "{address}");
        let canonical = client_address(address).unwrap();
        assert!(
            decision.reply.contains(&format!("[{canonical}]")),
            "{}",
            decision.reply
        );
    }
    assert_eq!(
        world.decide(&text, &client("2001:db8:bad:1::1")).action,
        Action::Pass
    );
}

#[test]
fn codes_choose_what_counts() {
    let world = World::new();
    world.zone("ops.example", "192.0.2.1 127.0.0.2\n192.0.2.2 127.0.0.12\n192.0.2.3 127.255.255.254\n192.0.2.4 127.1.0.9\n");
    let actions = |codes: &str| {
        let mut decider = world.decider(&format!("{OPS}mode = \"reject\"\n{codes}\n"));
        [1, 2, 3, 4].map(|last| {
            let request = Request {
                client: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))),
                ..Request::default()
            };
            decider.decide(&request, NOW).action == Action::Reject
        })
    };
    assert_eq!(actions(""), [true, true, false, true]);
    assert_eq!(
        actions("codes = \"127.0.0.[2..11]\""),
        [true, false, false, false]
    );
    assert_eq!(
        actions("codes = \"127.[0..255].[0..255].[0..255]\""),
        [true, true, false, true]
    );
}

#[test]
fn names_are_looked_up_where_the_zone_holds_names() {
    let world = ops();
    let text = format!("{OPS}mode = \"reject\"\n");
    let clean = client("198.51.100.1");
    let helo = Request {
        helo: "mail.BAD.example.",
        ..clean
    };
    let sender = Request {
        sender: "<joe@bad.example>",
        ..clean
    };
    let rdns = Request {
        rdns: "x.bad.example",
        ..clean
    };
    for (request, says) in [
        (helo, "HELO name [mail.bad.example]"),
        (sender, "sender domain [bad.example]"),
        (rdns, "client name [x.bad.example]"),
    ] {
        let decision = world.decide(&text, &request);
        assert!(decision.reply.contains(says), "{}", decision.reply);
    }
    let only_helo = format!("{text}looks = [\"helo\"]\n");
    assert_eq!(world.decide(&only_helo, &sender).action, Action::Pass);
    assert_eq!(
        world.decide(&only_helo, &client(LISTED)).action,
        Action::Pass
    );
    assert_eq!(world.decide(&only_helo, &helo).action, Action::Reject);
    for helo in ["[192.0.2.1]", "unknown", "", "192.0.2.1", "a..b"] {
        assert_eq!(
            world.decide(&only_helo, &Request { helo, ..clean }).action,
            Action::Pass,
            "{helo}"
        );
    }
}

#[test]
fn the_strongest_mode_of_several_zones_decides() {
    let world = ops();
    world.zone("dul.example", "192.0.2.1\n192.0.2.2\n");
    let second = |mode: &str, first: &str| {
        let text = format!(
            "{OPS}mode = \"{first}\"\n[[zone]]\nname = \"dul.example\"\nfrom = \"DIR/dul.example.rbl\"\nmode = \"{mode}\"\n"
        );
        world.decide(&text, &client(LISTED))
    };
    assert_eq!(second("tag", "defer").action, Action::Defer);
    let decision = second("reject", "defer");
    assert_eq!(decision.action, Action::Reject);
    assert!(
        decision.reply.contains("dul.example"),
        "the zone that decides is named"
    );
    assert!(
        second("reject", "reject").reply.contains("ops.example"),
        "the first of equals"
    );
}

/// Weights add up; a zone that may only tag adds to the sum, and modes cap what is done.
#[test]
fn weights_add_up_and_modes_cap() {
    let world = ops();
    world.zone("dul.example", "192.0.2.1\n192.0.2.2\n");
    world.zone("good.example", "192.0.2.2\n");
    let text = |ops: &str, dul: &str| {
        format!(
            "{OPS}mode = \"{ops}\"\nweight = 5\n[[zone]]\nname = \"dul.example\"\nfrom = \"DIR/dul.example.rbl\"\nmode = \"{dul}\"\nweight = 3\n\
            [[zone]]\nname = \"good.example\"\nfrom = \"DIR/good.example.rbl\"\nmode = \"reject\"\nweight = -2.5\n[score]\nreject = 8\ndefer = 6\ntag = 5\n"
        )
    };
    let action =
        |ops: &str, dul: &str, address: &str| world.decide(&text(ops, dul), &client(address));
    let decision = action("reject", "reject", "192.0.2.1");
    assert_eq!(
        (decision.action, decision.score.to_string().as_str()),
        (Action::Reject, "8")
    );
    assert!(
        decision.reply.contains("ops.example"),
        "the heaviest is named: {}",
        decision.reply
    );
    let mut decider = world.decider(&text("reject", "reject"));
    let decision = decider.decide(&client("192.0.2.2"), NOW);
    assert_eq!(
        (decision.action, decision.score.to_string().as_str()),
        (Action::Tag, "5.5")
    );
    assert_eq!(
        decision.terms(decider.policy()),
        "ops.example 5 + dul.example 3 - good.example 2.5 = 5.5 >= 5 (tag)"
    );
    assert_eq!(
        action("reject", "reject", "192.0.2.9").action,
        Action::Tag,
        "5 reaches tag"
    );
    assert_eq!(action("reject", "tag", "192.0.2.1").action, Action::Reject);
    assert_eq!(
        action("tag", "tag", "192.0.2.1").action,
        Action::Tag,
        "capped"
    );
    assert_eq!(
        action("defer", "tag", "192.0.2.1").action,
        Action::Defer,
        "capped"
    );
    assert_eq!(
        action("log", "reject", "192.0.2.1").action,
        Action::Log,
        "3 reaches nothing"
    );
    assert_eq!(action("log", "reject", "192.0.2.1").would, Action::Reject);
}

#[test]
fn an_allowed_client_always_passes_and_the_report_says_where_it_is_allowed() {
    let world = ops();
    let file = world.path("allow.txt");
    std::fs::write(&file, "# partners\n192.0.2.64/26\n.partner.example\n").unwrap();
    let text = format!(
        "{OPS}mode = \"reject\"\n[[allow]]\nnetworks = [\n  \"192.0.2.1\",\n]\nnames = [\"friend.example\"]\nfiles = [\"DIR/allow.txt\"]\n"
    );
    let mut decider = world.decider(&text);
    let mut terms = |request: &Request<'_>| {
        let decision = decider.decide(request, NOW);
        (decision.action, decision.terms(decider.policy()))
    };
    let listed = "ops.example reject; listed, but allowed here";
    assert_eq!(
        terms(&client("192.0.2.1")),
        (Action::Allowed, format!("{listed} (mail.toml:7)"))
    );
    assert_eq!(
        terms(&client("::ffff:192.0.2.70")),
        (Action::Allowed, format!("{listed} ({}:2)", file.display()))
    );
    let other = client("192.0.2.200");
    assert_eq!(terms(&other).0, Action::Reject);
    let verified = Request {
        verified: "mx.partner.example",
        ..other
    };
    assert_eq!(
        terms(&verified),
        (Action::Allowed, format!("{listed} ({}:3)", file.display()))
    );
    assert_eq!(
        terms(&Request {
            rdns: "mx.partner.example",
            ..other
        })
        .0,
        Action::Reject,
        "a name that does not lead back"
    );
    assert_eq!(
        terms(&Request {
            sender: "bob@friend.example",
            ..other
        })
        .1,
        format!("{listed} (mail.toml:9)")
    );
    assert_eq!(
        terms(&Request {
            helo: "x.friend.example",
            ..other
        })
        .0,
        Action::Reject
    );
    assert_eq!(
        terms(&client("198.51.100.1")),
        (Action::Pass, String::new()),
        "not listed: nothing to allow"
    );
    assert_eq!(
        terms(&Request {
            recipient: "postmaster@x",
            ..client("192.0.2.1")
        })
        .0,
        Action::Allowed
    );
}

#[test]
fn exempt_clients_and_recipients_pass() {
    let world = ops();
    let base = format!("{OPS}mode = \"reject\"\n");
    let text = format!(
        "{base}[exempt]\nrecipients = [\"help\", \"bob@a.example\", \"@b.example\"]\nnetworks = [\"192.0.2.10\"]\nforwarders = [\"192.0.2.20\"]\n"
    );
    let listed = client(LISTED);
    for recipient in ["postmaster", "<Postmaster>", "ABUSE@x.example"] {
        let request = Request {
            recipient,
            ..listed
        };
        assert_eq!(
            world.decide(&base, &request).action,
            Action::Exempt,
            "{recipient}"
        );
        assert_eq!(
            world.decide(&text, &request).action,
            Action::Reject,
            "{recipient}: the list replaces the default"
        );
    }
    for recipient in ["help@x", "BOB@A.example", "any@b.example"] {
        assert_eq!(
            world
                .decide(
                    &text,
                    &Request {
                        recipient,
                        ..listed
                    }
                )
                .action,
            Action::Exempt,
            "{recipient}"
        );
    }
    assert_eq!(
        world
            .decide(
                &base,
                &Request {
                    authenticated: true,
                    ..listed
                }
            )
            .action,
        Action::Exempt
    );
    assert_eq!(
        world
            .decide(
                &base,
                &Request {
                    port: Some(587),
                    ..listed
                }
            )
            .action,
        Action::Exempt
    );
    assert_eq!(
        world
            .decide(
                &base,
                &Request {
                    port: Some(25),
                    ..listed
                }
            )
            .action,
        Action::Reject
    );
    assert_eq!(
        world.decide(&text, &client("192.0.2.10")).action,
        Action::Exempt
    );
    assert_eq!(
        world.decide(&text, &client("192.0.2.20")).action,
        Action::Log,
        "a forwarder is only logged"
    );
    let strict = format!("{base}[exempt]\nauthenticated = false\nports = []\n");
    assert_eq!(
        world
            .decide(
                &strict,
                &Request {
                    authenticated: true,
                    port: Some(587),
                    ..listed
                }
            )
            .action,
        Action::Reject
    );
    assert_eq!(
        world
            .decide(
                &strict,
                &Request {
                    recipient: "postmaster",
                    ..listed
                }
            )
            .action,
        Action::Exempt
    );
}

#[test]
fn recipients_have_weaker_modes_of_their_own() {
    let world = ops();
    let text = format!(
        "{OPS}mode = \"reject\"\n[[recipient]]\nwho = [\"bob@a.example\"]\nmode = \"off\"\n\
        [[recipient]]\nwho = [\"@a.example\"]\nmode = \"tag\"\nzones = [\"ops.example\"]\n"
    );
    let action = |recipient: &str| {
        world
            .decide(
                &text,
                &Request {
                    recipient,
                    ..client(LISTED)
                },
            )
            .action
    };
    assert_eq!(action("bob@a.example"), Action::Pass);
    assert_eq!(action("eve@a.example"), Action::Tag);
    assert_eq!(action("eve@b.example"), Action::Reject);
    let weaker =
        format!("{OPS}mode = \"log\"\n[[recipient]]\nwho = [\"eve\"]\nmode = \"reject\"\n");
    assert_eq!(
        world
            .decide(
                &weaker,
                &Request {
                    recipient: "eve",
                    ..client(LISTED)
                }
            )
            .action,
        Action::Log,
        "at most"
    );
}

/// A zone that cannot be believed says nothing, and with `closed` clients are asked to come back.
#[test]
fn zones_in_trouble_have_no_opinion() {
    let world = World::new();
    let good = std::fs::read(world.zone("ops.example", "192.0.2.1\n127.0.0.2\n")).unwrap();
    let image = world.path("ops.example.rbl");
    let text = format!("{OPS}mode = \"reject\"\n");
    let closed = format!("{text}[trouble]\nanswer = \"closed\"\n");
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let everybody = std::fs::read(world.zone("ops.example", "0.0.0.0/1\n127.0.0.0/8\n")).unwrap();
    let other = std::fs::read(world.zone("other.example", "192.0.2.1\n")).unwrap();
    let cases = [
        (None, Trouble::Missing),
        (Some(damaged), Trouble::Damaged),
        (Some(good[..100].to_vec()), Trouble::Damaged),
        (Some(other), Trouble::Damaged),
        (Some(everybody), Trouble::ListsItself),
    ];
    for (bytes, trouble) in cases {
        match bytes {
            Some(bytes) => std::fs::write(&image, bytes).unwrap(),
            None => std::fs::remove_file(&image).unwrap(),
        }
        let decision = world.decide(&text, &client(LISTED));
        assert_eq!(
            (decision.action, decision.troubles.as_slice()),
            (Action::Pass, &[(0, trouble)][..])
        );
        let decision = world.decide(&closed, &client(LISTED));
        assert_eq!(decision.action, Action::Defer, "{trouble:?}");
        assert!(decision.reply.starts_with("451 4."), "{}", decision.reply);
        let allowed = format!("{closed}[[allow]]\nnetworks = [\"192.0.2.0/24\"]\n");
        assert_eq!(
            world.decide(&allowed, &client(LISTED)).action,
            Action::Pass,
            "allow wins"
        );
        let trial = closed.replace("reject", "log");
        assert_eq!(
            world.decide(&trial, &client(LISTED)).action,
            Action::Pass,
            "a zone on trial defers nobody"
        );
    }
    std::fs::write(&image, good).unwrap();
    assert_eq!(world.decide(&text, &client(LISTED)).action, Action::Reject);
}

#[test]
fn an_expired_zone_has_no_opinion() {
    let world = World::new();
    world.zone_of(
        "ops.example",
        "ip4set",
        "$TIMESTAMP 2020:01:01 2020:02:01\n192.0.2.1\n",
    );
    let decision = world.decide(&format!("{OPS}mode = \"reject\"\n"), &client(LISTED));
    assert_eq!(decision.troubles, [(0, Trouble::Expired)]);
    assert_eq!(decision.action, Action::Pass);
}

/// A good image that is replaced by a damaged one goes on answering; a new good one takes over.
#[test]
fn the_last_good_image_goes_on() {
    let world = World::new();
    let image = world.zone("ops.example", "192.0.2.1\n127.0.0.2\n");
    let mut decider = world.decider(&format!("{OPS}mode = \"reject\"\n"));
    let zone = Arc::clone(&decider.policy().zones[0].followed);
    assert_eq!(decider.decide(&client(LISTED), NOW).action, Action::Reject);
    std::fs::write(&image, "not an image").unwrap();
    zone.look();
    assert_eq!(decider.decide(&client(LISTED), NOW).action, Action::Reject);
    assert!(
        zone.health(NOW)
            .problem
            .unwrap()
            .contains("not an rblmap image")
    );
    std::fs::remove_file(&image).unwrap();
    zone.look();
    assert_eq!(decider.decide(&client(LISTED), NOW).action, Action::Reject);
    world.zone("ops.example", "192.0.2.2\n127.0.0.2\n");
    zone.look();
    assert_eq!(decider.decide(&client(LISTED), NOW).action, Action::Pass);
    assert_eq!(
        decider.decide(&client("192.0.2.2"), NOW).action,
        Action::Reject
    );
    let health = zone.health(NOW);
    assert_eq!((health.problem, health.test_point), (None, true));
}
