//! Whom a mirror may trust, and whom it must: by numbers of keys, without a signature.

/// The number of the offline key, which every mirror trusts.
pub(crate) const OFFLINE: u32 = u32::MAX;
/// How long a key is announced before it is trusted, seconds.
const ANNOUNCED_FOR: u64 = 7 * 24 * 3600;

/// What the publisher ever said of keys.
#[derive(Debug)]
pub(crate) struct Said {
    /// By the number of a statement of the offline key: the online key that it leaves or puts in
    /// place. Keys with smaller numbers are removed by then.
    bases: Vec<u32>,
    /// The first statement that gives the zone up.
    given_up: Option<usize>,
    /// Keys that were announced, and when first.
    announced: Vec<(u32, u64)>,
}

impl Default for Said {
    fn default() -> Said {
        Said {
            bases: vec![0],
            given_up: None,
            announced: Vec::new(),
        }
    }
}

impl Said {
    /// The newest statement; 0 for none.
    pub(crate) fn last(&self) -> usize {
        self.bases.len() - 1
    }

    pub(crate) fn base(&self, statement: usize) -> u32 {
        self.bases[statement]
    }

    pub(crate) fn replaced_by(&mut self, key: u32) {
        self.bases.push(key);
    }

    pub(crate) fn given_up(&mut self) {
        self.bases.push(self.base(self.last()));
        self.given_up = self.given_up.or(Some(self.last()));
    }

    pub(crate) fn gives_up(&self, statement: usize) -> bool {
        self.given_up.is_some_and(|first| first <= statement)
    }

    pub(crate) fn announced(&mut self, key: u32, now: u64) {
        self.announced.push((key, now));
    }

    fn announced_at(&self, key: u32) -> Option<u64> {
        let mut announced = self.announced.iter();
        announced
            .find(|(known, _)| *known == key)
            .map(|(_, at)| *at)
    }
}

/// What a mirror has heard of that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    /// The statement that it has obeyed, at least and at most.
    pub(crate) least: usize,
    pub(crate) most: usize,
    /// It remembers nothing from before.
    born: u64,
    /// A key that it has taken news of, since when, and how many.
    waiting: Option<(u32, u64, usize)>,
    /// Keys that it must trust since they were announced long enough.
    trusted: Vec<u32>,
}

impl Heard {
    pub(crate) fn born(now: u64) -> Heard {
        Heard {
            born: now,
            ..Heard::default()
        }
    }

    /// The same where a view with this statement is looked at, and another has the newest.
    pub(crate) fn with(&self, statement: usize, loudest: usize) -> Heard {
        Heard {
            least: self.least.max(statement),
            most: self.most.max(statement).max(loudest),
            ..self.clone()
        }
    }

    /// Whether it must believe what a key signed, and whether it may.
    pub(crate) fn believes(&self, said: &Said, key: u32, now: u64) -> (bool, bool) {
        let announced = said.announced_at(key);
        let may_trust = announced.is_some_and(|at| now >= at.max(self.born) + ANNOUNCED_FOR);
        let under = |statement: usize, trusted: bool| {
            let base = said.base(statement);
            key == OFFLINE || key == base || key > base && trusted
        };
        let trusted = self.trusted.contains(&key);
        let sure = under(self.least, trusted) && under(self.most, trusted);
        let may = (self.least..=self.most).any(|statement| under(statement, may_trust));
        (sure, may)
    }

    pub(crate) fn may_have_heard(&mut self, statement: usize) {
        self.most = self.most.max(statement);
    }

    /// It may have looked at each of these. One that is newer than the announcement and does not
    /// have it takes it back.
    pub(crate) fn was_shown(
        &mut self,
        said: &Said,
        views: impl Iterator<Item = (Option<u32>, u64)>,
    ) {
        for (announces, generated) in views {
            self.waiting.take_if(|(key, _, _)| {
                let since = said.announced_at(*key).unwrap_or(0);
                announces != Some(*key) && generated >= since
            });
        }
    }

    /// It has taken a view; one that is new to it counts.
    pub(crate) fn took(
        &mut self,
        said: &Said,
        statement: usize,
        announces: Option<u32>,
        anew: bool,
        now: u64,
    ) {
        self.least = self.least.max(statement);
        let base = said.base(self.least);
        let announces = announces.filter(|&key| anew && key > base && !self.trusted.contains(&key));
        let Some(key) = announces else {
            return;
        };
        match &mut self.waiting {
            Some((known, since, issues)) if *known == key => {
                *issues += 1;
                if *issues >= 2 && now - *since >= ANNOUNCED_FOR {
                    self.trusted.push(key);
                    self.waiting = None;
                }
            }
            waiting => *waiting = Some((key, now, 1)),
        }
    }
}
