use super::*;
use crate::spec::{JsonOptions, Options};

fn read(text: &str, keys: &[&str], words: Option<&str>) -> (Vec<String>, Vec<(Class, u32)>) {
    let json = JsonOptions {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        text: words.map(str::to_owned),
    };
    let mut options = Options::default();
    options.reading.json = json;
    let paths = Paths::of(&options.reading.json);
    let rules = Rules {
        paths: &paths,
        ..Rules::of(DatasetType::Json, &options)
    };
    let parts = whole(text.as_bytes(), Path::new("x"), &rules).unwrap();
    let (mut listed, mut notes) = (Vec::new(), Vec::new());
    for Part { piece, .. } in parts {
        let values = &piece.values.values;
        for (_, singles, value) in piece.v4.by_value() {
            let Said::Value(value) = value else { continue };
            for address in singles {
                let address = std::net::Ipv4Addr::from_bits(*address);
                let text = match &values[value as usize].1.text {
                    crate::value::Text::Words(crate::value::Words::Data(text)) => {
                        format!(" {}", String::from_utf8_lossy(text))
                    }
                    _ => String::new(),
                };
                listed.push(format!("{address}{text}"));
            }
        }
        notes.extend(piece.notes.iter().map(|note| (note.class, note.line)));
    }
    (listed, notes)
}

#[test]
fn records_are_where_their_paths_say() {
    let both = vec!["1.2.3.4".to_owned(), "1.2.3.5".to_owned()];
    for (text, key) in [
        ("[{\"ip\":\"1.2.3.4\"},{\"ip\":\"1.2.3.5\"}]", "ip"),
        ("[{\"ip\":\"1.2.3.4\"},{\"ip\":\"1.2.3.5\"}]", "[].ip"),
        ("{\"ip\":\"1.2.3.4\"}\n{\"ip\":\"1.2.3.5\"}\n", "ip"),
        ("{\"ip\":\"1.2.3.4\"}{\"ip\":\"1.2.3.5\"}", "ip"),
        ("{\n\"ip\":\"1.2.3.4\"}\n\n{\n\"ip\":\"1.2.3.5\"}\n", "ip"),
        (
            "{\"a\":{\"b\":[{\"ip\":\"1.2.3.4\"},{\"ip\":\"1.2.3.5\"}]}}",
            "a.b[].ip",
        ),
        ("{\"list\":[\"1.2.3.4\",\"1.2.3.5\"]}", "list"),
        ("{\"list\":[\"1.2.3.4\",\"1.2.3.5\"]}", "list[]"),
        ("[\"1.2.3.4\",\"1.2.3.5\"]", "[]"),
        (
            "{\"data\":[[{\"ip\":\"1.2.3.4\"}],[{\"ip\":\"1.2.3.5\"}]]}",
            "data[][].ip",
        ),
        (
            "{\"data\":[{\"i\\u0070\":\"1.2.3.\\u0034\"},{\"ip\":\"1.2.3.5\"}]}",
            "data[].ip",
        ),
    ] {
        assert_eq!(read(text, &[key], None), (both.clone(), vec![]), "{text}");
    }
}

#[test]
fn a_text_is_that_of_its_record() {
    let text = "{\"why\":\"all\",\"data\":[\n{\"ip\":\"1.2.3.4\",\"why\":\"a\"},\n{\"why\":\"b\",\"ip\":\"1.2.3.5\"},\n\
        {\"ip\":\"1.2.3.6\"},\n{\"ip\":\"1.2.3.7\",\"why\":null},\n{\"ip\":\"1.2.3.8\",\"why\":[1]},\n{\"x\":1}\n]}";
    for path in ["data[].why", "why"] {
        let (listed, notes) = read(text, &["data[].ip"], Some(path));
        assert_eq!(
            listed,
            ["1.2.3.4 a", "1.2.3.5 b", "1.2.3.6", "1.2.3.7", "1.2.3.8"]
        );
        let expected = [
            (Class::BadText, 5),
            (Class::BadText, 6),
            (Class::BadJson, 7),
        ];
        assert_eq!(notes, expected);
    }
}

#[test]
fn a_document_that_is_cut_is_refused() {
    let options = Options::default();
    let paths = Paths::of(&options.reading.json);
    let rules = Rules {
        paths: &paths,
        ..Rules::of(DatasetType::Json, &options)
    };
    let text = b"[\n{\"ip\":\"1.2.3.4\"},\n{\"ip\":\"1.2.3.";
    let error = whole(text, Path::new("x.json"), &rules).unwrap_err();
    assert!(error.to_string().starts_with("x.json:3: "), "{error}");
}
