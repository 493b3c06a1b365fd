//! Inputs to begin with, from the repository's test data and from what the other crates write.
#![allow(clippy::big_endian_bytes, reason = "the network's order")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::{delta, made};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Lists, each with the type that it is of, by its place in `DatasetType::NAMES`.
const LISTS: [(&str, &str); 26] = [
    ("01-dshield-tsv/list.txt", "plain"),
    ("02-hosts-format/hosts", "hosts"),
    ("04-rpz-passthru/rpz.txt", "rpz"),
    ("05-postfix-access/access.cidr", "postfix"),
    ("06-mapped-in-plain/list.txt", "plain"),
    ("07-rbldnsd-27/z.zone", "ip4set"),
    ("09-cut-last-line/cut.txt", "plain"),
    ("10-json-not-lines/abuseipdb.json", "json"),
    ("10-json-not-lines/array.json", "json"),
    ("10-json-not-lines/aws.json", "json"),
    ("10-json-not-lines/misp.json", "json"),
    ("12-url-hosts/urls.txt", "plain"),
    ("13-idn/idn.txt", "plain"),
    ("14-empty-and-html/html.txt", "auto"),
    ("15-csv/a.csv", "csv"),
    ("15-csv/feodo.csv", "csv"),
    ("15-csv/alien.data", "auto"),
    ("16-ipfilter/p2p.txt", "ranges"),
    ("17-tor-rir/delegated", "rir"),
    ("17-tor-rir/exit-addresses", "tor"),
    ("18-wide-by-mistake/fire.netset", "plain"),
    ("19-dnset-impossible/z.zone", "dnset"),
    ("22-surbl-reversed/z.zone", "dnset"),
    ("23-dollar-in-data/d.json", "plain-json"),
    ("24-adblock/abp.txt", "adblock"),
    ("25-host-bits/hb.txt", "plain"),
];

/// Sources of the types that have no list above.
const TEXTS: [(&str, &str); 10] = [
    (
        "ip4trie",
        "$SOA 3000 ns.example h.example 0 600 300 86400 300\n$NS 3000 a.example\n$TTL 60\n\
         :127.0.0.2:See $\n10.0.0.0/8\n!10.1.0.0/16\n192.0.2.1 :3:$1 $=\n$1 one\n",
    ),
    ("ip4tset", ":2:text $\n192.0.2.1\n10.0.0.1 # no\n"),
    (
        "ip6trie",
        ":2:six $\n2001:db8::/32\n!2001:db8:1::/48\n2001:db8::1 :4:x\n",
    ),
    (
        "ip6tset",
        ":2:six $\n2001:db8:1:2\n2001:db8:1:3::\n!2001:db8:1:2::\n",
    ),
    (
        "dnset",
        ":2:$\nmail.example\n.wild.example :3:w\n*.star.example\n!not.wild.example\n",
    ),
    ("dnhash", "mail.example :1:x\nmail.example :2:y\n"),
    (
        "generic",
        "txt TXT \"hello\"\nmx 3600 A 127.0.0.8\nmx MX 10 mail.example\n",
    ),
    (
        "combined",
        "$DATASET ip4set:ops sub @\n:2:$\n10.0.0.1\n$DATASET dnset names\nmail.example\n\
         $DATASET generic @\nbig TXT \"x\"\n",
    ),
    (
        "ipset",
        "create a hash:net family inet\nadd a 192.0.2.0/24 timeout 5 comment \"x\"\n",
    ),
    (
        "nft",
        "table inet f { set s { type ipv4_addr\n elements = { 192.0.2.1, 10.0.0.0-10.0.0.9 } } }\n",
    ),
];

const POLICY: &str = "request=smtpd_access_policy\nclient_address=192.0.2.1\n\
    client_name=mail.example\nreverse_client_name=mail.example\nhelo_name=n3.x1.example\n\
    sender=a@n3.x1.example\nrecipient=b@ops.example\nserver_port=25\nsasl_username=\n\n";

const FILTER: &str = "config|smtpd-version|7.4\nconfig|ready\n\
    report|0.7|1.5|smtp-in|link-connect|aa|mail.example|pass|192.0.2.1:99|192.0.2.9:25\n\
    filter|0.7|1.5|smtp-in|connect|aa|t1|mail.example|192.0.2.1\n\
    filter|0.7|1.5|smtp-in|ehlo|aa|t2|n3.x1.example\n\
    filter|0.4|1.5|smtp-in|mail-from|t3|aa|<a@n3.x1.example>\n\
    report|0.7|1.5|smtp-in|link-auth|bb|user|pass\n\
    filter|0.7|1.5|smtp-in|rcpt-to|aa|t4|<b@ops.example>\n\
    filter|0.7|1.5|smtp-in|data-line|aa|t5|Subject: x\n\
    report|0.7|1.5|smtp-in|link-disconnect|aa\n";

