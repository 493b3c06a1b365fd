//! The switches of the policy file, and zones that cannot answer.

use domain::base::iana::Rtype;
use tempfile::TempDir;

use super::client::{Ours, Told, image, labels, query};
use super::peer::BASE;

const LIST: &str = "$SOA 3000 ns.example admin.example 7 600 300 86400 60
$DATASET ip4set @
127.0.0.2 :2:test
10.1.2.3 :3:three $
10.1.2.4 :99:other
$DATASET dnset @
a.b.listed.example
$DATASET ip6trie @
2001:db8::/32
$DATASET dnset deep.sub
x
";

fn serve(folder: &TempDir, switches: &str) -> Ours {
    let file = folder.path().join("list");
    std::fs::write(&file, LIST).unwrap();
    let spec = format!("{BASE}:combined:{}", file.display())
        .parse()
        .unwrap();
    let path = image(folder, &[spec], 1);
    Ours::start(&[(BASE, &path)], switches)
}

fn code(ours: &Ours, name: &str) -> String {
    let reply = ours.ask(&query(3, &labels(name), Rtype::A, None));
    let told = Told::of(&reply);
    let code = told.flags.split(' ').next_back().unwrap();
    format!("{code} {}", told.counts[1])
}

#[test]
fn names_between_exist_where_that_is_wished() {
    let folder = TempDir::new().unwrap();
    let between = [
        "10.bl.test",
        "1.10.bl.test",
        "2.1.10.bl.test",
        "listed.example.bl.test",
        "b.listed.example.bl.test",
        "2.bl.test",
        "0.0.2.bl.test",
        // 10.1.2.3 is asked for as ::ffff:a01:203 and 2002:a01:203::, too.
        "0.0.0.0.bl.test",
        "a.0.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.test",
        "1.0.a.0.2.0.0.2.bl.test",
    ];
    let nothing = [
        "11.bl.test",
        "3.1.10.bl.test",
        "example2.bl.test",
        "x.a.b.listed.example.bl.test",
        "3.bl.test",
        "b.0.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.test",
    ];
    let ours = serve(&folder, "");
    for name in between.iter().chain(&nothing) {
        assert_eq!(code(&ours, name), "NXDOMAIN 0", "{name}");
    }
    let ours = serve(&folder, "ent = \"noerror\"");
    for name in between {
        assert_eq!(code(&ours, name), "NOERROR 0", "{name}");
    }
    for name in nothing {
        assert_eq!(code(&ours, name), "NXDOMAIN 0", "{name}");
    }
}

#[test]
fn allow_lists_and_codes_hold_where_that_is_wished() {
    let folder = TempDir::new().unwrap();
    let policy = "dns_policy = true\n[[allow]]\nnetworks = [\"10.1.2.3\", \"2001:db8::1\"]\nnames = [\".listed.example\"]";
    let listed = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.test";
    let ours = serve(&folder, "");
    for name in [
        "3.2.1.10.bl.test",
        "4.2.1.10.bl.test",
        "a.b.listed.example.bl.test",
        listed,
    ] {
        assert_eq!(code(&ours, name), "NOERROR 1", "{name}");
    }
    let ours = serve(&folder, policy);
    for name in [
        "3.2.1.10.bl.test",
        "003.2.1.10.bl.test",
        "a.b.listed.example.bl.test",
        listed,
    ] {
        assert_eq!(code(&ours, name), "NXDOMAIN 0", "{name}");
    }
    for name in ["4.2.1.10.bl.test", "2.0.0.127.bl.test"] {
        assert_eq!(code(&ours, name), "NOERROR 1", "{name}");
    }
    let codes = "dns_policy = true\n";
    let path = folder.path().join("image.rbl");
    let zone = format!("{BASE}\"\ncodes = \"127.0.0.[2..11]");
    let ours = Ours::start(&[(&zone, &path)], codes);
    assert_eq!(code(&ours, "4.2.1.10.bl.test"), "NXDOMAIN 0");
    assert_eq!(code(&ours, "3.2.1.10.bl.test"), "NOERROR 1");
}

