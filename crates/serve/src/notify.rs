//! What systemd is told (sd_notify(3)): nothing where it does not ask.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The way to the service manager, if there is one.
#[derive(Debug)]
pub(crate) struct Notify {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// Half of the time after which the manager ends a service that is silent.
    pub(crate) watchdog: Option<Duration>,
}

impl Notify {
    /// As the environment says.
    pub(crate) fn from_environment() -> Notify {
        let address = std::env::var_os("NOTIFY_SOCKET").and_then(|name| match name.as_bytes() {
            [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name).ok(),
            _ => SocketAddr::from_pathname(&name).ok(),
        });
        let to = address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address)));
        let microseconds = std::env::var("WATCHDOG_USEC")
            .ok()
            .and_then(|text| text.parse::<u64>().ok());
        let watchdog = microseconds.map(|microseconds| Duration::from_micros(microseconds / 2));
        Notify { to, watchdog }
    }

    /// Tells a state, such as `READY=1`.
    pub(crate) fn tell(&self, state: &str) {
        if let Some((socket, address)) = &self.to {
            // A manager that does not listen is no reason not to serve.
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
    }
}
