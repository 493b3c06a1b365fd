//! Socketmap: `ZONES KEY` as a netstring in, `OK TEXT` or `NOTFOUND ` out.

use rblmap_policy::{Choice, Request, client_address};

use crate::desk::{Adapter, Desk};
use crate::session::Step;
use crate::wire::{Frame, netstring};

pub(crate) fn step(input: &[u8], desk: &mut Desk, out: &mut Vec<u8>) -> Step {
    let (text, used) = match netstring::read(input) {
        Frame::Partial => return Step::Wait,
        Frame::Broken => {
            desk.count_malformed(Adapter::Socketmap);
            return Step::Close;
        }
        Frame::Whole(text, used) => (text, used),
    };
    let answer = std::str::from_utf8(text)
        .ok()
        .and_then(|text| answer(text, desk));
    netstring::write(answer.as_deref().unwrap_or("NOTFOUND "), out);
    Step::Used(used)
}

/// `OK TEXT` for a key that is refused. Postfix asks for the client's name first, which is no
/// address and not found.
fn answer(text: &str, desk: &mut Desk) -> Option<String> {
    let Some((zones, key)) = text.split_once(' ') else {
        desk.count_malformed(Adapter::Socketmap);
        return None;
    };
    let zones = Choice::Named(zones);
    if !zones.is_known(desk.policy()) {
        desk.count_malformed(Adapter::Socketmap);
        return None;
    }
    let client = client_address(key)?;
    let request = Request {
        client: Some(client),
        zones,
        ..Request::default()
    };
    let decision = desk.decide(Adapter::Socketmap, &request);
    decision
        .action
        .refuses()
        .then(|| format!("OK {}", decision.reply))
}
