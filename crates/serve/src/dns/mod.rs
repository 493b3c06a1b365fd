//! DNS: what rbldnsd answers, from the images of the policy (`docs/dns.md`).
//!
//! `answer` is a function of zones, packet and time; the files below it read a query (`query`,
//! `name`), decide (`decision`, with `zones`, `facts`, `rows`, `bytes`, `below`) and write the reply (`reply`,
//! `message`). Around it are the threads: `udp` and `tcp` take packets, `worker` is what each thread
//! has, and `listener` starts and ends them.

mod answer;
mod below;
mod counts;
mod decision;
mod facts;
mod limit;
mod listener;
mod message;
mod name;
mod query;
mod reply;
mod rows;
mod sample;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;
mod wire_name;
mod worker;
mod zones;

pub(crate) use listener::Dns;
#[cfg(feature = "fuzz")]
pub(crate) use {query::Over, worker::Worker};
