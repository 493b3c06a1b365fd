//! The cases recorded from rbldnsd.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::fs;
use std::path::{Path, PathBuf};

use rblmap_zonefile::{Options, Reading, Spec};
use serde_json::Value;

/// When the answers were recorded, more or less: between the stamps in the files.
pub const NOW: u64 = 1_780_000_000;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/rbldnsd")
}

pub fn cases() -> Vec<Value> {
    let text = fs::read_to_string(root().join("cases.json")).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    cases.as_array().unwrap().clone()
}

pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

pub fn specs(case: &Value) -> Vec<Spec> {
    let specs = case["specs"].as_array().unwrap().iter();
    let specs = specs.map(|spec| {
        let files = spec["files"].as_array().unwrap().iter();
        let files: Vec<PathBuf> = files
            .map(|file| root().join("zones").join(file.as_str().unwrap()))
            .collect();
        let zone = match text(spec, "zone") {
            "" => "bl.test".to_owned(),
            sub => format!("{sub}.bl.test"),
        };
        crate::common::spec(&zone, text(spec, "type"), &files)
    });
    specs.collect()
}

pub fn options(case: &Value) -> Options {
    let flag = |flag: &str| {
        case.get("flags")
            .is_some_and(|flags| flags.as_array().unwrap().iter().any(|f| f == flag))
    };
    Options {
        now: NOW,
        reading: Reading {
            host_bits: flag("-e"),
            ..Reading::default()
        },
        refuse_gzip: flag("-C"),
        ..Options::default()
    }
}

pub fn name(case: &Value) -> &str {
    text(case, "name")
}
