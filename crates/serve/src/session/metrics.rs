//! Metrics over HTTP: `/metrics` and `/healthz`, then closed.

use crate::desk::{Adapter, Desk};
use crate::session::Step;
use crate::wire::{Frame, http};

pub(crate) fn step(input: &[u8], desk: &mut Desk, out: &mut Vec<u8>) -> Step {
    let (status, kind, body, with_body) = match http::read(input) {
        Frame::Partial => return Step::Wait,
        Frame::Broken => {
            desk.count_malformed(Adapter::Metrics);
            ("400 Bad Request", TEXT, "bad request\n".to_owned(), true)
        }
        Frame::Whole(request, _) => {
            let head = request.method == "HEAD";
            match (request.method, request.path) {
                ("GET" | "HEAD", "/metrics") => ("200 OK", PROMETHEUS, desk.metrics_text(), !head),
                ("GET" | "HEAD", "/healthz") => ("200 OK", TEXT, "ok\n".to_owned(), !head),
                ("GET" | "HEAD", _) => ("404 Not Found", TEXT, "not found\n".to_owned(), !head),
                _ => (
                    "405 Method Not Allowed",
                    TEXT,
                    "only GET\n".to_owned(),
                    true,
                ),
            }
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(head.as_bytes());
    if with_body {
        out.extend_from_slice(body.as_bytes());
    }
    Step::Close
}

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
