//! The logistic scale in integers, on which chances can be added.

/// The logistic scale: chances of 1/65536 to numbers in 1/256, and back.
#[derive(Debug)]
pub(crate) struct Scale {
    stretch: Vec<i16>,
}

/// 65536 / (1 + e^-x) for x from -8 to 8 in steps of a half.
const LOGISTIC: [u32; 33] = [
    22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768,
    40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438,
    65476, 65500, 65514,
];
const END: i64 = 2047;

impl Scale {
    pub(crate) fn new() -> Scale {
        let mut stretch = Vec::with_capacity(4096);
        let mut x = -END;
        for p in 0..4096i64 {
            while x < END && i64::from(squash(x)) < p * 16 + 8 {
                x += 1;
            }
            stretch.push(i16::try_from(x).unwrap_or(0));
        }
        Scale { stretch }
    }

    /// The number of a chance.
    pub(crate) fn stretch(&self, p: u16) -> i32 {
        self.stretch
            .get(usize::from(p >> 4))
            .copied()
            .unwrap_or(0)
            .into()
    }
}

/// The chance of a number.
pub(crate) fn squash(x: i64) -> u16 {
    let x = x.clamp(-END, END) + 2048;
    // Between the points of the table, straight lines.
    let (at, part) = (usize::try_from(x >> 7).unwrap_or(0), x & 127);
    let point = |at: usize| i64::from(LOGISTIC.get(at).copied().unwrap_or(65_514));
    let p = (point(at) * (128 - part) + point(at + 1) * part) >> 7;
    u16::try_from(p.clamp(24, 65_512)).unwrap_or(1 << 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_goes_both_ways() {
        let scale = Scale::new();
        for p in (200..65_300u16).step_by(97) {
            let back = squash(scale.stretch(p).into());
            assert!(back.abs_diff(p) < 64 + p / 64, "{p} {back}");
        }
        assert_eq!(
            (squash(-9999), squash(0), squash(9999)),
            (24, 32_768, 65_512)
        );
    }
}
