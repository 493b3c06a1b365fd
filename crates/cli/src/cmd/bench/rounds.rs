//! Measures on one thread, in rounds: what disturbs the machine for a while disturbs all rows.

use std::time::{Duration, Instant};

use fastrand::Rng;
use rblmap_measure::{Clock, Effort, Latencies, Lines, Noise, OtherWork, QUERIES};

use crate::output::Output;

use super::mix::{Mix, part, time};
use super::row::{How, Latency, Row, Spread};

/// Rounds, if there is time for them.
const ROUNDS: usize = 7;
/// At least so many rounds, with less effort for each figure.
const FEWEST: usize = 3;
/// About how long one figure with the limit before and after it takes with full effort.
const FIGURE: Duration = Duration::from_millis(700);
/// Cold accesses with full effort: half of what the benches take.
const COLD: usize = 40;
/// How long single lookups are timed in each round.
const SINGLY: Duration = Duration::from_millis(100);
/// The ways to ask.
const WAYS: [How; 3] = [How::Alone, How::AtOnce, How::Cold];

/// How often and how thoroughly all figures are measured.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Plan {
    rounds: usize,
    effort: Effort,
    singly: Duration,
}

impl Plan {
    /// What fits into a time.
    fn new(figures: usize, time: Duration) -> Plan {
        let count = u32::try_from(figures.max(1)).unwrap_or(u32::MAX);
        let rounds = time.as_secs_f64() / (FIGURE * count).as_secs_f64();
        // Each pass of other work is the better part of the time; there is one at least.
        let share = (rounds / 3.0).clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "shares of small numbers"
        )]
        let scaled = |full: usize| ((full as f64 * share) as usize).clamp(1, full);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between one and seven"
        )]
        let rounds = match share {
            1.0 => (rounds as usize).clamp(FEWEST, ROUNDS),
            _ if share * 8.0 >= 1.0 => FEWEST,
            _ => 1,
        };
        let effort = Effort {
            blocks: scaled(Effort::FULL.blocks),
            cold: scaled(COLD),
        };
        Plan {
            rounds,
            effort,
            singly: SINGLY.mul_f64(share.max(0.05)),
        }
    }
}

/// What was measured of one mix, asked in one way.
#[derive(Debug)]
struct Figures {
    how: How,
    nanos: Vec<f64>,
    limits: Vec<f64>,
    ratios: Vec<f64>,
}

