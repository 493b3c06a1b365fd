//! Query: one line in, the reply text or nothing out, then closed. Exim's `readsocket` speaks it.

use rblmap_policy::{Choice, Request, client_address};

use crate::desk::{Adapter, Desk};
use crate::session::Step;
use crate::wire::Frame;
use crate::wire::query::{Query, question, read};

pub(crate) fn step(input: &[u8], ended: bool, desk: &mut Desk, out: &mut Vec<u8>) -> Step {
    let query = match read(input) {
        Frame::Partial if ended && !input.is_empty() => question(input),
        Frame::Partial => return Step::Wait,
        Frame::Broken => None,
        Frame::Whole(query, _) => query,
    };
    match query.and_then(|query| request(query, desk)) {
        Some(request) => {
            let decision = desk.decide(Adapter::Query, &request);
            if decision.action.refuses() {
                out.extend_from_slice(decision.reply.as_bytes());
            }
        }
        None => desk.count_malformed(Adapter::Query),
    }
    Step::Close
}

fn request<'q>(query: Query<'q>, desk: &Desk) -> Option<Request<'q>> {
    let zones = Choice::Named(query.zones);
    let client = client_address(query.address)?;
    let request = Request {
        client: Some(client),
        zones,
        ..Request::default()
    };
    zones.is_known(desk.policy()).then_some(request)
}
