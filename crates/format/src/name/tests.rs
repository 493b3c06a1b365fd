use super::*;

#[test]
fn names_are_read_by_the_rules_of_zone_files() {
    let cases: [(&[u8], &str); 8] = [
        (b"a..b", "a.b"),
        (b".A.b.", "a.b"),
        (b"a\\.b.c", "a\\.b.c"),
        (b"a\\065.b", "aa.b"),
        (b"a\\6", "a\\006"),
        (b"x\\", "x"),
        (b"", ""),
        (b"\xffz", "\\255z"),
    ];
    for (text, shown) in cases {
        assert_eq!(NameKey::parse(text).unwrap().to_string(), shown);
    }
    assert_eq!(NameKey::parse(b"\\256"), Err(NameError::BadEscape));
    assert_eq!(NameKey::parse(&[b'a'; 64]), Err(NameError::LabelTooLong));
    assert!(NameKey::parse(&[b'a'; 63]).is_ok());
}

#[test]
fn the_short_way_to_read_a_name_reads_it_alike() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut plain = 0;
    for _ in 0..20_000 {
        let bytes: &[u8] =
            [&b"abcXYZ019-_.."[..], b"a.\0\x01\xff.A", b"aB.\\07"][random.usize(..3)];
        let longest = [8, 70, 300][random.usize(..3)];
        let length = random.usize(..longest);
        let text: Vec<u8> = (0..length)
            .map(|_| bytes[random.usize(..bytes.len())])
            .collect();
        let Some(key) = NameKey::plain(&text) else {
            continue;
        };
        plain += 1;
        assert_eq!(NameKey::escaped(&text), Ok(key), "{text:?}");
        let mut keys = b"before".to_vec();
        let appended = NameKey::append_plain(&text, &mut keys);
        let is_escaped = key.as_bytes().contains(&1);
        assert_eq!(
            appended,
            (!is_escaped).then_some(key.label_count()),
            "{text:?}"
        );
        let own = if is_escaped { &[][..] } else { key.as_bytes() };
        assert_eq!(keys, [b"before", own].concat(), "{text:?}");
    }
    assert!(plain > 10_000, "{plain}");
}

#[test]
fn a_name_holds_255_bytes_on_the_wire() {
    let label = [b'a'; 63];
    let name = [&label[..], &label, &label, &[b'a'; 61]].join(&b'.');
    let key = NameKey::parse(&name).unwrap();
    assert_eq!(NameKey::from_key(key.as_bytes()), Ok(key));
    let name = [&label[..], &label, &label, &[b'a'; 62]].join(&b'.');
    assert_eq!(NameKey::parse(&name), Err(NameError::NameTooLong));
    // Escaped bytes are longer in the key than on the wire.
    let low = [1u8; 63];
    let name = [&low[..], &low, &low, &[0u8; 61]].join(&b'.');
    let key = NameKey::parse(&name).unwrap();
    assert_eq!(key.as_bytes().len(), 2 * 250 + 4);
    assert_eq!(NameKey::from_key(key.as_bytes()), Ok(key));
}

#[test]
fn keys_sort_as_the_tree_does() {
    let names = [
        "b", "a.b", "z.a.b", "a-x.b", "\\000.b", "\\001.b", "\\002.b",
    ];
    let mut keys: Vec<NameKey> = names
        .iter()
        .map(|n| NameKey::parse(n.as_bytes()).unwrap())
        .collect();
    keys.sort();
    assert_eq!(keys[0], NameKey::parse(b"b").unwrap());
    for key in &keys[1..] {
        assert!(key.is_within(&keys[0]));
    }
    for key in &keys {
        assert_eq!(
            NameKey::from_key(key.as_bytes()).unwrap().to_string(),
            key.to_string()
        );
    }
}

#[test]
fn bytes_that_are_no_key_are_refused() {
    for bad in [
        &b"a"[..],
        b"\0",
        b"a\0\0",
        b"a\x01\0",
        b"\x01\x03\0",
        b"A\0",
        b"a\x01",
    ] {
        assert_eq!(NameKey::from_key(bad), Err(NameError::BadKey), "{bad:?}");
    }
    let label = |len: usize| [&vec![b'a'; len][..], &[0]].concat();
    assert_eq!(NameKey::check(&label(64)), Err(NameError::LabelTooLong));
    assert_eq!(
        NameKey::check(&[label(63), label(63), label(63), label(61)].concat()),
        Ok(4)
    );
    let long = [label(63), label(63), label(63), label(62)].concat();
    assert_eq!(NameKey::check(&long), Err(NameError::NameTooLong));
}
