//! What a publisher keeps and guards for itself: since when it lists what it lists, and names that it
//! must never list.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;
mod peers;

use std::fs;

use common::{Run, files, rblmap};
use peers::Feed;
use serde_json::Value;

/// Publishes a plain list, with more arguments.
fn publish(feed: &Feed, list: &str, more: &[&str]) -> Run {
    fs::write(feed.path("list.txt"), list).unwrap();
    let image = feed.arg("built.rbl");
    let spec = format!("ops.example:plain:{}", feed.arg("list.txt"));
    let built = rblmap(["build", "-q", "-o", &image, &spec]);
    assert_eq!(built.code, 0, "{}", built.stderr);
    let (root, key) = (feed.arg("feed"), feed.arg("ops.key"));
    let mut args = vec!["publish", &root, &image, "--key", &key];
    args.extend(more);
    rblmap(args)
}

fn history(feed: &Feed, key: &str, more: &[&str]) -> Run {
    let root = feed.arg("feed");
    let mut args = vec!["history", &root, "ops.example", key];
    args.extend(more);
    rblmap(args)
}

fn events(run: &Run) -> Vec<(String, String)> {
    let lines = run.stdout.lines().filter(|line| line.contains('\t'));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split('\t').collect();
            (words[1].to_owned(), words[2].to_owned())
        })
        .collect()
}

fn pair(serial: &str, event: &str) -> (String, String) {
    (serial.to_owned(), event.to_owned())
}

