//! What a mirror may do with what a folder says, and what it must.

use rblmap_feed::Class;

use super::trust::{Heard, OFFLINE};
use super::{Life, Seen, View};

/// What a view may lead to.
pub(super) struct Judged {
    pub(super) must: bool,
    pub(super) may: bool,
    /// What is told of it if it is not taken.
    pub(super) classes: Vec<Class>,
}

impl Life {
    pub(super) fn judge(&self, view: Option<&View>, killed: bool) -> Judged {
        let no = |classes: &[Class]| Judged {
            must: false,
            may: false,
            classes: classes.to_vec(),
        };
        let Some(view) = view else {
            return no(&[Class::Transport]);
        };
        let loudest = self.views.iter().flatten().map(|view| view.statement).max();
        let heard = self.heard.with(view.statement, loudest.unwrap_or(0));
        // What only a key said that the offline key removed is forgotten.
        let forgotten = |seen: &&Seen| seen.signer < self.said.base(heard.most);
        let floor_is_sure = self.seen.as_ref().is_none_or(|seen| !forgotten(&seen));
        let issue = self.seen.as_ref().and_then(|seen| seen.issue);
        let unreadable = matches!(view.broken, Some(0 | 1));
        let mut damage = vec![Class::Signature, Class::Damaged, Class::Transport];
        if floor_is_sure && issue.is_some_and(|issue| view.issue < issue) {
            // The number is compared before the signature: a damaged one may be called old as well.
            damage.retain(|_| unreadable);
            damage.push(Class::Behind);
            return no(&damage);
        }
        let (knows, may_know) = heard.believes(&self.said, view.signer, self.world.now);
        if !may_know {
            // Damage is seen before anybody asks who signed.
            damage.retain(|class| unreadable || *class == Class::Signature);
            damage.push(Class::Behind);
            return no(&damage);
        }
        if view.expires <= self.world.now {
            damage.retain(|class| unreadable || *class == Class::Signature);
            damage.push(Class::Expired);
            return no(&damage);
        }
        let gave_up = self.seen.as_ref().is_some_and(|seen| seen.retired);
        let needed = self.damaged || self.served.as_ref() != Some(&view.content);
        if unreadable {
            // What was verified before is not fetched again, and the pointer only names it.
            let may = (gave_up || !needed) && issue == Some(view.issue);
            return Judged { may, ..no(&damage) };
        }
        let plain = self.seen.as_ref().is_none_or(|seen| {
            floor_is_sure
                && seen.issue.is_some()
                && (view.line == seen.line && view.serial >= seen.serial
                    || view.session != seen.session)
        });
        let must = plain && knows;
        if view.retired {
            return self.judge_retired(view, &heard, must, gave_up, killed);
        }
        if needed && view.broken == Some(2) {
            return no(&damage);
        }
        Judged {
            must,
            may: true,
            classes: vec![Class::Signature, Class::Damaged, Class::Behind],
        }
    }

    /// A zone that answers is given up by the word of the offline key alone.
    fn judge_retired(
        &self,
        view: &View,
        heard: &Heard,
        must: bool,
        gave_up: bool,
        killed: bool,
    ) -> Judged {
        let is_empty = self.served.is_none() && !self.damaged;
        let without_asking = is_empty || gave_up || view.signer == OFFLINE;
        // A mirror that was killed may have got an image, or given the zone up.
        let sure = !killed && (without_asking || self.said.gives_up(heard.least));
        let may = sure || killed || self.damaged || self.said.gives_up(heard.most);
        let mut classes = vec![Class::Signature, Class::Damaged, Class::Behind];
        if !sure {
            classes.push(Class::Guard);
        }
        Judged {
            must: must && sure,
            may,
            classes,
        }
    }
}
