//! Partial counts come back as they were, in any parts and any order.

use super::{Form, read, write};
use crate::error::Error;
use crate::impact::{Impact, Question};
use crate::tally::Tally;

/// Lines of all programs that count in different ways, some sessions open at either end.
fn lines(seed: u64, count: usize) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut lines = Vec::new();
    // The first ones began before the log.
    let mut sessions = [(0u64, true); 20];
    for number in 0..count {
        let client = match random.u8(..4) {
            0 => format!("2001:db8::{:x}", random.u8(..)),
            _ => format!("{}.0.2.{}", random.u8(1..224), random.u8(..)),
        };
        let slot = random.usize(..20);
        let (id, begun) = sessions[slot];
        let session = id << 8 | slot as u64;
        let line = match random.u8(..12) {
            0 => format!("a postfix/smtpd[1]: connect from x[{client}]"),
            1 => format!("a postfix/smtpd[1]: Q: client=x[{client}]"),
            2 => format!("a postfix/postscreen[1]: CONNECT from [{client}]:1 to [192.0.2.1]:25"),
            3 => format!("a postfix/postscreen[1]: PASS OLD [{client}]:1"),
            4 => format!("a postfix/smtpd[1]: disconnect from x[{client}] ehlo=1 auth=1"),
            5 => format!(
                "2026-11-28 17:45:19 SMTP connection from [{client}]:1 (TCP/IP connection count = 1)"
            ),
            6 => format!("2026-11-28 17:45:19 1vOabc-0001AB-2x <= a@b H=x [{client}] P=smtp"),
            7 if begun => format!("a smtpd[1]: {session:016x} smtp message msgid=1"),
            7 => format!("a smtpd[1]: {session:016x} smtp connected address={client} host=x"),
            8 | 9 if begun => format!("a smtpd[1]: {session:016x} smtp disconnected reason=quit"),
            10 => format!("nonsense {number}"),
            _ => "a postfix/qmgr[1]: Q: removed".to_owned(),
        };
        if line.contains("smtp connected") {
            sessions[slot].1 = true;
        } else if line.contains("smtp disconnected") {
            sessions[slot] = (id + 1, false);
        }
        lines.push(line);
    }
    lines
}

fn tally(lines: &[String]) -> Tally {
    let tally = Tally::new();
    let mut counting = tally.counting();
    lines.iter().for_each(|line| counting.line(line.as_bytes()));
    counting.finish();
    tally
}

fn bytes(lines: &[String], form: Form) -> Vec<u8> {
    let mut out = Vec::new();
    write(tally(lines), form, &mut out).unwrap();
    out
}

fn impact(tally: Tally) -> Impact {
    Impact::of(tally, Question::default()).unwrap()
}

#[test]
fn parts_merged_are_the_whole() {
    for seed in 0..40 {
        let all = lines(seed, 600);
        let whole = impact(tally(&all));
        let mut random = fastrand::Rng::with_seed(seed);
        let mut cuts = [
            random.usize(..600),
            random.usize(..600),
            random.usize(..600),
        ];
        cuts.sort_unstable();
        let [a, b, c] = cuts;
        let mut parts = [&all[..a], &all[a..b], &all[b..c], &all[c..]];
        random.shuffle(&mut parts);
        let merged = Tally::new();
        for (part, number) in parts.iter().zip(0..) {
            let form = if number % 2 == 0 {
                Form::Binary
            } else {
                Form::Text
            };
            read(&bytes(part, form), &merged).unwrap();
        }
        assert_eq!(impact(merged), whole, "seed {seed}");
    }
}

#[test]
fn partial_counts_may_follow_each_other_in_a_file() {
    let all = lines(1, 100);
    for form in [Form::Binary, Form::Text] {
        let both = [bytes(&all, form), bytes(&all, form)].concat();
        let tally = Tally::new();
        read(&both, &tally).unwrap();
        assert_eq!(tally.totals().lines, 200);
    }
}

#[test]
fn a_damaged_count_adds_nothing() {
    let lines = lines(2, 50);
    let whole = bytes(&lines, Form::Binary);
    for len in 0..whole.len() {
        let tally = Tally::new();
        assert!(read(&whole[..len], &tally).is_err(), "cut at {len}");
        assert_eq!(tally.totals().lines, 0);
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        let tally = Tally::new();
        // One bit of zstd's frame means nothing.
        match read(&bytes, &tally) {
            Err(_) => assert_eq!(tally.totals().lines, 0),
            Ok(()) => assert_eq!(impact(tally), impact(self::tally(&lines)), "byte {at}"),
        }
    }
}

#[test]
fn others_are_told_apart() {
    let error = |bytes: &[u8]| read(bytes, &Tally::new()).unwrap_err();
    assert!(matches!(error(b"192.0.2.1\n"), Error::Foreign { .. }));
    assert!(matches!(error(b"RBLPART\x02x"), Error::Newer { .. }));
    assert!(matches!(
        error(b"rblmap-partial\t1\nclient\t1"),
        Error::Damaged { .. }
    ));
    assert!(matches!(error(b""), Error::Foreign { .. }));
}

/// Found by the fuzzer: two totals whose sum does not fit.
#[test]
fn counts_that_do_not_fit_together_stay_at_the_largest() {
    let most = u64::MAX;
    let total = format!("total\t{most}\t{most}\t{most}\t{most}\t{most}\t{most}\n");
    let client = |last: u8, sum: i64| {
        format!("client\t192.0.2.{last}\t{sum}\t{sum}\t{sum}\t{sum}\t{sum}\t{sum}\t{sum}\n")
    };
    let clients: String = (0..4).map(|last| client(last, i64::MAX)).collect();
    let least = client(4, i64::MIN);
    let counts = format!("rblmap-partial\t1\n{total}{total}{clients}{clients}{least}{least}");
    let tally = Tally::new();
    read(counts.as_bytes(), &tally).unwrap();
    let mut written = Vec::new();
    write(tally, Form::Binary, &mut written).unwrap();
    let tally = Tally::new();
    read(&written, &tally).unwrap();
    read(&written, &tally).unwrap();
    tally.add_unreadable();
    assert_eq!(tally.totals().unreadable, u64::MAX);
    let impact = impact(tally);
    assert_eq!((impact.clients, impact.connections), (4, u64::MAX));
}
