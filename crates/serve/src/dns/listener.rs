//! The listeners of a policy: sockets and threads for each address.

use std::io;
use std::net::{Shutdown, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rblmap_policy::{Listen, ListenAddress, ListenOn, Policy};
use socket2::SockRef;

use super::limit::Limit;
use super::tcp::Tcp;
use super::udp;
use super::worker::Worker;
use crate::error::Error;
use crate::log::Level;
use crate::shared::Shared;

/// The DNS listeners and their worker threads.
#[derive(Debug)]
pub(crate) struct Dns {
    listeners: Vec<Listener>,
}

/// One address at work. Ends when it is dropped.
#[derive(Debug)]
struct Listener {
    setup: Setup,
    /// The address with the port that was free, where port 0 was asked for.
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    sockets: Vec<UdpSocket>,
    waker: Arc<mio::Waker>,
    threads: Vec<JoinHandle<()>>,
}

/// What a listener is made from: it is made anew when any of this is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Setup {
    address: SocketAddr,
    workers: usize,
    rate: Option<u32>,
    tcp_clients: usize,
}

impl Dns {
    /// Listens at the addresses of `[listen] dns`; does nothing where there are none.
    ///
    /// # Errors
    /// An address that cannot be bound; the system has no more threads or descriptors.
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<Dns, Error> {
        let policy = shared.policy();
        let mut dns = Dns {
            listeners: Vec::new(),
        };
        dns.reload(shared, &policy)?;
        Ok(dns)
    }

    /// Listens as another policy says, before it comes into force; on an error all stays as it is.
    /// A listener that the new policy has too goes on, with its connections.
    ///
    /// # Errors
    /// As for [`Dns::start`].
    pub(crate) fn reload(&mut self, shared: &Arc<Shared>, next: &Policy) -> Result<(), Error> {
        let mut fresh = Vec::new();
        let mut wanted = Vec::new();
        for on in &next.listen.dns {
            let ListenAddress::Tcp(address) = on.address else {
                continue; // the policy refuses others
            };
            let setup = Setup::of(address, &next.listen);
            wanted.push(setup);
            if !self.listeners.iter().any(|kept| kept.setup == setup) {
                let started = Listener::start(setup, shared);
                fresh.push(started.map_err(|source| failed(next, on, source))?);
            }
        }
        for Listener { address, .. } in &fresh {
            let line = format!("event=listening adapter=dns address={address}");
            shared.log.say(Level::Info, &line);
        }
        self.listeners.retain(|kept| wanted.contains(&kept.setup));
        self.listeners.append(&mut fresh);
        Ok(())
    }

    /// The addresses, with the ports that were free where 0 was asked for.
    #[cfg(test)]
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let listeners = self.listeners.iter();
        listeners.map(|listener| listener.address).collect()
    }

    /// Ends the workers and waits for them.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

fn failed(policy: &Policy, on: &ListenOn, source: io::Error) -> Error {
    Error::Listen {
        path: policy.path.clone(),
        line: on.line,
        address: on.address.to_string(),
        source,
    }
}

impl Setup {
    fn of(address: SocketAddr, listen: &Listen) -> Setup {
        Setup {
            address,
            workers: listen.dns_workers,
            rate: listen.dns_rate,
            tcp_clients: listen.dns_tcp_clients,
        }
    }
}

impl Listener {
    /// Binds the sockets, then starts a thread for each UDP socket and one for TCP.
    fn start(setup: Setup, shared: &Arc<Shared>) -> io::Result<Listener> {
        let listener = super::tcp::bind(setup.address)?;
        let address = listener.local_addr()?;
        let sockets = (0..setup.workers).map(|_| udp::bind(address));
        let sockets: Vec<UdpSocket> = sockets.collect::<io::Result<_>>()?;
        let tcp = Tcp::new(listener, Worker::new(shared), setup.tcp_clients)?;
        let mut started = Listener {
            setup,
            address,
            stop: Arc::default(),
            sockets: Vec::new(),
            waker: tcp.waker(),
            threads: Vec::new(),
        };
        for socket in sockets {
            started.sockets.push(socket.try_clone()?);
            let worker = Worker::new(shared);
            let limit = setup.rate_of_worker().map(Limit::new);
            let stop = Arc::clone(&started.stop);
            started.spawn("dns-udp", move || udp::run(&socket, worker, limit, &stop))?;
        }
        let stop = Arc::clone(&started.stop);
        started.spawn("dns-tcp", move || tcp.run(&stop))?;
        Ok(started)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let builder = std::thread::Builder::new().name(name.to_owned());
        self.threads.push(builder.spawn(work)?);
        Ok(())
    }
}

impl Setup {
    /// The kernel spreads the clients over the sockets of an address, and forged ports too.
    fn rate_of_worker(&self) -> Option<u32> {
        let workers = u32::try_from(self.workers).unwrap_or(u32::MAX).max(1);
        self.rate.map(|rate| rate.div_ceil(workers))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for socket in &self.sockets {
            // Wakes the thread that waits for a datagram. Linux does that, and says that there is
            // no connection to shut down; elsewhere the thread ends after its nap.
            let _ = SockRef::from(socket).shutdown(Shutdown::Both);
        }
        // If it cannot be woken, the thread looks twice a second.
        let _ = self.waker.wake();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}
