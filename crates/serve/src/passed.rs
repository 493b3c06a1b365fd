//! Sockets that systemd has opened (sd_listen_fds(3)).

use std::io;

use listenfd::ListenFd;
use rblmap_policy::{ListenAddress, Policy};

use crate::desk::Adapter;
use crate::listener::{Listener, wanted};
use crate::log::{Level, Log};

/// The listeners that were passed to the process. Each belongs to the line of `[listen]` with its
/// path or address; one that no line names is told and closed.
pub(crate) fn take(policy: &Policy, log: &Log) -> io::Result<Vec<Listener>> {
    let mut passed = ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..passed.len() {
        let (address, listener) = match passed.take_unix_listener(index) {
            Ok(Some(socket)) => {
                let path = socket.local_addr()?;
                let path = path
                    .as_pathname()
                    .map(std::path::Path::to_owned)
                    .unwrap_or_default();
                let found = find(
                    policy,
                    |address| matches!(address, ListenAddress::Unix(unix) if unix.path == path),
                );
                let listener =
                    found.map(|(adapter, address)| Listener::passed_unix(adapter, address, socket));
                (path.display().to_string(), listener)
            }
            Ok(None) => continue,
            Err(_) => {
                let Some(socket) = passed.take_tcp_listener(index)? else {
                    continue;
                };
                let local = socket.local_addr()?;
                let found = find(
                    policy,
                    |address| matches!(address, ListenAddress::Tcp(tcp) if *tcp == local),
                );
                let listener =
                    found.map(|(adapter, address)| Listener::passed_tcp(adapter, address, socket));
                (local.to_string(), listener)
            }
        };
        match listener {
            Some(listener) => listeners.push(listener?),
            None => {
                let line = format!(
                    "event=socket-not-used address=\"{address}\" reason=\"no line of [listen] names it\""
                );
                log.say(Level::Warning, &line);
            }
        }
    }
    Ok(listeners)
}

fn find(policy: &Policy, is: impl Fn(&ListenAddress) -> bool) -> Option<(Adapter, &ListenAddress)> {
    wanted(policy)
        .find(|(_, on)| is(&on.address))
        .map(|(adapter, on)| (adapter, &on.address))
}
