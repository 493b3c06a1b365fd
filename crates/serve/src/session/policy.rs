//! Policy delegation: the action for a recipient, and the connection stays.

use std::borrow::Cow;

use rblmap_policy::{Action, Request, client_address};

use crate::desk::{Adapter, Desk};
use crate::session::Step;
use crate::wire::{Frame, policy};

/// A value as text. Nearly all are ASCII, which is seen at once.
fn text(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(value),
    }
}

pub(crate) fn step(input: &[u8], desk: &mut Desk, out: &mut Vec<u8>) -> Step {
    let (attributes, used) = match policy::read(input) {
        Frame::Partial => return Step::Wait,
        Frame::Broken => {
            desk.count_malformed(Adapter::Policy);
            return Step::Close;
        }
        Frame::Whole(attributes, used) => (attributes, used),
    };
    // What names no kind of request is taken for the only kind that there is.
    let ours = matches!(attributes.request, b"smtpd_access_policy" | b"");
    if attributes.malformed || !ours {
        desk.count_malformed(Adapter::Policy);
        out.extend_from_slice(b"action=DUNNO\n\n");
        return Step::Used(used);
    }
    let [client, name, reverse, helo, sender, recipient, port] = [
        attributes.client_address,
        attributes.client_name,
        attributes.reverse_client_name,
        attributes.helo_name,
        attributes.sender,
        attributes.recipient,
        attributes.server_port,
    ]
    .map(text);
    let request = Request {
        client: client_address(&client),
        helo: &helo,
        sender: &sender,
        rdns: if reverse.is_empty() { &name } else { &reverse },
        verified: &name,
        recipient: &recipient,
        authenticated: !attributes.sasl_username.is_empty(),
        port: port.parse().ok(),
        ..Request::default()
    };
    let decision = desk.decide(Adapter::Policy, &request);
    out.extend_from_slice(b"action=");
    match decision.action {
        Action::Reject | Action::Defer => out.extend_from_slice(decision.reply.as_bytes()),
        Action::Tag => {
            out.extend_from_slice(b"PREPEND ");
            out.extend_from_slice(decision.reply.as_bytes());
        }
        Action::Pass | Action::Log | Action::Allowed | Action::Exempt => {
            out.extend_from_slice(b"DUNNO");
        }
    }
    out.extend_from_slice(b"\n\n");
    Step::Used(used)
}
