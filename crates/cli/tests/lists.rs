//! Lists as people have them, each from a real report: what they list, and what is said of the rest.
//! The inputs are in `testdata/lists`; `docs/lists.md` has the rules.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use common::{Run, rblmap, testdata};
use tempfile::TempDir;

/// An image of one source, and what was said.
struct Built {
    dir: TempDir,
    run: Run,
}

fn build(kind: &str, file: &str, more: &[&str]) -> Built {
    let dir = TempDir::new().unwrap();
    let image = dir.path().join("i.rbl");
    let spec = format!(
        "bl.example:{kind}:{}",
        testdata("lists").join(file).display()
    );
    let warnings = dir.path().join("w.tsv");
    let mut args = vec![
        "build",
        "-o",
        image.to_str().unwrap(),
        "--warnings",
        warnings.to_str().unwrap(),
    ];
    args.extend(more);
    args.push(&spec);
    let run = rblmap(&args);
    Built { dir, run }
}

impl Built {
    fn image(&self) -> String {
        self.dir.path().join("i.rbl").to_str().unwrap().to_owned()
    }

    /// The keys of these that are listed.
    fn listed<'k>(&self, keys: &[&'k str]) -> Vec<&'k str> {
        let image = self.image();
        let run = rblmap(
            [image.as_str()]
                .iter()
                .fold(vec!["lookup"], |mut args, image| {
                    args.push(image);
                    args
                })
                .into_iter()
                .chain(keys.iter().copied()),
        );
        let lines = run.stdout.lines().zip(keys);
        lines
            .filter(|(line, _)| line.contains("\tlisted"))
            .map(|(_, key)| *key)
            .collect()
    }

    /// What a lookup says of one key.
    fn says(&self, key: &str) -> String {
        rblmap(["lookup", &self.image(), key])
            .stdout
            .trim_end()
            .to_owned()
    }

    /// Classes of warnings with their lines.
    fn warnings(&self) -> Vec<String> {
        let table = std::fs::read_to_string(self.dir.path().join("w.tsv")).unwrap();
        table
            .lines()
            .map(|row| row.split('\t').skip(1).collect::<Vec<_>>().join(" "))
            .collect()
    }

    fn dump(&self, format: &str) -> Vec<String> {
        let run = rblmap(["dump", "--format", format, &self.image()]);
        run.stdout.lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_line_of_start_and_end_is_not_one_address() {
    let plain = build("plain", "01-dshield-tsv/list.txt", &[]);
    assert_eq!(plain.warnings(), ["2 unread", "3 unread"]);
    assert_eq!(
        build("plain", "01-dshield-tsv/list.txt", &["--strict"])
            .run
            .code,
        3
    );
    let ranges = build("ranges", "01-dshield-tsv/list.txt", &["--strict"]);
    assert_eq!(ranges.run.code, 0, "{}", ranges.run.stderr);
    assert_eq!(ranges.dump("cidr"), ["198.51.100.0/24", "203.0.113.0/24"]);
}

#[test]
fn a_hosts_file_lists_names_and_never_the_sinkhole() {
    let all = [
        "ads.example.com",
        "evil.example.org",
        "tracker.example.net",
        "0.0.0.0",
        "127.0.0.1",
        "::1",
    ];
    let hosts = build("hosts", "02-hosts-format/hosts", &["--strict"]);
    assert_eq!(hosts.run.code, 0, "{}", hosts.run.stderr);
    assert_eq!(hosts.listed(&all), all[..3]);
    let plain = build("plain", "02-hosts-format/hosts", &[]);
    assert_eq!(plain.listed(&all), [""; 0]);
    assert_eq!(
        plain
            .warnings()
            .iter()
            .filter(|w| w.ends_with("unread"))
            .count(),
        6
    );
    assert!(
        plain.run.stderr.contains("looks like type hosts"),
        "{}",
        plain.run.stderr
    );
    assert_eq!(
        build("plain", "02-hosts-format/hosts", &["--strict"])
            .run
            .code,
        3
    );
}

#[test]
fn an_exception_of_a_policy_zone_is_no_listing() {
    let keys = [
        "good.example",
        "bad.example",
        "x.bad.example",
        "198.51.100.7",
        "203.0.113.9",
    ];
    let plain = build("plain", "04-rpz-passthru/rpz.txt", &[]);
    assert_eq!(plain.listed(&keys), ["bad.example", "x.bad.example"]);
    assert_eq!(plain.warnings().len(), 8);
    let rpz = build("rpz", "04-rpz-passthru/rpz.txt", &["--strict"]);
    assert_eq!(rpz.run.code, 0, "{}", rpz.run.stderr);
    assert_eq!(
        rpz.listed(&keys),
        ["bad.example", "x.bad.example", "198.51.100.7"]
    );
}

#[test]
fn a_verdict_is_no_listing() {
    let keys = [
        "198.51.100.25",
        "198.51.100.26",
        "203.0.113.9",
        "198.51.100.77",
        "2001:db8:1::5",
    ];
    let plain = build("plain", "05-postfix-access/access.cidr", &[]);
    assert_eq!(
        plain.warnings(),
        [
            "1 unread",
            "2 unread",
            "3 unread",
            "4 unread",
            "5 unread",
            "6 bad-name"
        ]
    );
    assert_eq!(plain.listed(&keys[2..]), keys[3..]);
    let postfix = build("postfix", "05-postfix-access/access.cidr", &["--text"]);
    assert_eq!(postfix.warnings(), ["6 unread"]);
    assert_eq!(postfix.listed(&keys), keys[3..]);
    assert_eq!(
        postfix.says(keys[3]),
        "198.51.100.77\tlisted\t127.0.0.2\tspam source"
    );
}

#[test]
fn a_mapped_address_is_the_ipv4_address() {
    let keys = [
        "198.51.100.1",
        "::ffff:198.51.100.1",
        "203.0.113.1",
        "::ffff:203.0.113.1",
    ];
    let built = build("plain", "06-mapped-in-plain/list.txt", &["--strict"]);
    assert_eq!(built.listed(&keys), keys);
}

#[test]
fn mapped_entries_beside_ipv4_data_are_unreachable() {
    let keys = [
        "::ffff:198.51.100.1",
        "198.51.100.1",
        "::ffff:198.51.100.2",
        "2001:db8:0:a001::14",
    ];
    let built = build("combined", "07-rbldnsd-27/z.zone", &[]);
    assert_eq!(built.listed(&keys), keys[3..]);
    assert_eq!(built.warnings(), ["6 unreachable", "7 unreachable"]);
    assert_eq!(
        build("combined", "07-rbldnsd-27/z.zone", &["--strict"])
            .run
            .code,
        3
    );
}

#[test]
fn a_last_line_without_its_end_is_told_and_no_network() {
    let cut = build("plain", "09-cut-last-line/cut.txt", &[]);
    assert_eq!(cut.warnings(), ["2 no-newline"]);
    assert_eq!(cut.listed(&["198.51.100.12"]), ["198.51.100.12"]);
    let net = build("plain", "09-cut-last-line/cutnet.txt", &["--host-bits"]);
    assert_eq!(net.warnings(), ["2 no-newline"]);
    assert_eq!(net.dump("cidr"), ["203.0.113.0/24"]);
    for file in ["cut.txt", "cutnet.txt"] {
        let file = format!("09-cut-last-line/{file}");
        assert_eq!(build("plain", &file, &["--strict"]).run.code, 3);
    }
}

#[test]
fn json_is_read_or_refused_with_the_reason_once() {
    let case = "10-json-not-lines";
    let both = ["198.51.100.0/24", "203.0.113.0/24"];
    let json = |file: &str, key: &str| {
        let built = build(
            "json",
            &format!("{case}/{file}"),
            &["--strict", "--json-key", key],
        );
        assert_eq!(built.run.code, 0, "{file}: {}", built.run.stderr);
        built.dump("cidr")
    };
    assert_eq!(json("aws.json", "prefixes[].ip_prefix"), both);
    assert_eq!(json("misp.json", "list"), both);
    assert_eq!(
        json("abuseipdb.json", "data[].ipAddress"),
        ["198.51.100.1/32", "198.51.100.2/32"]
    );
    assert_eq!(
        json("array.json", "cidr,ip,domain"),
        ["198.51.100.1/32", "198.51.100.2/32"]
    );
    for (file, key) in [
        ("aws.json", "ip_prefix"),
        ("array.json", "ip"),
        ("abuseipdb.json", "ipAddress"),
    ] {
        let built = build(
            "plain-json",
            &format!("{case}/{file}"),
            &["--json-key", key],
        );
        let said = &built.run.stderr;
        assert_eq!(said.matches("one object a line").count(), 1, "{said}");
        assert!(said.contains("jq -c"), "{said}");
    }
    let reason = build(
        "plain-json",
        &format!("{case}/reason.json"),
        &["--json-text", "reason"],
    );
    assert_eq!(reason.warnings(), ["1 bad-text", "2 bad-text"]);
    assert_eq!(reason.listed(&["198.51.100.7", "198.51.100.8"]).len(), 2);
    assert_eq!(
        reason.says("198.51.100.9"),
        "198.51.100.9\tlisted\t127.0.0.2\tx"
    );
}

#[test]
fn the_host_of_a_url_is_listed() {
    let built = build("plain", "12-url-hosts/urls.txt", &["--strict"]);
    assert_eq!(built.run.code, 0, "{}", built.run.stderr);
    let hosts = ["198.51.100.9/32", "198.51.100.10/32"];
    assert_eq!(built.dump("cidr"), ["198.51.100.9/32", hosts[1]]);
    let names = [
        "evil.example",
        "evil2.example",
        "evil3.example",
        "evil4.example",
        "evil5.example",
        "evil6.example",
    ];
    assert_eq!(built.listed(&names), names);
    assert!(
        built
            .run
            .stderr
            .contains("8 keys that are the hosts of URLs"),
        "{}",
        built.run.stderr
    );
}

#[test]
fn names_in_utf_8_are_their_a_labels() {
    let keys = [
        "bücher.example",
        "xn--bcher-kva.example",
        "müller.example",
        "xn--mller-kva.example",
        "bücher2.example",
        "госуслуги.example",
    ];
    let built = build("plain", "13-idn/idn.txt", &["--strict"]);
    assert_eq!(built.listed(&keys), keys);
    assert_eq!(build("plain", "13-idn/bad.txt", &["--strict"]).run.code, 3);
}

#[test]
fn a_source_that_yields_nothing_is_told() {
    for file in ["empty.txt", "comments.txt", "html.txt"] {
        let file = format!("14-empty-and-html/{file}");
        let built = build("plain", &file, &["-q"]);
        assert_eq!(built.run.code, 0);
        assert_eq!(built.run.stderr, "rblmap: bl.example: nothing is listed\n");
        assert!(built.warnings().contains(&"0 empty".to_owned()), "{file}");
        assert_eq!(build("plain", &file, &["--strict"]).run.code, 3);
    }
}

#[test]
fn columns_are_read_by_name_or_number() {
    let feodo = build(
        "csv",
        "15-csv/feodo.csv",
        &[
            "--strict",
            "--header",
            "--column",
            "dst_ip",
            "--text-column",
            "malware",
        ],
    );
    assert_eq!(feodo.run.code, 0, "{}", feodo.run.stderr);
    assert_eq!(
        feodo.says("198.51.100.1"),
        "198.51.100.1\tlisted\t127.0.0.2\tX"
    );
    let alien = build("csv", "15-csv/alien.data", &["--delimiter", "#"]);
    assert_eq!(alien.dump("cidr"), ["198.51.100.6/32"]);
    let wrong = build("csv", "15-csv/feodo.csv", &["--column", "ip"]);
    assert_eq!(wrong.run.code, 3);
    assert!(
        wrong
            .run
            .stderr
            .contains("feodo.csv:3: no column \"ip\"; there are: first_seen_utc, dst_ip"),
        "{}",
        wrong.run.stderr
    );
    let plain = build("plain", "15-csv/a.csv", &[]);
    assert_eq!(
        plain.warnings()[2..6],
        [
            "2 bad-address",
            "3 bad-address",
            "4 bad-address",
            "5 bad-address"
        ]
    );
}

#[test]
fn ranges_are_read_in_many_ways() {
    let built = build("ranges", "16-ipfilter/p2p.txt", &["--strict"]);
    assert_eq!(built.run.code, 0, "{}", built.run.stderr);
    assert_eq!(built.dump("cidr"), ["198.51.100.0/24"]);
    assert_eq!(
        build("plain", "16-ipfilter/p2p.txt", &["--strict"])
            .run
            .code,
        3
    );
}

#[test]
fn tor_and_the_registries_are_read() {
    let tor = build("tor", "17-tor-rir/exit-addresses", &["--strict"]);
    assert_eq!(tor.dump("cidr"), ["198.51.100.7/32"]);
    let rir = build("rir", "17-tor-rir/delegated", &["--strict"]);
    assert_eq!(
        rir.dump("cidr"),
        ["198.51.100.0/23", "198.51.102.0/24", "2001:db8::/32"]
    );
}

#[test]
fn a_wide_network_is_said_without_check_too() {
    let built = build("plain", "18-wide-by-mistake/all.txt", &[]);
    assert_eq!(built.warnings(), ["1 wide"]);
    assert_eq!(
        build("plain", "18-wide-by-mistake/all.txt", &["--strict"])
            .run
            .code,
        3
    );
    let fire = build("plain", "18-wide-by-mistake/fire.netset", &[]);
    assert_eq!(fire.warnings(), ["2 wide"]);
}

/// What `--check` finds in a source, by class.
fn findings(kind: &str, file: &str) -> Vec<String> {
    let dir = TempDir::new().unwrap();
    let table = dir.path().join("w.tsv");
    let spec = format!(
        "bl.example:{kind}:{}",
        testdata("lists").join(file).display()
    );
    let run = rblmap([
        "build",
        "--check",
        "--warnings",
        table.to_str().unwrap(),
        &spec,
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let table = std::fs::read_to_string(table).unwrap();
    table
        .lines()
        .map(|row| row.split('\t').skip(1).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn the_lint_names_entries_that_no_host_can_have() {
    let found = findings("dnset", "19-dnset-impossible/z.zone");
    for line in [
        "2 odd-name",
        "3 odd-name",
        "4 odd-name",
        "5 odd-name",
        "6 odd-name",
        "7 hosts-line",
    ] {
        assert!(found.contains(&line.to_owned()), "{line}: {found:?}");
    }
    let found = findings("plain", "20-glued/glue.txt");
    for line in ["1 bad-address", "2 glued", "3 glued", "5 bad-address"] {
        assert!(found.contains(&line.to_owned()), "{line}: {found:?}");
    }
}

#[test]
fn texts_behind_a_mark_are_had() {
    let drop = build(
        "plain",
        "21-drop-txt/drop.txt",
        &["--strict", "--text-after", ";"],
    );
    assert_eq!(
        drop.says("198.51.100.1"),
        "198.51.100.1\tlisted\t127.0.0.2\tSBL1"
    );
    let abuse = build(
        "plain",
        "21-drop-txt/abuse.ipv4",
        &["--strict", "--text-after", "#"],
    );
    assert_eq!(
        abuse.says("198.51.100.1"),
        "198.51.100.1\tlisted\t127.0.0.2\tXX AS64500 Example"
    );
}

#[test]
fn an_address_spelled_backwards_is_that_address() {
    let built = build("dnset", "22-surbl-reversed/z.zone", &["--strict"]);
    assert_eq!(
        built.listed(&["198.51.100.7", "7.100.51.198"]),
        ["198.51.100.7"]
    );
}

#[test]
fn the_words_of_other_people_are_data() {
    let plain = build("plain", "23-dollar-in-data/d.txt", &["--strict", "--text"]);
    assert_eq!(
        plain.says("198.51.100.2"),
        "198.51.100.2\tlisted\t127.0.0.2\tUS$ 5 off"
    );
    assert_eq!(
        plain.says("198.51.100.3"),
        "198.51.100.3\tlisted\t127.0.0.2\t=start"
    );
    let json = build(
        "plain-json",
        "23-dollar-in-data/d.json",
        &["--strict", "--json-text", "reason"],
    );
    assert_eq!(
        json.says("198.51.100.1"),
        "198.51.100.1\tlisted\t127.0.0.2\tpays $= or $$ or US$ 5"
    );
    let marked = build(
        "plain",
        "23-dollar-in-data/d.txt",
        &["--text", "--templates"],
    );
    assert_eq!(
        marked.says("198.51.100.2"),
        "198.51.100.2\tlisted\t127.0.0.2\tUS198.51.100.2 5 off"
    );
}

#[test]
fn rules_about_domains_are_read_and_exceptions_kept() {
    let built = build("adblock", "24-adblock/abp.txt", &[]);
    let keys = [
        "ads.example.com",
        "x.ads.example.com",
        "ads2.example.com",
        "good.example.com",
    ];
    assert_eq!(built.listed(&keys), keys[..2]);
    assert_eq!(built.warnings().len(), 6);
    let plain = build("plain", "24-adblock/abp.txt", &["-q"]);
    assert_eq!(plain.warnings().len(), 11);
}

#[test]
fn the_same_is_said_ten_times_and_then_counted() {
    let dir = TempDir::new().unwrap();
    let list = dir.path().join("l");
    std::fs::write(&list, "||a.example^\n".repeat(3000) + "1.2.3.4\n").unwrap();
    let spec = format!("bl.example:plain:{}", list.display());
    let run = rblmap(["build", "-o", dir.path().join("i").to_str().unwrap(), &spec]);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 12, "{}", run.stderr);
    assert!(
        lines[0].ends_with(":1: not a domain name; line skipped: ||a.example^"),
        "{}",
        lines[0]
    );
    assert!(
        lines[10].ends_with(": 2990 more: not a domain name; line skipped"),
        "{}",
        lines[10]
    );
}

#[test]
fn host_bits_are_masked_on_request() {
    assert_eq!(
        build("plain", "25-host-bits/hb.txt", &["--strict"])
            .run
            .code,
        3
    );
    let built = build("plain", "25-host-bits/hb.txt", &["--strict", "--host-bits"]);
    assert_eq!(built.dump("cidr"), ["198.51.100.0/24", "2001:db8::/64"]);
}

#[test]
fn all_gzip_members_are_read() {
    let built = build("plain", "26-gzip-members/two.txt.gz", &["--strict"]);
    assert_eq!(built.dump("cidr"), ["198.51.100.1/32", "203.0.113.1/32"]);
}

#[test]
fn padded_octets_are_read_on_request() {
    let file = "28-zero-padded/ipsascii.txt";
    let refused = build("plain", file, &["--min-count", "10"]);
    assert_eq!(refused.dump("cidr"), [""; 0]);
    let padded = build("plain", file, &["--padded", "--min-count", "10"]);
    assert_eq!(padded.dump("cidr"), ["198.51.100.7/32"]);
    let ranges = build("ranges", file, &["--min-count", "1"]);
    assert_eq!(ranges.dump("cidr"), ["198.51.100.7/32", "203.0.113.9/32"]);
}

#[test]
fn an_option_that_no_source_reads_is_told() {
    let built = build(
        "plain",
        "06-mapped-in-plain/list.txt",
        &["--json-text", "x"],
    );
    assert_eq!(built.run.code, 0);
    assert_eq!(built.warnings(), ["0 idle-option"]);
    assert!(
        built.run.stderr.contains("--json-text"),
        "{}",
        built.run.stderr
    );
    let strict = build(
        "plain",
        "06-mapped-in-plain/list.txt",
        &["--strict", "--json-text", "x"],
    );
    assert_eq!(strict.run.code, 3);
    let missing = build(
        "plain-json",
        "23-dollar-in-data/d.json",
        &["--json-text", "REASON"],
    );
    assert_eq!(missing.warnings(), ["0 idle-option"]);
}

#[test]
fn auto_says_what_it_took_a_file_for() {
    for (file, kind) in [
        ("02-hosts-format/hosts", "hosts"),
        ("16-ipfilter/p2p.txt", "ranges"),
        ("17-tor-rir/exit-addresses", "tor"),
        ("17-tor-rir/delegated", "rir"),
        ("04-rpz-passthru/rpz.txt", "rpz"),
        ("13-idn/idn.txt", "plain"),
        ("15-csv/feodo.csv", "csv"),
    ] {
        let built = build("auto", file, &[]);
        assert_eq!(built.run.code, 0, "{file}: {}", built.run.stderr);
        assert!(
            built.run.stderr.contains(&format!("taken as {kind}: ")),
            "{}",
            built.run.stderr
        );
    }
    let unsure = build("auto", "14-empty-and-html/html.txt", &[]);
    assert_eq!(unsure.run.code, 3);
    assert!(
        unsure.run.stderr.contains("cannot be told"),
        "{}",
        unsure.run.stderr
    );
}

#[test]
fn lookup_takes_what_build_takes() {
    let built = build("plain", "12-url-hosts/urls.txt", &[]);
    for key in [
        "http://evil.example/x",
        "evil.example:25",
        "[::ffff:198.51.100.9]",
        "198.51.100.9:25",
        "EVIL.example.",
    ] {
        assert_eq!(built.listed(&[key]), [key]);
    }
    let network = rblmap(["lookup", &built.image(), "198.51.100.0/24"]);
    assert_eq!(network.code, 3);
}