/// Measures all mixes in all ways.
pub(super) fn measure(
    mixes: &[Mix<'_>],
    time: Duration,
    clock: Clock,
    noise: &mut Noise,
    output: &Output,
) -> Vec<Row> {
    let plan = Plan::new(mixes.len() * WAYS.len(), time);
    let bench = Bench::new(clock, plan.effort);
    let mut all: Vec<(Vec<Figures>, Latencies)> = mixes.iter().map(|_| nothing(clock)).collect();
    let steps = plan.rounds * mixes.len() * WAYS.len();
    let bar = output.steps("measuring", steps as u64);
    let end = Instant::now() + time;
    for round in 0..plan.rounds {
        noise.look();
        for (mix, (figures, latencies)) in mixes.iter().zip(&mut all) {
            for figure in figures.iter_mut() {
                bar.set_message(format!(
                    "round {} of {}: {} {}, {}",
                    round + 1,
                    plan.rounds,
                    mix.kind().title(),
                    mix.asked,
                    figure.how.title()
                ));
                bench.add(mix, figure, round);
                bar.inc(1);
            }
            let until = Instant::now() + plan.singly;
            mix.singly(round, |access| {
                if Instant::now() < until {
                    latencies.time(&[()], until, |()| access());
                }
            });
        }
        // A machine that is slower than planned for gets fewer rounds.
        if Instant::now() > end {
            break;
        }
    }
    bar.finish_and_clear();
    let rows = mixes.iter().zip(&all);
    rows.flat_map(|(mix, (figures, latencies))| {
        figures
            .iter()
            .map(|figure| bench.row(mix, figure, latencies))
    })
    .collect()
}

fn nothing(clock: Clock) -> (Vec<Figures>, Latencies) {
    let figures = WAYS.map(|how| Figures {
        how,
        nanos: Vec::new(),
        limits: Vec::new(),
        ratios: Vec::new(),
    });
    (figures.into(), Latencies::new(clock))
}

/// What all figures need.
struct Bench {
    clock: Clock,
    work: OtherWork,
    random: Vec<u32>,
}

impl Bench {
    fn new(clock: Clock, effort: Effort) -> Bench {
        let mut rng = Rng::with_seed(5);
        Bench {
            clock,
            work: OtherWork::new(effort),
            random: (0..QUERIES * 2).map(|_| rng.u32(..)).collect(),
        }
    }

    /// Measures a figure once, with its limit before and after it.
    fn add(&self, mix: &Mix<'_>, figures: &mut Figures, round: usize) {
        let before = self.limit(mix, figures.how, round);
        let nanos = mix.time(figures.how, round, &self.work);
        let limit = before.min(self.limit(mix, figures.how, round));
        let least = self.least(mix, figures.how);
        figures.nanos.push(nanos);
        figures.limits.push(limit);
        if nanos >= least && limit >= least {
            figures.ratios.push(nanos / limit);
        }
    }

    /// Nanoseconds of a random line of each image that the mix reads.
    fn limit(&self, mix: &Mix<'_>, how: How, round: usize) -> f64 {
        let random = part(&self.random, round);
        let lines: Vec<Lines<'_>> = mix
            .images
            .iter()
            .map(|image| Lines::new(image.as_bytes()))
            .collect();
        match (how, &lines[..]) {
            (How::AtOnce, lines) => self.work.blocks(random, |block| {
                let sum = lines.iter().map(|lines| lines.read_many(block));
                std::hint::black_box(sum.fold(0, u32::wrapping_add));
            }),
            // One image is the rule: no loop around the read.
            (how, [lines]) => time(random, how, &self.work, |&number| lines.read(number)),
            (how, lines) => time(random, how, &self.work, |&number| {
                let sum = lines.iter().map(|lines| lines.read(number));
                sum.fold(0, u32::wrapping_add)
            }),
        }
    }

    /// The least nanoseconds that can be told in this way.
    #[expect(clippy::cast_precision_loss, reason = "some nanoseconds")]
    fn least(&self, mix: &Mix<'_>, how: How) -> f64 {
        let (_, together) = mix.together();
        match how {
            How::Cold => self.clock.tells as f64,
            _ => self.clock.least_of(together),
        }
    }

    fn row(&self, mix: &Mix<'_>, figures: &Figures, latencies: &Latencies) -> Row {
        let least = self.least(mix, figures.how);
        let told = |nanos: &[f64]| Spread::of(nanos).filter(|spread| spread.median >= least);
        let ns = told(&figures.nanos);
        Row {
            kind: mix.kind(),
            asked: mix.asked,
            how: figures.how,
            image: mix.image.clone(),
            zone: mix.zone.clone(),
            threads: 1,
            pinned: true,
            ns,
            less_than_ns: ns.is_none().then_some(least),
            limit_ns: told(&figures.limits),
            ratio: ns.and_then(|_| Spread::of(&figures.ratios)),
            per_second: ns.map(|ns| 1e9 / ns.median),
            scaling: None,
            latency: match figures.how {
                How::Alone => Latency::of(latencies, self.clock.tells),
                _ => None,
            },
            server: None,
            noise: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_fits_its_time() {
        let plan = Plan::new(6, Duration::from_secs(45));
        assert_eq!(
            (plan.rounds, plan.effort.blocks, plan.effort.cold),
            (7, 8, 40)
        );
        let tight = Plan::new(63, Duration::from_secs(45));
        assert_eq!(tight.rounds, FEWEST);
        assert!(
            tight.effort.blocks < 8 && tight.effort.blocks >= 1,
            "{tight:?}"
        );
        let least = Plan::new(500, Duration::from_secs(1));
        assert_eq!(
            (least.rounds, least.effort.blocks, least.effort.cold),
            (1, 1, 1)
        );
    }
}
