//! Labels in Punycode (RFC 3492) as the letters that a person sees.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const INITIAL_BIAS: u32 = 72;
const INITIAL_N: u32 = 128;

/// A name with its `xn--` labels decoded; those that are none stay as they are.
pub(super) fn decode_name(name: &str) -> String {
    let labels = name.split('.').map(|label| {
        let decoded = label.strip_prefix("xn--").and_then(decode);
        decoded.unwrap_or_else(|| label.to_owned())
    });
    labels.collect::<Vec<_>>().join(".")
}

/// A label without its `xn--`.
fn decode(text: &str) -> Option<String> {
    let (basic, rest) = text.rsplit_once('-').unwrap_or(("", text));
    let mut letters: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (INITIAL_N, 0u32, INITIAL_BIAS);
    let mut digits = rest.bytes();
    while digits.len() > 0 {
        let before = i;
        let (mut weight, mut k) = (1u32, BASE);
        loop {
            let digit = match digits.next()? {
                letter @ b'a'..=b'z' => u32::from(letter - b'a'),
                digit @ b'0'..=b'9' => u32::from(digit - b'0') + 26,
                _ => return None,
            };
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
            k += BASE;
        }
        let count = u32::try_from(letters.len()).ok()? + 1;
        bias = adapt(i - before, count, before == 0);
        n = n.checked_add(i / count)?;
        i %= count;
        letters.insert(usize::try_from(i).ok()?, char::from_u32(n)?);
        i += 1;
    }
    Some(letters.into_iter().collect())
}

fn adapt(delta: u32, count: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / count;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_rfc_and_others() {
        assert_eq!(decode_name("xn--mnchen-3ya.de"), "münchen.de");
        assert_eq!(decode_name("xn--pypal-4ve.com"), "pаypal.com");
        assert_eq!(decode_name("xn--80ak6aa92e.com"), "аррӏе.com");
        assert_eq!(decode_name("xn--.com"), ".com");
        assert_eq!(decode_name("xn--a!b.com"), "xn--a!b.com");
        assert_eq!(decode_name("paypal.com"), "paypal.com");
    }
}
