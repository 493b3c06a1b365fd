//! Whether a text is rows of columns, and which of them holds keys.

use csv::{ByteRecord, ReaderBuilder};

use super::Guess;
use crate::dataset_type::DatasetType;
use crate::key::{self, Key, KeyRules};
use crate::spec::{Column, CsvOptions, Options};

/// What divides columns.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Finds the columns, if there are any: none if the text has no columns, an error if several of
/// them could be meant.
pub(super) fn guess(text: &[u8], options: &Options) -> Option<Result<Guess, String>> {
    let table = DELIMITERS
        .into_iter()
        .find_map(|delimiter| Table::read(text, delimiter, options))?;
    let delimiter = char::from(table.delimiter).escape_default();
    let keys = table.keys();
    let [column] = keys.as_slice() else {
        let what = if keys.is_empty() { "none" } else { "several" };
        let why = format!(
            "it has columns, divided by '{delimiter}', of which {what} hold addresses: say csv \
             --column N --delimiter '{delimiter}'"
        );
        return Some(Err(why));
    };
    let csv = CsvOptions {
        column: Some(Column::Number(column + 1)),
        header: table.header,
        delimiter: table.delimiter,
        ..options.reading.csv.clone()
    };
    let why = format!(
        "its columns are divided by '{delimiter}', and column {} holds addresses",
        column + 1
    );
    Some(Ok(Guess {
        kind: DatasetType::Csv,
        csv: Some(csv),
        why,
    }))
}

/// How many rows have an address in which column.
struct Table {
    delimiter: u8,
    rows: u64,
    header: bool,
    addresses: Vec<u64>,
}

impl Table {
    /// Reads rows of the same number of columns, two at least.
    fn read(text: &[u8], delimiter: u8, options: &Options) -> Option<Table> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .comment(Some(b'#'))
            .from_reader(text);
        let mut table = Table {
            delimiter,
            rows: 0,
            header: false,
            addresses: Vec::new(),
        };
        let mut record = ByteRecord::new();
        let rules = KeyRules::of(options);
        let is_address = |field: &[u8]| {
            let key = key::parse(field.trim_ascii(), &rules);
            matches!(key, Ok((Key::V4(_) | Key::V6 { .. }, _)))
        };
        while reader.read_byte_record(&mut record).unwrap_or(false) {
            if table.addresses.is_empty() {
                if record.len() < 2 {
                    return None;
                }
                table.addresses = vec![0; record.len()];
                table.header = !record.iter().any(is_address);
                if table.header {
                    continue;
                }
            }
            if record.len() != table.addresses.len() {
                return None;
            }
            table.rows += 1;
            for (count, field) in table.addresses.iter_mut().zip(&record) {
                *count += u64::from(is_address(field));
            }
        }
        (table.rows > 0).then_some(table)
    }

    /// The columns in which all rows have an address.
    fn keys(&self) -> Vec<usize> {
        let counts = self.addresses.iter().enumerate();
        let all = counts.filter(|(_, count)| **count == self.rows);
        all.map(|(at, _)| at).collect()
    }
}
