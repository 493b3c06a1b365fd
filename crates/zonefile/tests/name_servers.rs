//! `$NS` lines that are damaged or name nobody.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use rblmap_content::NameServers;
use rblmap_zonefile::{Options, build};

/// The name servers of an `ip4set` of this text.
fn name_servers(text: &str) -> Option<NameServers> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone");
    std::fs::write(&path, text).unwrap();
    let spec = format!("bl.test:ip4set:{}", path.display());
    let built = build(&[spec.parse().unwrap()], &Options::default()).unwrap();
    built.content.base().facts().ns.clone()
}

/// As the real rbldnsd does it: seed 3931518738 of the random zones that are asked over DNS.
#[test]
fn a_broken_ns_line_has_the_ttl_of_one_before_it_whose_names_are_all_turned_off() {
    let ttl = |text: &str| name_servers(&format!("{text}\n10.0.0.1\n")).map(|ns| ns.ttl);
    assert_eq!(ttl("$NS 5m -a"), None);
    assert_eq!(ttl("$NS 5m -a\n$NS 1h b"), Some(3600));
    assert_eq!(ttl("$NS 1h b \\999"), Some(0));
    assert_eq!(ttl("$NS 5m -a\n$NS 1h b \\999"), Some(300));
    assert_eq!(ttl("$TTL 7m\n$NS 0 -a\n$NS 1h b \\999"), Some(420));
}
