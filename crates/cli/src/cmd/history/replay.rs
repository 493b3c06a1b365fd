//! What the changes of a history mean for one key.

use std::net::Ipv4Addr;

use rblmap::{Answer, Key, NameKey, TextBuf, Value};
use rblmap_history::{Event, Place, Says, Subject, Version};

use crate::cmd::time::rfc3339;

/// What a key is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub(super) a: Vec<Ipv4Addr>,
    pub(super) txt: Vec<String>,
}

/// One line of the output.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) time: u64,
    pub(super) serial: u64,
    pub(super) event: &'static str,
    pub(super) says: Said,
    /// What changed, where a network is asked about.
    pub(super) network: Option<String>,
    /// It was so when the history begins.
    pub(super) at_least: bool,
}

/// What happened, oldest first.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) lines: Vec<Line>,
    pub(super) is_listed: bool,
    /// Which line it is that made a network listed of which nothing was, if that is asked about.
    pub(super) since: Option<usize>,
    /// Where the history begins.
    pub(super) first: Version,
}

impl Said {
    pub(super) fn is_listed(&self) -> bool {
        !self.a.is_empty()
    }
}

impl Replay {
    /// Of an address or a name. `now` gives what the image says today, if there is one: with no
    /// event to tell, that is what it said all the time.
    pub(super) fn of_key(
        subject: &Subject,
        events: &[Event<'_>],
        first: Version,
        now: impl FnOnce() -> Option<Said>,
    ) -> Replay {
        let mut state = State::new(subject, events);
        let mut replay = Replay::new(first);
        let before = match events {
            [] => now().unwrap_or_default(),
            _ => state.said(),
        };
        replay.begin(before.clone(), None);
        let mut last = before;
        for (index, event) in events.iter().enumerate() {
            state.apply(event);
            // What one update changes in several places is one change.
            let goes_on = events
                .get(index + 1)
                .is_some_and(|next| next.serial == event.serial);
            if goes_on {
                continue;
            }
            let said = state.said();
            if let Some(word) = word(&last, &said) {
                replay.push(event, word, &said, None);
            }
            last = said;
        }
        replay.is_listed = last.is_listed();
        replay
    }

    pub(super) fn new(first: Version) -> Replay {
        Replay {
            lines: Vec::new(),
            is_listed: false,
            since: None,
            first,
        }
    }

    /// What was so when the history begins.
    pub(super) fn begin(&mut self, says: Said, network: Option<String>) {
        if says.is_listed() {
            self.lines.push(Line {
                time: self.first.time,
                serial: self.first.serial,
                event: "listed",
                says,
                network,
                at_least: true,
            });
        }
    }

    pub(super) fn push(
        &mut self,
        event: &Event<'_>,
        word: &'static str,
        says: &Said,
        network: Option<String>,
    ) {
        self.lines.push(Line {
            time: event.time,
            serial: event.serial,
            event: word,
            says: says.clone(),
            network,
            at_least: false,
        });
    }

    /// The line since which the key is listed, if it is.
    pub(super) fn since(&self) -> Option<&Line> {
        let listed = match self.since {
            Some(index) => self.lines.get(index),
            None => self.lines.iter().rev().find(|line| line.event == "listed"),
        };
        listed.filter(|_| self.is_listed)
    }

    /// One sentence.
    pub(super) fn words(&self, key: &str) -> String {
        let at = |line: &Line| format!("{} (serial {})", rfc3339(line.time), line.serial);
        let reaches = format!(
            "the history begins at {} (serial {})",
            rfc3339(self.first.time),
            self.first.serial
        );
        if let Some(since) = self.since() {
            let least = if since.at_least { "at least " } else { "" };
            return format!(
                "{key} has been listed since {least}{}; {reaches}.",
                at(since)
            );
        }
        let from = self.lines.iter().rev().find(|line| line.event == "listed");
        let until = self
            .lines
            .iter()
            .rev()
            .find(|line| line.event == "delisted");
        match (from, until) {
            (Some(from), Some(until)) => {
                let least = if from.at_least { "at least " } else { "" };
                format!(
                    "{key} is not listed; it was from {least}{} until {}; {reaches}.",
                    at(from),
                    at(until)
                )
            }
            _ => format!("{key} has never been listed; {reaches}."),
        }
    }
}

/// What every place says that has a say about one key.
struct State<'e> {
    key: KeyText,
    /// By place: for a name the deepest rules, for an address there is one at a time.
    places: Vec<(Place, Says<'e>)>,
    is_name: bool,
}

/// A key as texts name it.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub(super) enum KeyText {
    Address(std::net::IpAddr),
    Name(NameKey),
}

