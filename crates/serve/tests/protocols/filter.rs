//! The filter of OpenSMTPD.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::asking::RULES;
use crate::world::{World, memory_of, this_program};

/// The filter of OpenSMTPD, as a process that is fed with lines.
struct Filter {
    world: World,
    process: Child,
}

impl Filter {
    fn new(rules: &str) -> Filter {
        let world = World {
            dir: tempfile::tempdir().unwrap(),
            process: None,
        };
        world.zone(
            "ops.example",
            "127.0.0.2\n192.0.2.0/28\n2001:db8:bad::/64\n",
        );
        world.zone("tag.example", "127.0.0.2\n192.0.2.64/28\n");
        world.zone("late.example", "127.0.0.2\n192.0.2.80/28\n");
        world.write_policy(rules);
        let mut command = this_program(&world.path("mail.toml"));
        command
            .env("RBLMAP_SERVE_FILTER", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let log = std::fs::File::create(world.path("log")).unwrap();
        let process = command.stderr(log).spawn().unwrap();
        Filter { world, process }
    }

    /// Sends lines, ends the input, and gives what was answered.
    fn answers(mut self, lines: &str) -> Vec<String> {
        let mut input = self.process.stdin.take().unwrap();
        let lines = lines.to_owned();
        let writing = std::thread::spawn(move || {
            input.write_all(lines.as_bytes()).unwrap();
        });
        let output = self.process.wait_with_output().unwrap();
        writing.join().unwrap();
        assert!(output.status.success(), "{}", self.world.log());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let ours = |line: &&str| line.starts_with("filter-") || line.starts_with("register|");
        text.lines().filter(ours).map(str::to_owned).collect()
    }
}

#[test]
fn the_filter_answers_every_token_of_both_versions() {
    for version in ["0.6", "0.7"] {
        let lines = format!(
            "config|smtpd-version|7\nconfig|ready\n\
            report|{version}|1|smtp-in|link-connect|s1|<unknown>|fail|192.0.2.1:4321|127.0.0.1:25\n\
            filter|{version}|1|smtp-in|connect|s1|t1|<unknown>|192.0.2.1\n\
            filter|{version}|1|smtp-in|ehlo|s1|t2|client.example\n\
            filter|{version}|1|smtp-in|mail-from|s1|t3|<a@sender.example>\n\
            filter|{version}|1|smtp-in|rcpt-to|s1|t4|<bob@local.example>\n\
            filter|{version}|1|smtp-in|rcpt-to|s1|t5|<postmaster@local.example>\n\
            report|{version}|1|smtp-in|link-auth|s1|bob|pass\n\
            filter|{version}|1|smtp-in|rcpt-to|s1|t6|<bob@local.example>\n\
            report|{version}|1|smtp-in|link-disconnect|s1\n\
            filter|{version}|1|smtp-in|rcpt-to|s1|t7|<bob@local.example>\n\
            filter|{version}|1|smtp-in|connect|s2|t8|<unknown>|[2001:db8:bad::5]\n\
            filter|{version}|1|smtp-in|rcpt-to|s2|t9|<bob@local.example>\n\
            filter|{version}|1|smtp-in|something|s2|t10|\n"
        );
        let answers = Filter::new(RULES).answers(&lines);
        let text = "reject|550 5.7.1 Service unavailable; client";
        let results: Vec<&str> = answers
            .iter()
            .filter(|line| line.starts_with("filter-"))
            .map(String::as_str)
            .collect();
        assert_eq!(
            results,
            [
                "filter-result|s1|t1|proceed",
                "filter-result|s1|t2|proceed",
                "filter-result|s1|t3|proceed",
                &format!("filter-result|s1|t4|{text} [192.0.2.1] is listed in ops.example"),
                "filter-result|s1|t5|proceed",
                "filter-result|s1|t6|proceed",
                "filter-result|s1|t7|proceed",
                "filter-result|s2|t8|proceed",
                &format!("filter-result|s2|t9|{text} [2001:db8:bad::5] is listed in ops.example"),
                "filter-result|s2|t10|proceed",
            ]
        );
        assert!(answers.contains(&"register|filter|smtp-in|rcpt-to".to_owned()));
        assert_eq!(
            answers
                .iter()
                .filter(|line| *line == "register|ready")
                .count(),
            1
        );
    }
}

#[test]
fn the_filter_adds_the_header_of_mode_tag() {
    let lines = "config|ready\nfilter|0.6|1|smtp-in|connect|s|t1|<unknown>|192.0.2.65\n\
        filter|0.6|1|smtp-in|rcpt-to|s|t2|<bob@local.example>\n\
        filter|0.6|1|smtp-in|data-line|s|t3|Subject: a|b\nfilter|0.6|1|smtp-in|data-line|s|t3|\n\
        filter|0.6|1|smtp-in|data-line|s|t3|..dots\nfilter|0.6|1|smtp-in|data-line|s|t3|.\n";
    let answers = Filter::new(RULES).answers(lines);
    let data: Vec<&str> = answers
        .iter()
        .filter(|line| line.starts_with("filter-data"))
        .map(String::as_str)
        .collect();
    assert_eq!(
        data,
        [
            "filter-dataline|s|t3|X-Rblmap: tag.example 127.0.0.2 client [192.0.2.65]",
            "filter-dataline|s|t3|Subject: a|b",
            "filter-dataline|s|t3|",
            "filter-dataline|s|t3|..dots",
            "filter-dataline|s|t3|.",
        ]
    );
}

/// A filter that exits ends the mail server: so it goes on without a policy, and through garbage.
#[test]
fn the_filter_goes_on_whatever_it_is_told() {
    let filter = Filter::new("this is not a policy");
    let lines = "config|ready\nfilter|0.6|1|smtp-in|connect|s|t1|<unknown>|192.0.2.1\nfilter|0.6|1|smtp-in|rcpt-to|s|t2|<bob@x>\n";
    let log = filter.world.path("log");
    let answers = filter.answers_after(lines, &log);
    assert!(
        answers.contains(&"filter-result|s|t2|proceed".to_owned()),
        "{answers:?}"
    );
    let mut dice = fastrand::Rng::with_seed(9);
    let mut garbage = "config|ready\n".to_owned();
    for _ in 0..2000 {
        let words = [
            "filter",
            "report",
            "config",
            "0.6",
            "smtp-in",
            "rcpt-to",
            "data-line",
            "s",
            "t",
            "|",
            "\u{fffd}",
            "",
        ];
        let line: Vec<&str> = (0..dice.usize(..10))
            .map(|_| *dice.choice(&words).unwrap())
            .collect();
        garbage.push_str(&line.join("|"));
        garbage.push('\n');
    }
    garbage.push_str("filter|0.6|1|smtp-in|connect|q|t1|x|192.0.2.1\nfilter|0.6|1|smtp-in|rcpt-to|q|last|<bob@x>\n");
    let answers = Filter::new(RULES).answers(&garbage);
    assert!(
        answers
            .last()
            .unwrap()
            .starts_with("filter-result|q|last|reject|550 "),
        "{answers:?}"
    );
}

impl Filter {
    /// The same, and the log's line about the missing policy is awaited.
    fn answers_after(self, lines: &str, log: &Path) -> Vec<String> {
        let log = log.to_owned();
        let start = Instant::now();
        while !std::fs::read_to_string(&log)
            .unwrap_or_default()
            .contains("event=no-policy")
        {
            assert!(start.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(20));
        }
        self.answers(lines)
    }
}

const ASK: &str = "filter|0.7|1|smtp-in|connect|q|t1|x|192.0.2.1\n\
    filter|0.7|1|smtp-in|rcpt-to|q|last|<bob@local.example>\n";

/// Issue: a line that never ends costs no more than another, and what follows it is answered.
#[test]
fn a_line_without_an_end_costs_little() {
    let mut filter = Filter::new(RULES);
    let mut input = filter.process.stdin.take().unwrap();
    let mut output = BufReader::new(filter.process.stdout.take().unwrap());
    input
        .write_all(b"config|ready\nfilter|0.7|1|smtp-in|data-line|q|t|")
        .unwrap();
    let piece = vec![b'x'; 1 << 20];
    let mut highest = 0;
    for _ in 0..128 {
        input.write_all(&piece).unwrap();
        highest = highest.max(memory_of(filter.process.id()));
    }
    input.write_all(b"\n").unwrap();
    // In bytes and words that are none.
    input.write_all(&[0xff, 0, b'|', b'\n', b'\n']).unwrap();
    input.write_all(ASK.as_bytes()).unwrap();
    drop(input);
    let mut last = Vec::new();
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).unwrap() > 0 {
        last = std::mem::take(&mut line);
    }
    assert!(
        last.starts_with(b"filter-result|q|last|reject|550 "),
        "{:?}",
        &last[..last.len().min(80)]
    );
    assert!(highest < 100_000, "{highest} kB");
    assert!(filter.process.wait().unwrap().success());
}

