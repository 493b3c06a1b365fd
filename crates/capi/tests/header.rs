//! The header declares what the library defines: the same functions with the same types.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// Each function with its types in C, the result first.
type Functions = BTreeMap<String, Vec<String>>;

fn declared() -> Functions {
    let header = fs::read_to_string(Path::new(CRATE).join("include/rblmap.h")).unwrap();
    let mut functions = Functions::new();
    let code = header
        .split("/*")
        .map(|part| part.rsplit("*/").next().unwrap());
    let code: String = code.collect();
    for statement in code.split(';') {
        let Some((head, parameters)) = statement.split_once('(') else {
            continue;
        };
        let Some(at) = head.rfind("rblmap_").filter(|_| !head.contains('{')) else {
            continue;
        };
        let result = head[..at].rsplit(['\n', '/']).next().unwrap();
        let parameters = parameters.rsplit_once(')').unwrap().0;
        let mut types = vec![squeezed(result)];
        types.extend(parameters.split(',').map(c_type));
        types.retain(|kind| kind != "void");
        functions.insert(head[at..].to_owned(), types);
    }
    functions
}

/// A parameter of C without its name.
fn c_type(parameter: &str) -> String {
    let parameter = parameter.trim();
    if let Some((array, _)) = parameter.split_once('[') {
        return c_type(array) + "*";
    }
    let name = parameter.rfind(|c: char| !(c.is_alphanumeric() || c == '_'));
    squeezed(name.map_or(parameter, |end| &parameter[..=end]))
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

fn defined() -> Functions {
    let mut functions = Functions::new();
    for file in fs::read_dir(Path::new(CRATE).join("src")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for definition in text.split("extern \"C\" fn rblmap_").skip(1) {
            let (name, rest) = definition.split_once('(').unwrap();
            let (parameters, rest) = rest.split_once(") -> ").unwrap();
            let mut types = vec![of_rust(rest.split_once('{').unwrap().0)];
            let parameters = parameters.split(',').filter_map(|p| p.split_once(':'));
            types.extend(parameters.map(|(_, kind)| of_rust(kind)));
            functions.insert(format!("rblmap_{name}"), types);
        }
    }
    functions
}

/// A type of Rust as C has it.
fn of_rust(kind: &str) -> String {
    let kind = kind.trim();
    if let Some(inner) = kind.strip_prefix("*mut ") {
        return of_rust(inner) + "*";
    }
    if let Some(inner) = kind.strip_prefix("*const ") {
        return format!("const{}*", of_rust(inner));
    }
    let name = match kind {
        "c_int" => "int",
        "c_char" => "char",
        "u8" => "uint8_t",
        "u32" => "uint32_t",
        "u64" => "uint64_t",
        "usize" => "size_t",
        "List" => "rblmap_list",
        "Reader" => "rblmap_reader",
        "Info" => "rblmap_info",
        "RawRecord" => "rblmap_record",
        "Walk" => "rblmap_walk",
        "ZoneInfo" => "rblmap_zone",
        "Entry" => "rblmap_entry",
        other => panic!("{other}: no type of the interface"),
    };
    name.to_owned()
}

#[test]
fn header_and_library_agree() {
    let mut declared = declared();
    let socket = declared.get_mut("rblmap_lookup_sockaddr").unwrap();
    // Read as bytes, since `struct sockaddr` differs from system to system.
    assert_eq!(socket[2], "conststructsockaddr*");
    "constuint8_t*".clone_into(&mut socket[2]);
    assert_eq!(declared, defined());
    assert!(declared.len() > 15);
}

#[test]
fn each_function_has_a_manual_page_and_a_place_in_the_version_script() {
    let map = fs::read_to_string(Path::new(CRATE).join("rblmap.map")).unwrap();
    for function in declared().keys() {
        let page = Path::new(CRATE).join(format!("man/{function}.3"));
        let page = fs::read_to_string(page).unwrap_or_else(|_| panic!("{function}: no page"));
        assert!(
            page.contains(&format!("{function}(")),
            "{function}: no synopsis"
        );
        assert!(
            map.contains(&format!(" {function};")),
            "{function}: rblmap.map"
        );
    }
}
