use super::*;

fn read(text: &str) -> Result<(Key, Dress), Class> {
    parse(text.as_bytes(), &KeyRules::of(&Options::default()))
}

fn v4(start: u32, end: u32) -> Key {
    Key::V4(Range { start, end })
}

fn name(text: &str, scope: NameScope) -> Key {
    Key::Name(Box::new(NameKey::parse(text.as_bytes()).unwrap()), scope)
}

#[test]
fn addresses_in_every_dress() {
    let host = v4(0x0102_0304, 0x0102_0304);
    let six = Key::V6 { start: 1, end: 1 };
    let all = Key::V6 {
        start: 0,
        end: u128::MAX,
    };
    let cases = [
        ("1.2.3.4", host.clone(), Dress::Bare),
        ("1.2.3.0/24", v4(0x0102_0300, 0x0102_03ff), Dress::Bare),
        ("0.0.0.0/0", v4(0, u32::MAX), Dress::Bare),
        ("1.2.3.4-1.2.3.9", v4(0x0102_0304, 0x0102_0309), Dress::Bare),
        ("1.2.3.4:8080", host.clone(), Dress::Port),
        ("http://1.2.3.4:80/x:y", host.clone(), Dress::Url),
        ("socks5://1.2.3.4", host.clone(), Dress::Url),
        ("::1", six.clone(), Dress::Bare),
        ("[::1]:80", six.clone(), Dress::Port),
        ("[::1]", six.clone(), Dress::Bare),
        ("[::1]/128", six.clone(), Dress::Bare),
        ("https://[::1]:443/", six.clone(), Dress::Url),
        ("::/0", all, Dress::Bare),
    ];
    for (text, key, dress) in cases {
        assert_eq!(read(text), Ok((key, dress)), "{text}");
    }
}

#[test]
fn names_in_every_dress() {
    use Dress::{Bare, Port, Url};
    use NameScope::{Below, Both, Exact};
    let cases = [
        ("a.Example", "a.example", Exact, Bare),
        ("*.example", "example", Below, Bare),
        (".a.example.", "a.example", Both, Bare),
        ("http://a.example:8/x", "a.example", Exact, Url),
        ("a.example:80", "a.example", Exact, Port),
        ("b\u{fc}cher.example", "xn--bcher-kva.example", Exact, Bare),
        (
            "*.B\u{dc}cher.example",
            "xn--bcher-kva.example",
            Below,
            Bare,
        ),
        ("0-180.com", "0-180.com", Exact, Bare),
    ];
    for (text, key, scope, dress) in cases {
        assert_eq!(read(text), Ok((name(key, scope), dress)), "{text}");
    }
}

/// RFC 3986, section 3.2: the authority ends at `/`, `?`, `#` or the end; user information ends at
/// the last `@`; the port may be empty.
#[test]
fn the_host_of_a_url_is_the_host_of_its_authority() {
    let host = name("a.example", NameScope::Exact);
    for url in [
        "http://a.example?x=1",
        "http://a.example#frag",
        "http://user:pw@a.example/path",
        "http://user@b.example@a.example/",
        "http://a.example:/x",
        "HTTP://A.EXAMPLE:8080?x=http://b.example/",
        "svn+ssh://u@a.example:22",
    ] {
        assert_eq!(read(url), Ok((host.clone(), Dress::Url)), "{url}");
    }
    let host = v4(0x0102_0304, 0x0102_0304);
    for url in [
        "http://info@1.2.3.4/a.exe",
        "http://1.2.3.4?x",
        "x://1.2.3.4:",
    ] {
        assert_eq!(read(url), Ok((host.clone(), Dress::Url)), "{url}");
    }
    for bad in [
        "http://a.example:99999/",
        "http://[::1/",
        "http://user@/",
        "://a.example",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_address_with_more_behind_it_is_not_called_a_name() {
    for text in [
        "1.2.3.4,443",
        "1.2.3.4;443",
        "1.2.3.4|443",
        "1.2.3.4#4#2",
        "1.2.3.*",
    ] {
        let class = if text == "1.2.3.*" {
            Class::BadName
        } else {
            Class::BadAddress
        };
        assert_eq!(read(text), Err(class), "{text}");
    }
}

#[test]
fn what_is_no_key_is_never_listed() {
    let bad = [
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.256",
        "1.2.3.4/33",
        "1.2.3.4/",
        "256.1.1.1",
        "1.2.3.9-1.2.3.4",
        "1.2.3.4:99999",
        "1.2.3.4:",
        "1.2.3.4,x",
        "example",
        "a..example",
        "a.example:",
        "7.100.51.198.rpz-ip",
        "[::1]/129",
        "[::1]x",
        "a.1",
        "!1.2.3.4",
        "$TTL",
        "http:///x",
        "*",
        ".",
        "*.",
        "http://example/",
        "1::2::3",
        "[::1",
        "::1/129",
        "a_b",
        "a b.example/x",
    ];
    for text in bad {
        assert!(read(text).is_err(), "{text}");
    }
    assert_eq!(read("1.2.3.4/24"), Err(Class::HostBits));
    assert_eq!(read("2001:db8::1/64"), Err(Class::HostBits));
}

#[test]
fn a_range_is_the_networks_it_is_made_of() {
    let nets = |start, end, width| networks(start, end, width).collect::<Vec<_>>();
    assert_eq!(nets(1, 4, 32), [(1, 1), (2, 3), (4, 4)]);
    assert_eq!(nets(0, 0xffff_ffff, 32), [(0, 0xffff_ffff)]);
    assert_eq!(nets(0, u128::MAX, 128), [(0, u128::MAX)]);
    assert_eq!(nets(u128::MAX, u128::MAX, 128), [(u128::MAX, u128::MAX)]);
    assert_eq!(nets(1, 0xffff_fffe, 32).len(), 62);
}