/// Issue: a server that reads no answers cannot fill the memory, and gets them all when it reads.
#[test]
fn answers_that_nobody_reads_cost_little_and_none_is_lost() {
    const LINES: usize = 200_000;
    let mut filter = Filter::new(RULES);
    let mut input = filter.process.stdin.take().unwrap();
    let mut output = BufReader::new(filter.process.stdout.take().unwrap());
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let writing = std::thread::spawn(move || {
        input.write_all(b"config|ready\n").unwrap();
        let line = format!("filter|0.7|1|smtp-in|data-line|s|t|{}\n", "x".repeat(900));
        for _ in 0..LINES {
            input.write_all(line.as_bytes()).unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
        input.write_all(ASK.as_bytes()).unwrap();
    });
    // Until nothing moves any more.
    let mut before = usize::MAX;
    while before != written.load(Ordering::Relaxed) {
        before = written.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(500));
    }
    let memory = memory_of(filter.process.id());
    assert!(memory < 100_000, "{memory} kB");
    assert!(before < LINES, "the filter took all lines");
    let (mut lines, mut last) = (0, String::new());
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).unwrap() == 0 {
            break;
        }
        lines += usize::from(line.starts_with("filter-dataline|s|t|xxx"));
        last = line;
    }
    writing.join().unwrap();
    assert_eq!(lines, LINES);
    assert!(
        last.starts_with("filter-result|q|last|reject|550 "),
        "{last}"
    );
}

