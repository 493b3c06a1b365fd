//! The options that say how sources are read, for the commands that read some.

use std::net::Ipv4Addr;
use std::str::FromStr;

use rblmap_zonefile::{
    Column, CsvOptions, JsonOptions, NameScope, PlainOptions, Reading, SourceOption,
};

/// How the lines of sources are read.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "How sources are read")]
pub(crate) struct SourceArgs {
    /// Mask host bits off instead of skipping the line
    #[arg(long)]
    pub(crate) host_bits: bool,
    /// Lists: what a name lists, if nothing before it says so (default: exact)
    #[arg(long, value_name = "exact|below|both")]
    pub(crate) names: Option<NameScope>,
    /// Lists: the value of lines without one (default: 127.0.0.2); the text is a template, in which
    /// `$` is the key
    #[arg(long, value_name = "A[:TXT]")]
    pub(crate) value: Option<PlainValue>,
    /// Lists: what follows the key is its text
    #[arg(long)]
    pub(crate) text: bool,
    /// Lists: what follows this mark is the text, as in `192.0.2.0/24 ; SBL1`
    #[arg(long, value_name = "MARK", conflicts_with = "text")]
    pub(crate) text_after: Option<String>,
    /// Lists: `$` in texts is the key and `$$` a dollar sign, as `dump` writes them; without this
    /// a dollar sign is one
    #[arg(long)]
    pub(crate) templates: bool,
    /// Lists: what follows the key is a number; skip lines with a lower one
    #[arg(long, value_name = "N")]
    pub(crate) min_count: Option<u64>,
    /// Lists: leading zeros of octets mean nothing (010 is ten, not eight)
    #[arg(long)]
    pub(crate) padded: bool,
    /// json, plain-json: where the keys are, such as `ip` or `prefixes[].ip_prefix` (default:
    /// cidr,ip,domain)
    #[arg(long, value_name = "PATH,...", value_delimiter = ',')]
    pub(crate) json_key: Vec<String>,
    /// json, plain-json: where the text is
    #[arg(long, value_name = "PATH")]
    pub(crate) json_text: Option<String>,
    /// csv: the column of the keys, by name or by number from 1 (default: 1)
    #[arg(long, value_name = "NAME|N")]
    pub(crate) column: Option<String>,
    /// csv: the column of the texts
    #[arg(long, value_name = "NAME|N")]
    pub(crate) text_column: Option<String>,
    /// csv: the first row names the columns
    #[arg(long)]
    pub(crate) header: bool,
    /// csv: what stands between columns, one character or `tab` (default: a comma)
    #[arg(long, value_name = "C")]
    pub(crate) delimiter: Option<Delimiter>,
}

/// The value of a line that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlainValue {
    a: Ipv4Addr,
    template: Option<Vec<u8>>,
}

impl FromStr for PlainValue {
    type Err = String;

    fn from_str(text: &str) -> Result<PlainValue, String> {
        let (a, template) = match text.split_once(':') {
            Some((a, template)) => (a, Some(template.as_bytes().to_vec())),
            None => (text, None),
        };
        // As in zone files: one octet is the last of 127.0.0.N.
        let octet = a
            .parse()
            .ok()
            .map(|octet: u8| Ipv4Addr::new(127, 0, 0, octet));
        let a = octet.or_else(|| a.parse().ok());
        let a = a.filter(|a| !a.is_unspecified());
        let a = a.ok_or_else(|| "not A or A:TXT, such as 127.0.0.2:see $".to_owned())?;
        Ok(PlainValue { a, template })
    }
}

/// What stands between the columns of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delimiter(u8);

impl FromStr for Delimiter {
    type Err = String;

    fn from_str(text: &str) -> Result<Delimiter, String> {
        match text.as_bytes() {
            b"tab" | b"\\t" => Ok(Delimiter(b'\t')),
            &[byte] if !matches!(byte, b'\n' | b'\r' | b'"') => Ok(Delimiter(byte)),
            _ => Err("not one character, or `tab`".to_owned()),
        }
    }
}

impl SourceArgs {
    /// The same for the library.
    pub(crate) fn reading(&self) -> Reading {
        let value = self.value.clone();
        let plain = PlainOptions::default();
        let json = JsonOptions::default();
        Reading {
            host_bits: self.host_bits,
            plain: PlainOptions {
                names: self.names.unwrap_or_default(),
                text: self.text,
                text_after: self.text_after.clone().map(String::into_bytes),
                min_count: self.min_count,
                padded: self.padded,
                templates: self.templates,
                a: value.as_ref().map_or(plain.a, |value| value.a),
                template: value.and_then(|value| value.template),
            },
            json: JsonOptions {
                keys: if self.json_key.is_empty() {
                    json.keys
                } else {
                    self.json_key.clone()
                },
                text: self.json_text.clone(),
            },
            csv: CsvOptions {
                column: self.column.as_deref().map(column),
                text_column: self.text_column.as_deref().map(column),
                header: self.header,
                delimiter: self.delimiter.map_or(b',', |delimiter| delimiter.0),
            },
            given: self.given(),
        }
    }

    fn given(&self) -> Vec<SourceOption> {
        let given = [
            (self.host_bits, SourceOption::HostBits),
            (self.names.is_some(), SourceOption::Names),
            (self.value.is_some(), SourceOption::Value),
            (self.text, SourceOption::Text),
            (self.text_after.is_some(), SourceOption::TextAfter),
            (self.templates, SourceOption::Templates),
            (self.min_count.is_some(), SourceOption::MinCount),
            (self.padded, SourceOption::Padded),
            (!self.json_key.is_empty(), SourceOption::JsonKey),
            (self.json_text.is_some(), SourceOption::JsonText),
            (self.column.is_some(), SourceOption::Column),
            (self.text_column.is_some(), SourceOption::TextColumn),
            (self.header, SourceOption::Header),
            (self.delimiter.is_some(), SourceOption::Delimiter),
        ];
        given
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, option)| option)
            .collect()
    }
}

fn column(text: &str) -> Column {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.map_or_else(|| Column::Name(text.to_owned()), Column::Number)
}
