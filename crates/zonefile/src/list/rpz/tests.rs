use super::*;

fn read_all(text: &str) -> (Vec<String>, Vec<String>) {
    let options = Options::default();
    let mut parts = read(text.as_bytes(), &options);
    let piece = parts.pop().unwrap().piece;
    assert!(parts.is_empty(), "short texts are read in one");
    let mut said = Vec::new();
    for name in &piece.names {
        let key = rblmap::NameKey::from_key(name.key(&piece.arena)).unwrap();
        let not = if name.said() == Said::Excluded {
            "!"
        } else {
            ""
        };
        said.push(format!("{not}{key} {:?}", name.scope));
    }
    for net in &piece.v4.nets {
        let not = if net.value == Said::Excluded { "!" } else { "" };
        said.push(format!("{not}{:x}-{:x}", net.start, net.end));
    }
    for (_, singles, value) in piece.v4.by_value() {
        let not = if value == Said::Excluded { "!" } else { "" };
        said.extend(singles.iter().map(|single| format!("{not}{single:x}")));
    }
    for net in &piece.v6 {
        said.push(format!(
            "{:x}/{}",
            net.start,
            (net.start ^ net.end).leading_zeros()
        ));
    }
    let notes = piece
        .notes
        .iter()
        .map(|note| format!("{} {}", note.line, note.class.as_str()));
    (said, notes.collect())
}

#[test]
fn owners_are_relative_to_the_apex() {
    let whole = "\
$TTL 300
rpz.example. IN SOA localhost. root.localhost. (
    1 ; serial (one)
    3600 600 86400 60 )
 IN NS localhost.
bad.example.rpz.example. 60 IN CNAME .
*.bad.example.rpz.example. IN 60 CNAME *.
$ORIGIN rpz.example.
Worse.Example CNAME .
    TXT \"a ; b\" ; c
$ORIGIN com.rpz.example.
x CNAME rpz-drop.
elsewhere.example. CNAME .
";
    let (said, notes) = read_all(whole);
    assert_eq!(
        said,
        [
            "bad.example Exact",
            "bad.example Below",
            "worse.example Exact",
            "worse.example Exact",
            "x.com Exact"
        ]
    );
    assert_eq!(notes, ["13 bad-name"]);
}

#[test]
fn exceptions_and_networks_are_what_they_are() {
    let (said, notes) = read_all(
        "@ SOA a. b. 1 2 3 4 5\n\
         good.example CNAME rpz-passthru.\n*.good.example CNAME *.good.example.\n\
         old.example CNAME old.example.\nown.example A 127.0.0.1\n\
         32.7.100.51.198.rpz-ip CNAME .\n24.0.113.0.203.rpz-ip CNAME rpz-passthru.\n\
         32.zz.db8.2001.rpz-ip CNAME .\n128.1.zz.db8.2001.rpz-ip CNAME .\n\
         24.7.100.51.198.rpz-ip CNAME .\nns.example.rpz-nsdname CNAME .\n\
         tcp.example CNAME rpz-tcp-only.\n$INCLUDE x\n",
    );
    assert_eq!(
        said,
        [
            "!good.example Exact",
            "!good.example Below",
            "!old.example Exact",
            "own.example Exact",
            "!tcp.example Exact",
            "!cb007100-cb0071ff",
            "c6336407",
            "20010db8000000000000000000000000/32",
            "20010db8000000000000000000000001/128",
        ]
    );
    assert_eq!(
        notes,
        ["10 bad-address", "11 unread", "12 unread", "13 bad-special"]
    );
}