const LOG: &str = r#"Nov 28 17:45:19 mx postfix/smtpd[1]: connect from a.example[192.0.2.1]
Nov 28 17:45:19 mx postfix/smtpd[1]: ABC: client=a.example[192.0.2.1], sasl_method=PLAIN, sasl_username=u
Nov 28 17:45:19 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example[192.0.2.1]: 554 5.7.1 x; from=<a@b> to=<c@d>
Nov 28 17:45:20 mx postfix/postscreen[2]: CONNECT from [192.0.2.1]:99 to [192.0.2.2]:25
Nov 28 17:45:20 mx postfix/postscreen[2]: PASS NEW [192.0.2.1]:99
Nov 28 17:45:20 mx postfix/qmgr[2]: ABC: from=<a@b>, size=1, nrcpt=1 (queue active)
Nov 28 17:45:20 mx postfix/smtp[2]: ABC: to=<c@d>, relay=x, status=sent (250 ok)
2026-11-28 17:45:19 1abcDE-000001-2F <= a@b H=m.example [192.0.2.1]:99 P=esmtp S=5 for c@d
2026-11-28 17:45:19 H=m.example [192.0.2.1] F=<a@b> rejected RCPT <c@d>: listed
Nov 28 17:45:19 mx sendmail[9]: xAB: from=<a@b>, size=5, relay=m.example [192.0.2.1]
Nov 28 17:45:19 mx sendmail[9]: ruleset=check_relay, arg1=m, arg2=192.0.2.1, relay=m [192.0.2.1], reject=550 x
2026-11-28T17:45:19Z mx smtpd[1]: 0a1b smtp connected address=192.0.2.1 host=m.example
2026-11-28T17:45:19Z mx smtpd[1]: 0a1b smtp message msgid=1 size=5 nrcpt=1 proto=ESMTP
{"MESSAGE":"connect from a.example[192.0.2.1]","SYSLOG_IDENTIFIER":"postfix/smtpd"}
2026-11-28 17:45:19 #1(rspamd_proxy) <ab>; proxy; rspamd_task_write_log: id: <x>, ip: 192.0.2.1, (default: F (reject): [20/15]
192.0.2.1
2001:db8::1
"#;

const MAIL_TOML: &str = r#"threshold = 2.5

[listen]
policy = ["unix:/run/rblmap/policy", "127.0.0.1:10040"]
dns = ["127.0.0.1:53"]
metrics = ["127.0.0.1:9100"]

[exempt]
recipients = ["postmaster@", "abuse@ops.example"]
authenticated = true
ports = [587]

[allow]
networks = ["192.0.2.0/24", "2001:db8::/32"]
names = ["partner.example", ".friend.example"]

[[zone]]
name = "ops.example"
from = "/nowhere/ops.example.rbl"
mode = "reject"
weight = 1.5
codes = ["127.0.0.2", "127.0.0.4-127.0.0.9"]
look = ["client", "helo", "sender"]
reply = "550 5.7.1 {client} is listed: {text}"
"#;

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = Path::new(ROOT).join(path);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes[..bytes.len().min(3000)].to_vec()
}

fn kind(name: &str) -> u8 {
    let names = rblmap_zonefile::DatasetType::NAMES;
    let place = names.iter().position(|(known, _)| *known == name);
    u8::try_from(place.expect("a type")).expect("few types")
}

fn lists() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (path, name) in LISTS {
        let text = read(format!("testdata/lists/{path}"));
        for (kind, how) in [(kind(name), 0), (kind("auto"), 8)] {
            seeds.push([&[kind, how], text.as_slice()].concat());
        }
    }
    for (name, text) in TEXTS {
        seeds.push([&[kind(name), 2], text.as_bytes()].concat());
    }
    seeds
}

/// Packets of milter: the length, then the command with its data.
fn milter() -> Vec<u8> {
    let mut out = vec![3];
    let negotiate = [
        &b"O"[..],
        &6u32.to_be_bytes(),
        &0x1ffu32.to_be_bytes(),
        &0x1f_ffffu32.to_be_bytes(),
    ];
    let packets: [&[u8]; 9] = [
        &negotiate.concat(),
        b"DCj\0mx.example\0{daemon_port}\x0025\0",
        b"Cmail.example\x004\x00\x19192.0.2.1\0",
        b"Hn3.x1.example\0",
        b"M<a@n3.x1.example>\0",
        b"DR{auth_authen}\0\0",
        b"R<b@ops.example>\0",
        b"E",
        b"Q",
    ];
    for packet in packets {
        out.extend(u32::try_from(packet.len()).expect("short").to_be_bytes());
        out.extend(packet);
    }
    out
}

