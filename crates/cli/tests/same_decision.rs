//! The decision is the same through every adapter of `serve` and through `check`, for random policies
//! and clients; allow-lists always win; a zone in mode off or log changes no answer.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod asking;
mod common;

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use asking::{Answers, Client, dns, filter, milter, policy, query, socketmap};
use common::{command, rblmap};
use serde_json::Value;
use tempfile::TempDir;

const ZONES: [&str; 3] = ["a.example", "b.example", "names.example"];
const ROUNDS: u64 = 6;

/// Images, a policy, and a server that follows it.
struct World {
    dir: TempDir,
    server: Child,
    rules: String,
    allowed: Vec<String>,
    port: u16,
}

impl World {
    fn new(dice: &mut fastrand::Rng) -> World {
        let dir = tempfile::tempdir().unwrap();
        for zone in ZONES {
            build(&dir, zone, &list(dice));
        }
        build(
            &dir,
            "all.example",
            "127.0.0.2\n192.0.2.0/24\n2001:db8::/32\n.example\n",
        );
        let allowed = vec![
            format!("192.0.2.{}", dice.u8(..32)),
            "2001:db8:0:3::".to_owned(),
        ];
        let rules = rules(dice, &allowed);
        write_policy(&dir, &rules, "");
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let mut serve = command(["serve", "--allow-root", "--config"]);
        serve.arg(dir.path().join("mail.toml"));
        let server = serve.stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let mut world = World {
            dir,
            server,
            rules,
            allowed,
            port: 0,
        };
        world.wait_for("event=ready", 1);
        let log = world.log();
        let port = log.split("adapter=dns address=127.0.0.1:").nth(1);
        let port = port.and_then(|port| port.lines().next());
        world.port = port.unwrap().parse().unwrap();
        world
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    fn wait_for(&self, text: &str, times: usize) {
        let start = Instant::now();
        while self.log().matches(text).count() < times {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "no {text} in\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn config(&self) -> String {
        self.dir
            .path()
            .join("mail.toml")
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// What every adapter answers to a client that says who it is, and to its address alone.
    fn answers(&self, clients: &[Client]) -> Vec<Answers> {
        let dir = self.dir.path();
        let filtered = filter(&self.config(), clients);
        let of = |(client, filtered): (&Client, String)| Answers {
            policy: policy(dir, client),
            milter: [milter(dir, client, 2), milter(dir, client, 6)],
            filter: filtered,
            socketmap: socketmap(dir, &ZONES.join("+"), &client.address),
            query: query(dir, &ZONES.join("+"), &client.address),
            dns: ZONES
                .map(|zone| dns(self.port, &client.address, zone))
                .to_vec(),
        };
        clients.iter().zip(filtered).map(of).collect()
    }

    /// What `check` says of clients that differ in their addresses alone.
    fn check(&self, says: &Client, clients: &[Client]) -> Vec<Value> {
        let port = says.port.to_string();
        let mut words = vec!["check", "--config"];
        let config = self.config();
        words.extend([config.as_str(), "--json", "--port", &port]);
        words.extend(["--helo", &says.helo, "--sender", &says.sender]);
        words.extend(["--recipient", &says.recipient]);
        words.extend(says.authenticated.then_some("--authenticated"));
        words.extend(clients.iter().map(|client| client.address.as_str()));
        lines(&rblmap(words).stdout)
    }

    fn check_addresses(&self, clients: &[Client]) -> Vec<Value> {
        let config = self.config();
        let mut words = vec!["check", "--config", &config, "--json"];
        words.extend(clients.iter().map(|client| client.address.as_str()));
        lines(&rblmap(words).stdout)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn build(dir: &TempDir, zone: &str, list: &str) {
    let path = |end: &str| {
        dir.path()
            .join(format!("{zone}.{end}"))
            .to_str()
            .unwrap()
            .to_owned()
    };
    std::fs::write(path("txt"), list).unwrap();
    let run = rblmap([
        "build",
        "-q",
        "-o",
        &path("rbl"),
        &format!("{zone}:plain:{}", path("txt")),
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

fn list(dice: &mut fastrand::Rng) -> String {
    let mut text = "127.0.0.2\n".to_owned();
    for last in 0..32 {
        if dice.u8(..3) == 0 {
            text.push_str(&format!("192.0.2.{last} 127.0.0.{}\n", dice.u8(2..5)));
        }
    }
    for network in 0..4 {
        if dice.bool() {
            text.push_str(&format!("2001:db8:0:{network}::/64\n"));
        }
    }
    text.push_str(&format!(".bad{}.example\n", dice.u8(..3)));
    text
}

fn rules(dice: &mut fastrand::Rng, allowed: &[String]) -> String {
    let mut text = String::new();
    for zone in ZONES {
        let mode = dice
            .choice(&["off", "log", "tag", "defer", "reject", "reject"])
            .unwrap();
        text.push_str(&format!(
            "[[zone]]\nname = \"{zone}\"\nfrom = \"DIR/{zone}.rbl\"\nmode = \"{mode}\"\nweight = {}\n",
            dice.i8(-2..7)
        ));
        if dice.bool() {
            text.push_str("codes = \"127.0.0.[2..3]\"\n");
        }
        if dice.bool() {
            text.push_str("looks = [\"client\", \"helo\", \"sender\"]\n");
        }
    }
    let (exempt, forwarder) = (dice.u8(..32), dice.u8(..32));
    text.push_str(&format!(
        "[[allow]]\nnetworks = [\"{}\", \"{}/64\"]\nnames = [\".partner.example\"]\n\
         [exempt]\nnetworks = [\"192.0.2.{exempt}\"]\nforwarders = [\"192.0.2.{forwarder}\"]\n\
         [[recipient]]\nwho = [\"@soft.example\"]\nmode = \"{}\"\n",
        allowed[0],
        allowed[1],
        dice.choice(&["off", "log", "tag", "defer"]).unwrap()
    ));
    if dice.bool() {
        text.push_str("[score]\nreject = 8\ndefer = 6\ntag = 4\n");
    }
    text
}

/// Writes the policy, `more` zones after the others.
fn write_policy(dir: &TempDir, rules: &str, more: &str) {
    let sockets = ["policy", "socketmap", "milter", "query"]
        .map(|name| format!("{name} = [\"unix:DIR/{name}\"]\n"));
    let dns = "dns = [\"127.0.0.1:0\"]\ndns_policy = true\n";
    let text = format!(
        "host = \"mx.example\"\n[listen]\n{}{dns}{rules}{more}",
        sockets.concat()
    );
    let text = text.replace("DIR", dir.path().to_str().unwrap());
    std::fs::write(dir.path().join("mail.toml"), text).unwrap();
}

/// Clients that say the same, from many addresses.
fn clients(dice: &mut fastrand::Rng) -> Vec<Client> {
    let says = Client {
        address: String::new(),
        helo: (*dice
            .choice(&["client.test", "host.bad1.example", "mx.partner.example"])
            .unwrap())
        .to_owned(),
        sender: (*dice
            .choice(&["a@sender.test", "a@bad0.example", "a@x.bad2.example"])
            .unwrap())
        .to_owned(),
        recipient: (*dice
            .choice(&[
                "bob@local.test",
                "bob@soft.example",
                "Postmaster@local.test",
            ])
            .unwrap())
        .to_owned(),
        authenticated: dice.u8(..6) == 0,
        port: *dice.choice(&[25, 25, 25, 587]).unwrap(),
    };
    let mut addresses: Vec<String> = (0..34).map(|last| format!("192.0.2.{last}")).collect();
    addresses.extend((0..5).map(|network| format!("2001:db8:0:{network}::{:x}", dice.u16(1..))));
    addresses.extend((0..3).map(|_| format!("::ffff:192.0.2.{}", dice.u8(..32))));
    let of = |address: String| Client {
        address,
        ..says.clone()
    };
    addresses.into_iter().map(of).collect()
}

/// What an adapter answers for a line of `check`: the reply, the header, or that mail passes.
fn expected(line: &Value) -> (String, String) {
    let reply = line["reply"].as_str().unwrap().to_owned();
    match line["action"].as_str().unwrap() {
        "reject" | "defer" => (reply, String::new()),
        "tag" => (String::new(), reply),
        _ => (String::new(), String::new()),
    }
}

/// What DNS answers of a zone: its A record, unless an allow-list lets the client pass.
fn expected_dns(line: &Value, zone: &str) -> Option<String> {
    let of_zone = |hit: &&Value| hit["zone"] == zone && hit["look"] == "client";
    let hit = line["zones"].as_array().unwrap().iter().find(of_zone)?;
    (line["action"] != "allowed").then(|| hit["a"].as_str().unwrap().to_owned())
}

#[test]
fn every_adapter_decides_as_check_does() {
    for seed in 0..ROUNDS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let world = World::new(&mut dice);
        for _ in 0..2 {
            let clients = clients(&mut dice);
            let answers = world.answers(&clients);
            let whole = world.check(&clients[0], &clients);
            let alone = world.check_addresses(&clients);
            assert_eq!((whole.len(), alone.len()), (clients.len(), clients.len()));
            for (at, client) in clients.iter().enumerate() {
                let context = format!("seed {seed} {client:?}\n{}\n{}", whole[at], world.rules);
                compare(&world, &answers[at], &whole[at], &alone[at], &context);
            }
            quiet_zones_change_nothing(&world, &clients, &answers);
        }
    }
}

fn compare(world: &World, answers: &Answers, whole: &Value, alone: &Value, context: &str) {
    let (refused, header) = expected(whole);
    let policy = match (refused.as_str(), header.as_str()) {
        ("", "") => "action=DUNNO".to_owned(),
        ("", header) => format!("action=PREPEND {header}"),
        (refused, _) => format!("action={refused}"),
    };
    assert_eq!(answers.policy, policy, "{context}");
    for milter in &answers.milter {
        assert_eq!(*milter, (refused.clone(), header.clone()), "{context}");
    }
    // The filter is told of no more than the reply here; its header is tested in crates/serve.
    assert_eq!(answers.filter, refused, "{context}");
    let (refused, _) = expected(alone);
    assert_eq!(answers.query, refused, "{context}");
    let found = if refused.is_empty() {
        "NOTFOUND ".to_owned()
    } else {
        format!("OK {refused}")
    };
    assert_eq!(answers.socketmap, found, "{context}");
    for (zone, answer) in ZONES.iter().zip(&answers.dns) {
        // What is off for mail is not off for DNS, and `check` does not look there.
        let off = format!("name = \"{zone}\"\nfrom = \"DIR/{zone}.rbl\"\nmode = \"off\"");
        if !world.rules.contains(&off) {
            assert_eq!(*answer, expected_dns(alone, zone), "{zone} {context}");
        }
    }
    let address = alone["address"].as_str().unwrap();
    let allowed = address == world.allowed[0] || address.starts_with("2001:db8:0:3:");
    if allowed {
        assert_eq!(answers.policy, "action=DUNNO", "{context}");
        assert_eq!(
            (answers.query.as_str(), answers.filter.as_str()),
            ("", ""),
            "{context}"
        );
        assert!(answers.dns.iter().all(Option::is_none), "{context}");
    }
}

/// Two zones that list everybody, in mode off and log, change no answer of any adapter.
fn quiet_zones_change_nothing(world: &World, clients: &[Client], before: &[Answers]) {
    let zone = |mode: &str| {
        let looks = "looks = [\"client\", \"helo\", \"sender\"]\nweight = 50\n";
        format!(
            "[[zone]]\nname = \"all.example\"\nfrom = \"DIR/all.example.rbl\"\nmode = \"{mode}\"\n{looks}"
        )
    };
    for mode in ["off", "log"] {
        reload(world, &zone(mode));
        let after = world.answers(clients);
        for ((client, before), after) in clients.iter().zip(before).zip(&after) {
            assert_eq!(before, after, "mode {mode} {client:?}\n{}", world.rules);
        }
    }
    reload(world, "");
}

fn reload(world: &World, more: &str) {
    let times = world.log().matches("event=reloaded").count() + 1;
    write_policy(&world.dir, &world.rules, more);
    let pid = world.server.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-HUP", &pid])
        .status();
    assert!(killed.unwrap().success());
    world.wait_for("event=reloaded", times);
}
