//! Zone names and content ids in JSON.

use rblmap_content::{ContentId, ZoneName};
use serde::{Deserialize, Serialize};

/// A zone name in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(pub ZoneName);

/// A content id in JSON: 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(pub ContentId);

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(text: String) -> Result<Zone, String> {
        let zone: ZoneName = text.parse().map_err(|error| format!("{error}"))?;
        match zone.as_str() == text {
            true => Ok(Zone(zone)),
            false => Err(format!("zone name {text:?} is not in its own spelling")),
        }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> String {
        zone.0.to_string()
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Id, String> {
        let id = text
            .parse::<ContentId>()
            .map_err(|error| format!("{error}"))?;
        Ok(Id(id))
    }
}

impl From<Id> for String {
    fn from(id: Id) -> String {
        id.0.to_string()
    }
}