fn packet(name: &str, kind: u16, opt: bool) -> Vec<u8> {
    let mut out = vec![0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(opt)];
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).expect("a short label"));
        out.extend(label.as_bytes());
    }
    out.push(0);
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    if opt {
        out.extend([0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
    }
    out
}

type Seeds = Vec<(&'static str, Vec<u8>)>;

fn of(target: &'static str, all: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Seeds {
    let all = all.into_iter();
    all.map(|seed| (target, seed.as_ref().to_vec())).collect()
}

fn seeds() -> Seeds {
    let patch = [2u8, 1, 3, 0, 0, 0, 7, 7, 7, 7, 7, 7];
    let patches = [0, 1, 2, 240].map(|which| [&[which, 2], &patch[..], &patch[..]].concat());
    let small = made::small(1).as_bytes().to_vec();
    let feed = |name: &str| read(format!("testdata/golden/feed/{name}"));
    let manifests = ["manifest.json", "index.json", "delta_index.json"];
    let statement = b"\0{\"number\":1,\"add\":[],\"remove\":[],\"retired\":[\"ops.example\"]}";
    let steps = [1, 0, 1, 2, 1, 1, 200, 3, 1, 5, 200, 3, 1];
    let mut seeds = delta::seeds();
    seeds.extend(of("lists", lists()));
    seeds.extend(of("image", [read("testdata/golden/three.rbl"), small]));
    seeds.extend(of("image_patch", patches));
    seeds.extend(of("manifest", manifests.map(feed)));
    seeds.extend(of("pointer", [feed("current.minisig")]));
    seeds.extend(of("statement", [&statement[..], &steps]));
    let page = [1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
    seeds.extend(of("status_page", [page]));
    seeds.extend(of("segment", [&[1, 200, 0, 1, 3, 1, 9][..], &[0; 200]]));
    let zone = "[[zone]]\nname = \"a.example\"\n";
    seeds.extend(of("mail_toml", [MAIL_TOML, zone]));
    seeds.extend(of("log", LOG.lines().chain([LOG])));
    seeds.extend(of("partial", partial()));
    let keys = [
        "\x01\t192.0.2.1\tx",
        "\x02 x 2001:db8::1",
        "\x01,mail.example",
    ];
    seeds.extend(of("filter", keys));
    seeds.extend(of_protocols());
    seeds
}

fn of_protocols() -> Seeds {
    let packets = [
        packet("1.0.0.10.ops.example", 1, true),
        packet("2.0.0.127.ops.example", 16, false),
        packet("ops.example", 255, true),
        packet("ops.example", 6, false),
        packet("mx.gen.ops.example", 15, false),
    ];
    let socketmap = ["\x0518:client 192.0.2.1,15:x n3.x1.example,", "\x010:,"];
    let http = [
        "\x09GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        "\x01HEAD /healthz HTTP/1.0\n\n",
    ];
    [
        of("policy", [&format!("\x07{POLICY}{POLICY}"), "\x01a=b\n\n"]),
        of("socketmap", socketmap),
        of("milter", [&milter()[..], b"\0\0\0\0\x01Q"]),
        of(
            "query",
            ["\x04client=192.0.2.1 helo=n3.x1.example\n", "\x01192.0.2.1"],
        ),
        of("http", http),
        of("opensmtpd", [FILTER, "config|ready"]),
        of("dns", packets),
    ]
    .concat()
}

fn partial() -> Vec<Vec<u8>> {
    use rblmap_report::{Tally, partial};
    [partial::Form::Binary, partial::Form::Text]
        .map(|form| {
            let tally = Tally::new();
            let mut counting = tally.counting();
            LOG.lines().for_each(|line| counting.line(line.as_bytes()));
            counting.finish();
            let mut out = Vec::new();
            partial::write(tally, form, &mut out).expect("memory");
            out
        })
        .to_vec()
}

/// With `RBLMAP_SEEDS` set, the inputs are added to `corpus/`: for when a format changes, and then
/// `scripts/fuzz --minimise`.
#[test]
fn every_seed_runs_through() {
    let corpus: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let is_written = std::env::var_os("RBLMAP_SEEDS").is_some();
    for (number, (target, bytes)) in seeds().into_iter().enumerate() {
        println!("{target}");
        crate::run(target, &bytes);
        if is_written {
            let folder = corpus.join(target);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("seed-{number}")), bytes).unwrap();
        }
    }
}
