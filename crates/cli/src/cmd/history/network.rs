//! What the changes of a history mean for a network.

use ipnet::IpNet;
use rblmap::{Image, Zone};
use rblmap_history::{Event, Parts, Place, Says, Span, Version};

use crate::cmd::history::key_of;
use crate::cmd::history::replay::{KeyText, Replay, Said, say, word};

/// What is listed today.
#[derive(Clone, Copy)]
pub(super) struct Now<'e> {
    pub(super) image: &'e Image,
    pub(super) zone: Zone<'e>,
}

/// Every change within a network, each by itself, after what of it was listed when the history
/// begins. The network is listed as long as any part of it is.
pub(super) fn replay(
    net: &IpNet,
    events: &[Event<'_>],
    first: Version,
    now: Option<Now<'_>>,
) -> Replay {
    let mut replay = Replay::new(first);
    let whole = Span::of(net);
    let begun = beginning(net, events, now);
    let mut listed = Parts::new();
    for (span, says) in begun.each() {
        listed.update(span, |_| says.listing().is_some());
        for part in span.networks(net.addr().is_ipv4()) {
            let place = Place::Network(part);
            replay.begin(said(&says, &part), Some(key_of(&place)));
        }
    }
    let mut was_listed = listed.has(true);
    replay.since = was_listed.then_some(0);
    for (index, event) in events.iter().enumerate() {
        let Place::Network(place) = &event.place else {
            continue;
        };
        let (was, is) = (said(&event.was, place), said(&event.is, place));
        let line = replay.lines.len();
        if let Some(word) = word(&was, &is) {
            replay.push(event, word, &is, Some(key_of(&event.place)));
        }
        if let Some(span) = Span::of(place).and(whole) {
            listed.update(span, |_| is.is_listed());
        }
        let goes_on = events
            .get(index + 1)
            .is_some_and(|next| next.serial == event.serial);
        if goes_on && was_listed {
            // What leaves one place and comes to another in one update is listed all the time.
            continue;
        }
        let is_listed = listed.has(true);
        if is_listed && !was_listed {
            replay.since = Some(line);
        }
        was_listed = is_listed;
    }
    replay.is_listed = was_listed;
    replay
}

/// What was said of each part when the history begins: before its first change, and of what never
/// changed what the image says.
fn beginning<'e>(net: &IpNet, events: &[Event<'e>], now: Option<Now<'e>>) -> Parts<Says<'e>> {
    let whole = Span::of(net);
    let mut begun = Parts::new();
    let mut add = |span: Span, says: Says<'e>| {
        if let Some(span) = span.and(whole) {
            begun.update(span, |known| known.unwrap_or(says));
        }
    };
    for event in events {
        if let Place::Network(place) = &event.place {
            add(Span::of(place), event.was);
        }
    }
    let Some(Now { image, zone }) = now else {
        return begun;
    };
    match net {
        IpNet::V4(net) => {
            for run in zone.v4_runs_in(net.network()..=net.broadcast()) {
                let span = Span {
                    first: run.start.into(),
                    last: run.end.into(),
                };
                add(span, Says::Value(image.value(run.value)));
            }
        }
        IpNet::V6(net) => {
            for run in zone.v6_runs_in(net.network()..=net.broadcast()) {
                let span = Span {
                    first: run.start,
                    last: run.end,
                };
                add(span, Says::Value(image.value(run.value)));
            }
        }
    }
    begun
}

fn said(says: &Says<'_>, net: &IpNet) -> Said {
    say(says, &KeyText::Address(net.network()))
}