/// Issue: ten thousand sessions that say no more, and a slow server.
#[test]
fn ten_thousand_idle_sessions_cost_little() {
    let mut filter = Filter::new(RULES);
    let mut input = filter.process.stdin.take().unwrap();
    let mut output = BufReader::new(filter.process.stdout.take().unwrap());
    let reading = std::thread::spawn(move || {
        let mut answers = Vec::new();
        let mut line = String::new();
        while output.read_line(&mut line).unwrap() > 0 {
            if line.starts_with("filter-result|q|last|") {
                answers.push(std::mem::take(&mut line));
            }
            line.clear();
        }
        answers
    });
    input.write_all(b"config|ready\n").unwrap();
    let long = "h".repeat(600);
    for session in 0..10_000 {
        let lines = format!(
            "filter|0.7|1|smtp-in|connect|{session}|t1|x|192.0.2.1\nfilter|0.7|1|smtp-in|ehlo|{session}|t2|{long}\n\
             filter|0.7|1|smtp-in|mail-from|{session}|t3|{long}\n"
        );
        input.write_all(lines.as_bytes()).unwrap();
    }
    // In single bytes, slowly.
    for byte in ASK.as_bytes() {
        input.write_all(&[*byte]).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    let memory = memory_of(filter.process.id());
    drop(input);
    let answers = reading.join().unwrap();
    assert_eq!(answers.len(), 1);
    assert!(answers[0].contains("|reject|550 "), "{answers:?}");
    assert!(memory < 100_000, "{memory} kB");
    println!("10,000 sessions in the filter: {memory} kB");
}
