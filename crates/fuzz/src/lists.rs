//! Zone files and lists of every type, to content and back.

use rblmap::Image;
use rblmap_content::Content;
use rblmap_zonefile::{
    Check, Column, DatasetType, ListFormat, NameScope, Options, Spec, asked_key, build, listed_key,
    write_list, zone_files,
};

use crate::made::{Held, ZONE, spec};
use crate::read::{goes_round, read_all};

const FORMATS: [ListFormat; 4] = [
    ListFormat::Plain,
    ListFormat::Csv,
    ListFormat::Json,
    ListFormat::Hosts,
];

/// The first byte names the type, the second how it is read; the rest is the source. With the highest
/// bit of the first, a NUL divides it into two.
pub(crate) fn lists(input: &[u8]) {
    let Some(([kind, how], text)) = input.split_first_chunk::<2>() else {
        return;
    };
    let _ = (asked_key(text), listed_key(text));
    let (_, kind_of) = DatasetType::NAMES[usize::from(kind & 31) % DatasetType::NAMES.len()];
    let parts: Vec<&[u8]> = match kind & 128 {
        0 => vec![text],
        _ => text.splitn(2, |byte| *byte == 0).collect(),
    };
    let held: Vec<Held> = parts.into_iter().map(Held::new).collect();
    let specs = held.iter().enumerate().map(|(number, file)| {
        let below = number == 1 && kind & 32 == 0;
        let zone = if below { "sub.ops.example" } else { ZONE };
        spec(zone, kind_of, file)
    });
    let specs: Vec<Spec> = specs.collect();
    let Ok(built) = build(&specs, &options(*kind, *how)) else {
        return;
    };
    built.warnings.iter().for_each(|warning| {
        let _ = warning.to_string();
    });
    let image = Image::from_vec(goes_round(&built.content)).expect("an image opens");
    read_all(&image, text, text.len() < 500);
    for format in FORMATS {
        let mut out = Vec::new();
        write_list(&built.content, built.content.zones(), format, &mut out).expect("memory");
    }
    comes_back(&built.content);
}

fn options(kind: u8, how: u8) -> Options {
    let mut options = Options {
        now: 1_700_000_000,
        test_points: how & 2 != 0,
        check: (how & 4 != 0).then(Check::default),
        ..Options::default()
    };
    options.limits.source_bytes = 1 << 20;
    options.limits.entries = 1 << 17;
    options.limits.records = 1 << 16;
    let reading = &mut options.reading;
    reading.host_bits = how & 1 != 0;
    reading.plain.text = how & 8 != 0;
    reading.plain.templates = how & 16 != 0;
    reading.plain.padded = how & 32 != 0;
    reading.plain.names =
        [NameScope::Exact, NameScope::Below, NameScope::Both][usize::from(how >> 6) % 3];
    if kind & 64 != 0 {
        reading.plain.min_count = Some(3);
        reading.json.text = Some("text".to_owned());
        reading.csv.header = true;
        reading.csv.column = Some(Column::Number(2));
        reading.csv.delimiter = b';';
    }
    options
}

/// The zone files of content are built to the same content.
fn comes_back(content: &Content) {
    let Ok(files) = zone_files(content) else {
        return;
    };
    let held: Vec<Held> = files.iter().map(|file| Held::new(&file.text)).collect();
    let specs = files.iter().zip(&held);
    let specs = specs.map(|(file, held)| spec(file.zone.as_str(), DatasetType::Combined, held));
    let specs: Vec<Spec> = specs.collect();
    let again = match build(&specs, &Options::default()) {
        Ok(again) => again,
        Err(error) => panic!("a dump cannot be built: {error}"),
    };
    assert!(
        again.content.id() == content.id(),
        "a dump is another content"
    );
}
