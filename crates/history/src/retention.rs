//! How long a history is kept.

/// How long a history is kept. Whole segments go, the oldest first, so more than asked for may
/// stay.
///
/// See the example of [`Retention::parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// So many seconds; 0 for no history at all.
    pub seconds: u64,
    /// So many bytes; 0 for no history at all.
    pub bytes: u64,
}

impl Default for Retention {
    /// 90 days, a gigabyte.
    fn default() -> Retention {
        Retention {
            seconds: 90 * 86_400,
            bytes: 1 << 30,
        }
    }
}

impl Retention {
    /// Nothing is kept.
    pub const NONE: Retention = Retention {
        seconds: 0,
        bytes: 0,
    };

    /// Whether anything is kept.
    pub fn is_on(&self) -> bool {
        self.seconds > 0 && self.bytes > 0
    }

    /// Reads `90d,1G`, either part alone, or `0` for none. Ages end with s, m, h, d or w, sizes with
    /// K, M, G or T (powers of 1,024).
    ///
    /// ```
    /// use rblmap_history::Retention;
    /// let both = Retention::parse("90d,1G").unwrap();
    /// assert_eq!((both.seconds, both.bytes), (7_776_000, 1 << 30));
    /// assert!(!Retention::parse("0").unwrap().is_on());
    /// assert_eq!(Retention::parse("90"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Retention> {
        if text == "0" {
            return Some(Retention::NONE);
        }
        let mut retention = Retention::default();
        for part in text.split(',') {
            let unit = part.chars().next_back()?;
            let number: u64 = part.strip_suffix(unit)?.parse().ok()?;
            let times = |each: u64| number.checked_mul(each);
            match unit {
                's' => retention.seconds = number,
                'm' => retention.seconds = times(60)?,
                'h' => retention.seconds = times(3600)?,
                'd' => retention.seconds = times(86_400)?,
                'w' => retention.seconds = times(7 * 86_400)?,
                'K' => retention.bytes = times(1 << 10)?,
                'M' => retention.bytes = times(1 << 20)?,
                'G' => retention.bytes = times(1 << 30)?,
                'T' => retention.bytes = times(1 << 40)?,
                _ => return None,
            }
        }
        retention.is_on().then_some(retention)
    }
}

impl std::str::FromStr for Retention {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Retention, Self::Err> {
        Retention::parse(text).ok_or("not an age and a size such as 90d,1G, nor 0")
    }
}
