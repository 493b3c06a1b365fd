use super::*;

#[test]
fn a_file_is_taken_for_what_it_is() {
    use DatasetType::*;
    for (text, kind) in [
        ("# x\n1.2.3.4\na.example\n2001:db8::/32 # y\n", Plain),
        (
            "127.0.0.1 localhost\n::1 localhost\n0.0.0.0 0.0.0.0\n0.0.0.0 ads.example\n",
            Hosts,
        ),
        (
            "0.0.0.0 m\u{fc}nchen.example\n0.0.0.0 b\u{fc}cher.example\n",
            Hosts,
        ),
        (
            "[Adblock Plus 2.0]\n! x\n||a.example^\n@@||b.example^\na.example##.ad\n",
            Adblock,
        ),
        ("address=/a.example/0.0.0.0\nserver=/b.example/\n", Dnsmasq),
        (
            "ExitNode 00\nPublished 2026-01-01 00:00:00\nExitAddress 1.2.3.4 2026-01-01\n",
            Tor,
        ),
        (
            "2|x|1|3|1|2|+0\nripencc|XX|ipv4|1.2.3.0|256|1|assigned\n",
            Rir,
        ),
        ("create b hash:net family inet\nadd b 1.2.3.0/24\n", Ipset),
        (
            "table inet x {\n set b {\n elements = { 1.2.3.4 }\n }\n}\n",
            Nft,
        ),
        ("$TTL 300\n@ SOA a. b. 1 2 3 4 5\na.example CNAME .\n", Rpz),
        ("1.2.3.4 REJECT x\n1.2.3.5 OK\n", Postfix),
        (
            "1.2.3.0 - 1.2.3.255\n1.2.4.0 255.255.255.0\n1.2.5.1\n",
            Ranges,
        ),
        ("Start\tEnd\tNetmask\n1.2.3.0\t1.2.3.255\t24\tx\n", Ranges),
        ("[{\"ip\":\"1.2.3.4\"}]", Json),
        ("{\"ip\":\"1.2.3.4\"}\n{\"ip\":\"1.2.3.5\"}\n", Json),
        ("$DATASET ip4set @\n1.2.3.4\n", Combined),
        ("# x\n\"seen\",\"dst_ip\"\n\"2026\",\"1.2.3.4\"\n", Csv),
        ("1.2.3.4;443\n1.2.3.5;443\n", Csv),
    ] {
        let guess = guess(text.as_bytes(), &Options::default());
        assert_eq!(
            guess.as_ref().map(|guess| guess.kind),
            Ok(kind),
            "{text}: {guess:?}"
        );
    }
}

#[test]
fn where_it_cannot_be_told_nothing_is_taken() {
    for text in [
        "",
        "# only comments\n",
        "<!doctype html>\n<html>\n",
        "1.2.3.4\n0.0.0.0 a.example\n",
        "a.example CNAME .\n||b.example^\n",
        "1.2.3.4 17\n1.2.3.5 3\n",
        "1.2.3.4,1.2.3.5\n1.2.3.6,1.2.3.7\n",
        "some text\nthat is no list\n",
        ":127.0.0.2:x\n1.2.3.4\n",
    ] {
        let guess = guess(text.as_bytes(), &Options::default());
        assert!(guess.is_err(), "{text}: {guess:?}");
    }
}

#[test]
fn the_column_of_addresses_is_found() {
    let text = b"a;ip;b\nx;1.2.3.4;7\ny;1.2.3.5;8\n";
    let csv = guess(text, &Options::default()).unwrap().csv.unwrap();
    assert_eq!(csv.column, Some(crate::spec::Column::Number(2)));
    assert_eq!((csv.delimiter, csv.header), (b';', true));
}