#[test]
fn a_publisher_knows_since_when_it_lists_what_it_lists() {
    let feed = Feed::new();
    for list in [
        "192.0.2.1\n198.51.100.0/24\n",
        "192.0.2.1\n",
        "192.0.2.1\n192.0.2.9\n",
    ] {
        let run = publish(&feed, list, &["--force"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    let run = history(&feed, "192.0.2.1", &[]);
    assert_eq!((run.code, events(&run)), (0, vec![pair("1", "listed")]));
    let run = history(&feed, "192.0.2.9", &[]);
    assert_eq!((run.code, events(&run)), (0, vec![pair("3", "listed")]));
    let run = history(&feed, "198.51.100.77", &["--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let lines: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["event"], "listed");
    assert_eq!(
        (&lines[1]["event"], &lines[1]["serial"]),
        (&Value::from("delisted"), &Value::from(2))
    );
    assert_eq!(history(&feed, "203.0.113.1", &[]).code, 1);
    // Status says how far back it reaches, to people, scripts and monitors.
    let feed_path = feed.arg("feed");
    let shown = rblmap(["status", &feed_path]);
    assert_eq!(shown.code, 0, "{}", shown.stdout);
    let data = "'ops.example_history_since'=1";
    assert!(shown.stdout.contains(data), "{}", shown.stdout);
    assert_eq!(shown.stdout.lines().count(), 1);
    let shown = rblmap(["status", "-v", &feed_path]).stdout;
    let line = shown.lines().nth(1).unwrap();
    assert!(line.starts_with("ops.example: history since 20"), "{shown}");
    assert!(line.ends_with("serial 1"), "{shown}");
    let shown = rblmap(["status", &feed_path, "--json"]).stdout;
    let line: Value = serde_json::from_str(shown.lines().next().unwrap()).unwrap();
    assert_eq!(line["history_since_serial"], 1);
    assert!(line["history_since"].as_str().unwrap().starts_with("20"));
    // A heartbeat adds nothing, and nobody is served it.
    let before = files(&feed.path("feed/.state/ops.example.history"));
    let key = feed.arg("ops.key");
    assert_eq!(rblmap(["publish", &feed_path, "--key", &key]).code, 0);
    assert_eq!(files(&feed.path("feed/.state/ops.example.history")), before);
    let served = files(&feed.path("feed"));
    assert!(
        served.iter().all(|name| !name.contains("history")),
        "{served:?}"
    );
    // A mirror says the same, in text and JSON.
    assert_eq!(feed.mirror().code, 0);
    let shown = rblmap(["status", "-v", &feed.arg("mirror")]).stdout;
    assert!(shown.contains("history since 20"), "{shown}");
}

#[test]
fn a_publisher_that_was_killed_before_its_history_makes_up_for_it() {
    let feed = Feed::new();
    for list in ["192.0.2.1\n", "192.0.2.1\n192.0.2.2\n"] {
        assert_eq!(publish(&feed, list, &[]).code, 0);
    }
    let folder = feed.path("feed/.state/ops.example.history");
    let last = files(&folder).pop().unwrap();
    fs::remove_file(folder.join(last)).unwrap();
    let run = publish(&feed, "192.0.2.1\n192.0.2.2\n192.0.2.3\n", &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for (key, serial) in [("192.0.2.1", "1"), ("192.0.2.2", "2"), ("192.0.2.3", "3")] {
        let run = history(&feed, key, &[]);
        assert_eq!(events(&run), [pair(serial, "listed")], "{key}");
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn a_history_that_cannot_be_written_undoes_no_publication_and_is_told() {
    let feed = Feed::new();
    assert_eq!(publish(&feed, "192.0.2.1\n", &[]).code, 0);
    let folder = feed.path("feed/.state/ops.example.history");
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "in its place").unwrap();
    let run = publish(&feed, "192.0.2.1\n192.0.2.2\n", &["-q"]);
    assert_eq!(run.code, 6, "{}", run.stderr);
    assert!(run.stderr.contains("history"), "{}", run.stderr);
    assert_eq!(feed.mirror().code, 0);
    let image = feed.arg("mirror/ops.example.rbl");
    assert_eq!(rblmap(["lookup", &image, "192.0.2.2"]).code, 0);
}

#[test]
fn a_key_that_no_mirror_has_heard_of_is_told() {
    let feed = Feed::new();
    assert_eq!(publish(&feed, "192.0.2.1\n", &[]).code, 0);
    let (root, other) = (feed.arg("feed"), feed.arg("other"));
    assert_eq!(rblmap(["keygen", "-q", "-o", &other]).code, 0);
    let (key, other_key) = (feed.arg("ops.key"), feed.arg("other.key"));
    let run = rblmap(["publish", "-q", &root, "--key", &other_key]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("was not announced"), "{}", run.stderr);
    assert_eq!(rblmap(["publish", "-q", &root, "--key", &key]).code, 0);
    // One that was announced is no stranger.
    let public = feed.arg("other.pub");
    let run = rblmap(["keys", &root, "--key", &key, "--announce", &public]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = rblmap(["publish", "-q", &root, "--key", &other_key]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn a_publisher_may_keep_no_history() {
    let feed = Feed::new();
    let config = feed.arg("feed.toml");
    fs::write(&config, "history = 0\n").unwrap();
    assert_eq!(
        publish(&feed, "192.0.2.1\n", &["--config", &config]).code,
        0
    );
    assert!(!feed.path("feed/.state/ops.example.history").exists());
    assert_eq!(history(&feed, "192.0.2.1", &[]).code, 3);
    fs::write(&config, "\nhistory = \"90\"\n").unwrap();
    let run = publish(&feed, "192.0.2.1\n", &["--config", &config]);
    assert_eq!(run.code, 3);
    assert!(run.stderr.contains("feed.toml:2: "), "{}", run.stderr);
}

#[test]
fn new_names_that_look_like_critical_ones_are_told_and_critical_ones_refused() {
    let feed = Feed::new();
    let config = feed.arg("feed.toml");
    fs::write(&config, "critical = \"brands.txt\"\n").unwrap();
    let brands = "# ours\nPayPal.com.\nexample-bank.com  # a customer\n\n";
    fs::write(feed.path("brands.txt"), brands).unwrap();
    let with = |list: &str, more: &[&str]| {
        let more = [&["--config", config.as_str()][..], more].concat();
        publish(&feed, list, &more)
    };
    let run = with("far.example\npaypa1.com\n", &["-q"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("paypa1.com looks like paypal.com"),
        "told, also where all else is quiet: {}",
        run.stderr
    );
    // Only what is new is told.
    let list = "far.example\npaypa1.com\nexarnple-bank.com\n";
    let run = with(list, &["--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stderr.contains("paypa1"), "{}", run.stderr);
    let line: Value = serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap();
    let found = &line["lookalikes"][0];
    assert_eq!(found["listed"], "exarnple-bank.com");
    assert_eq!(
        (&found["critical"], &found["distance"]),
        (&Value::from("example-bank.com"), &0.into())
    );
    // The name itself, or all names above it, wait for a word.
    for line in ["paypal.com\n", "*.com\n", ".com\n"] {
        let run = with(&format!("{list}{line}"), &[]);
        assert_eq!(run.code, 8, "{line}{}", run.stderr);
        assert!(
            run.stderr.contains("paypal.com is listed"),
            "{}",
            run.stderr
        );
    }
    assert_eq!(with(&format!("{list}paypal.com\n"), &["--force"]).code, 0);
    // It is not asked about again.
    assert_eq!(with(&format!("{list}paypal.com\nx.example\n"), &[]).code, 0);
    // Slips in the file.
    fs::write(feed.path("brands.txt"), "paypal.com\nnot a name\n").unwrap();
    let run = with(list, &[]);
    assert_eq!(run.code, 3);
    assert!(run.stderr.contains("brands.txt:2: "), "{}", run.stderr);
    fs::remove_file(feed.path("brands.txt")).unwrap();
    assert_eq!(with(list, &[]).code, 3);
}
