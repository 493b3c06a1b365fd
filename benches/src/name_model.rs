//! How many bits the letters of names need, by what came before them: a model of orders 0 to 6 that
//! learns from each name. Deltas of names are held against it.

use std::collections::HashMap;

/// Letters before one that the model looks at.
const ORDER: usize = 6;
/// Ends a name, and stands before its first letter.
const END: u8 = b'\n';

/// Of each context how often which letters came behind it. The chance of a letter is mixed over all
/// orders, from the longest context down, with the weights of Witten and Bell ("The Zero-Frequency
/// Problem", 1991, method C): a context counts for what is new as often as it has met something new.
#[derive(Default)]
pub struct NameModel {
    /// By a context of up to six letters and how many these are.
    contexts: HashMap<[u8; ORDER + 1], Seen>,
    /// By a context and the letter behind it.
    letters: HashMap<([u8; ORDER + 1], u8), u32>,
}

#[derive(Default, Clone, Copy)]
struct Seen {
    total: u32,
    distinct: u32,
}

impl NameModel {
    /// Takes a name in.
    pub fn learn(&mut self, name: &str) {
        each_letter(name, |context, letter| {
            for order in 0..=ORDER {
                let key = key(context, order);
                let count = self.letters.entry((key, letter)).or_default();
                let seen = self.contexts.entry(key).or_default();
                seen.distinct += u32::from(*count == 0);
                seen.total += 1;
                *count += 1;
            }
        });
    }

    /// Bits of a name, its end included, by what was learnt so far.
    pub fn bits(&self, name: &str) -> f64 {
        let mut bits = 0.0;
        each_letter(name, |context, letter| {
            bits -= self.chance(context, letter).log2();
        });
        bits
    }

    fn chance(&self, context: [u8; ORDER], letter: u8) -> f64 {
        // What was never met: any of all bytes.
        (0..=ORDER).fold(1.0 / 256.0, |shorter, order| {
            let key = key(context, order);
            let Some(seen) = self.contexts.get(&key) else {
                return shorter;
            };
            let count = self.letters.get(&(key, letter)).copied().unwrap_or(0);
            let new = f64::from(seen.distinct);
            (f64::from(count) + new * shorter) / (f64::from(seen.total) + new)
        })
    }
}

/// Calls `visit` with each letter of a name and its end, and the six before it.
fn each_letter(name: &str, mut visit: impl FnMut([u8; ORDER], u8)) {
    let mut context = [END; ORDER];
    for letter in name.bytes().chain([END]) {
        visit(context, letter);
        context.rotate_left(1);
        context[ORDER - 1] = letter;
    }
}

/// The last `order` letters of a context, and how many they are.
fn key(context: [u8; ORDER], order: usize) -> [u8; ORDER + 1] {
    let mut key = [0; ORDER + 1];
    key[..order].copy_from_slice(&context[ORDER - order..]);
    key[ORDER] = order as u8;
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_of_all_letters_add_up_to_one() {
        let mut model = NameModel::default();
        for name in ["mail.example.com", "example.org", "mx.example.com"] {
            model.learn(name);
        }
        for context in [*b"\n\n\n\n\n\n", *b"exampl", *b".examp", *b"qqqqqq"] {
            let sum: f64 = (0..=u8::MAX)
                .map(|letter| model.chance(context, letter))
                .sum();
            assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn a_model_that_learnt_nothing_takes_eight_bits_a_letter_and_one_that_did_takes_fewer() {
        let mut model = NameModel::default();
        assert!((model.bits("example.com") - 8.0 * 12.0).abs() < 1e-9);
        for n in 0..100 {
            model.learn(&format!("shop{n}.example.com"));
        }
        assert!(model.bits("shop777.example.com") < 20.0);
    }
}