#[test]
fn the_version_is_told_where_that_is_wished() {
    let folder = TempDir::new().unwrap();
    let mut packet = query(3, &labels("version.bind"), Rtype::TXT, None);
    *packet.last_mut().unwrap() = 3; // class CH
    let ours = serve(&folder, "");
    assert!(Told::of(&ours.ask(&packet)).flags.ends_with("REFUSED"));
    let ours = serve(&folder, "dns_version = true");
    let told = Told::of(&ours.ask(&packet));
    assert!(told.sections[0][0].contains("rblmap "), "{told:?}");
}

#[test]
fn a_zone_without_an_image_fails_until_it_comes_and_others_answer() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("list");
    std::fs::write(&file, LIST).unwrap();
    let spec = format!("{BASE}:combined:{}", file.display())
        .parse()
        .unwrap();
    let path = image(&folder, &[spec], 1);
    let missing = folder.path().join("missing.rbl");
    let ours = Ours::start(&[(BASE, &path), ("late.test", &missing)], "");
    assert_eq!(code(&ours, "2.0.0.127.bl.test"), "NOERROR 1");
    assert_eq!(code(&ours, "2.0.0.127.late.test"), "SERVFAIL 0");
    assert_eq!(code(&ours, "2.0.0.127.other.test"), "REFUSED 0");
    let spec = format!("late.test:combined:{}", file.display())
        .parse()
        .unwrap();
    std::fs::rename(image(&folder, &[spec], 1), &missing).unwrap();
    ours.shared.policy().look();
    assert_eq!(code(&ours, "2.0.0.127.late.test"), "NOERROR 1");
}

#[test]
fn an_expired_zone_fails_with_its_subzones_and_one_of_its_own_does_not() {
    let folder = TempDir::new().unwrap();
    let texts = [
        (
            BASE,
            "combined",
            "$TIMESTAMP 2020:01:02 2020:01:03\n$DATASET ip4set @ part\n10.0.0.1\n",
        ),
        ("own.bl.test", "ip4set", "10.0.0.1\n"),
    ];
    let specs = texts.iter().map(|(zone, kind, text)| {
        let file = folder.path().join(zone);
        std::fs::write(&file, text).unwrap();
        format!("{zone}:{kind}:{}", file.display()).parse().unwrap()
    });
    let specs: Vec<_> = specs.collect();
    let path = image(&folder, &specs, 1);
    let ours = Ours::start(&[(BASE, &path)], "");
    assert_eq!(code(&ours, "1.0.0.10.bl.test"), "SERVFAIL 0");
    assert_eq!(code(&ours, "1.0.0.10.part.bl.test"), "SERVFAIL 0");
    assert_eq!(code(&ours, "1.0.0.10.own.bl.test"), "NOERROR 1");
}

#[test]
fn a_network_that_gets_too_many_replies_is_sent_to_tcp() {
    let folder = TempDir::new().unwrap();
    let mut ours = serve(&folder, "dns_rate = 2");
    let packet = query(3, &labels("3.2.1.10.bl.test"), Rtype::TXT, None);
    let replies = ours.burst(&packet, 100);
    // Of those over the rate every second one is cut, the others are held back.
    let cut = replies.iter().filter(|reply| Told::is_truncated(reply));
    assert!((20..60).contains(&cut.count()), "{} replies", replies.len());
    assert!(replies.len() < 70, "{} replies", replies.len());
    assert!(
        !Told::is_truncated(&ours.ask_tcp(&packet)),
        "TCP has no such limit"
    );
    let metrics = ours.shared.metrics.text();
    assert!(metrics.contains("rblmap_dns_limited_total"), "{metrics}");
    let counted = "rblmap_dns_queries_total{zone=\"bl.test\",answer=\"listed\"}";
    assert!(metrics.contains(counted), "{metrics}");
}