impl<'e> State<'e> {
    /// Before the first event, each place says what its own first event says that it said.
    fn new(subject: &Subject, events: &[Event<'e>]) -> State<'e> {
        let mut places: Vec<(Place, Says<'e>)> = Vec::new();
        for event in events {
            if !places.iter().any(|(place, _)| is_same(place, &event.place)) {
                places.push((event.place, event.was));
            }
        }
        let (key, is_name) = match subject {
            Subject::Name(name) => (KeyText::Name(*name), true),
            Subject::Address(address) => (KeyText::Address(*address), false),
            Subject::Network(net) => (KeyText::Address(net.network()), false),
        };
        let mut state = State {
            key,
            places,
            is_name,
        };
        if !is_name {
            // Networks of different length tell of one address: before the first event only its own
            // place has a say, since all of them speak of the same answer.
            let first = events.first().map(|event| event.place);
            for (place, says) in &mut state.places {
                if Some(*place) != first {
                    *says = Says::Inherits;
                }
            }
        }
        state
    }

    fn apply(&mut self, event: &Event<'e>) {
        if !self.is_name {
            // The answer of an address is whatever the last change of it says.
            self.places
                .iter_mut()
                .for_each(|(_, says)| *says = Says::Inherits);
        }
        for (place, says) in &mut self.places {
            if is_same(place, &event.place) {
                *says = event.is;
            }
        }
    }

    fn said(&self) -> Said {
        if !self.is_name {
            let said = self.places.iter().find(|(_, says)| *says != Says::Inherits);
            return said.map_or_else(Said::default, |(_, says)| say(says, &self.key));
        }
        // The name itself first, then the names above it, from the deepest.
        let mut rules: Vec<(usize, &Says<'e>, NameKey)> = Vec::new();
        for (place, says) in &self.places {
            if let Place::Name(name, _) = place
                && *says != Says::Inherits
            {
                rules.push((name.label_count(), says, *name));
            }
        }
        let deepest = rules.iter().max_by_key(|(labels, _, _)| *labels);
        deepest.map_or_else(Said::default, |(_, says, name)| {
            say(says, &KeyText::Name(*name))
        })
    }
}

/// Whether two places are one: of a name, only that scope is asked about that matters for the key.
fn is_same(one: &Place, other: &Place) -> bool {
    match (one, other) {
        (Place::Network(one), Place::Network(other)) => one == other,
        (Place::Name(one, _), Place::Name(other, _)) => one == other,
        _ => false,
    }
}

pub(super) fn word(was: &Said, is: &Said) -> Option<&'static str> {
    match (was.is_listed(), is.is_listed()) {
        (false, true) => Some("listed"),
        (true, false) => Some("delisted"),
        (true, true) if was != is => Some("changed"),
        _ => None,
    }
}

pub(super) fn say(says: &Says<'_>, key: &KeyText) -> Said {
    match says.listing() {
        Some(value) => say_value(value, key),
        None => Said::default(),
    }
}

fn say_value(value: Value<'_>, key: &KeyText) -> Said {
    let key = match key {
        KeyText::Address(std::net::IpAddr::V4(address)) => Key::V4(address.to_bits()),
        KeyText::Address(std::net::IpAddr::V6(address)) => Key::V6(address.to_bits()),
        KeyText::Name(name) => Key::Name(name.as_bytes()),
    };
    let mut buffer = TextBuf::new();
    let mut said = Said::default();
    for record in value.records() {
        said.a.extend(record.a);
        if let Some(template) = record.template {
            template.render(&key, &mut buffer);
            said.txt
                .push(String::from_utf8_lossy(buffer.as_bytes()).into_owned());
        }
    }
    sorted(said)
}

/// What an image answers.
pub(super) fn say_answer(answer: Answer<'_>) -> Said {
    let mut buffer = TextBuf::new();
    let mut said = Said::default();
    if answer.is_listed() {
        for record in answer.records() {
            said.a.extend(record.a());
            let text = record.txt(&mut buffer);
            said.txt
                .extend(text.map(|text| String::from_utf8_lossy(text).into_owned()));
        }
    }
    sorted(said)
}

fn sorted(mut said: Said) -> Said {
    said.a.sort_unstable();
    said.a.dedup();
    said.txt.retain(|text| !text.is_empty());
    said.txt.sort_unstable();
    said.txt.dedup();
    said
}
