//! Sockets that wait for connections: made here, or passed by systemd.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use rblmap_policy::{ListenAddress, ListenOn, Policy, UnixAddress};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::connection::Stream;
use crate::desk::Adapter;
use crate::error::Error;

/// A listener and what is spoken there.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) adapter: Adapter,
    pub(crate) address: ListenAddress,
    socket: Waiting,
    /// The socket file, if it is ours to remove: it goes with the listener.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Waiting {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// A socket's file, and which one it was.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// The listeners of a policy, each with its protocol.
pub(crate) fn wanted(policy: &Policy) -> impl Iterator<Item = (Adapter, &ListenOn)> {
    let listen = &policy.listen;
    let lists = [
        (Adapter::Policy, &listen.policy),
        (Adapter::Socketmap, &listen.socketmap),
        (Adapter::Milter, &listen.milter),
        (Adapter::Query, &listen.query),
        (Adapter::Metrics, &listen.metrics),
    ];
    lists
        .into_iter()
        .flat_map(|(adapter, list)| list.iter().map(move |on| (adapter, on)))
}

impl Listener {
    /// Listens at an address. The file of a socket that nobody serves any more is removed; one that
    /// somebody serves is left alone.
    pub(crate) fn open(
        adapter: Adapter,
        on: &ListenOn,
        policy: &Policy,
    ) -> Result<Listener, Error> {
        let address = on.address.to_string();
        let opened = match &on.address {
            ListenAddress::Unix(unix) => open_unix(unix),
            ListenAddress::Tcp(tcp) => open_tcp(*tcp),
        };
        let (socket, file) = opened.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => Error::Taken {
                path: policy.path.clone(),
                line: on.line,
                address: address.clone(),
            },
            _ => Error::Listen {
                path: policy.path.clone(),
                line: on.line,
                address: address.clone(),
                source,
            },
        })?;
        Ok(Listener {
            adapter,
            address: on.address.clone(),
            socket,
            _file: file,
        })
    }

    /// Takes a unix socket that was passed to the process.
    pub(crate) fn passed_unix(
        adapter: Adapter,
        address: &ListenAddress,
        socket: std::os::unix::net::UnixListener,
    ) -> io::Result<Listener> {
        socket.set_nonblocking(true)?;
        let socket = Waiting::Unix(UnixListener::from_std(socket));
        Ok(Listener {
            adapter,
            address: address.clone(),
            socket,
            _file: None,
        })
    }

    /// Takes a TCP socket that was passed to the process.
    pub(crate) fn passed_tcp(
        adapter: Adapter,
        address: &ListenAddress,
        socket: std::net::TcpListener,
    ) -> io::Result<Listener> {
        socket.set_nonblocking(true)?;
        let socket = Waiting::Tcp(TcpListener::from_std(socket));
        Ok(Listener {
            adapter,
            address: address.clone(),
            socket,
            _file: None,
        })
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.socket {
            Waiting::Unix(socket) => socket.register(registry, token, Interest::READABLE),
            Waiting::Tcp(socket) => socket.register(registry, token, Interest::READABLE),
        }
    }

    pub(crate) fn accept(&self) -> io::Result<Stream> {
        match &self.socket {
            Waiting::Unix(socket) => socket.accept().map(|(stream, _)| Stream::Unix(stream)),
            Waiting::Tcp(socket) => {
                let (stream, _) = socket.accept()?;
                // An answer is one write; it must not wait for the peer's acknowledgement.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }

    /// The address as it is: with the port that the system chose for port 0.
    pub(crate) fn local_address(&self) -> String {
        match &self.socket {
            Waiting::Unix(_) => self.address.to_string(),
            Waiting::Tcp(socket) => socket
                .local_addr()
                .map_or_else(|_| self.address.to_string(), |a| a.to_string()),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever has put another socket there keeps it.
        let ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|facts| facts.dev() == self.device && facts.ino() == self.inode);
        if ours {
            // The next start removes it, too.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn open_tcp(address: std::net::SocketAddr) -> io::Result<(Waiting, Option<SocketFile>)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok((Waiting::Tcp(TcpListener::from_std(socket.into())), None))
}

fn open_unix(address: &UnixAddress) -> io::Result<(Waiting, Option<SocketFile>)> {
    let path = &address.path;
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let facts = std::fs::symlink_metadata(path)?;
    let file = SocketFile {
        path: path.clone(),
        device: facts.dev(),
        inode: facts.ino(),
    };
    // Nobody can connect before the socket listens, so nobody sees it with other permissions.
    if let Some(group) = &address.group {
        std::os::unix::fs::chown(path, None, Some(group_id(group)?))?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(address.mode))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok((
        Waiting::Unix(UnixListener::from_std(socket.into())),
        Some(file),
    ))
}

/// Removes a socket that nobody listens at.
fn remove_stale(path: &Path) -> io::Result<()> {
    let facts = match std::fs::symlink_metadata(path) {
        Ok(facts) => facts,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !facts.file_type().is_socket() {
        let what = "there is a file that is not a socket; it is left alone";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        // Whoever does not let us in may be alive.
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) => Err(error),
    }
}

/// The number of a group, from its name in /etc/group, or as a number.
fn group_id(group: &str) -> io::Result<u32> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let file = std::fs::read_to_string("/etc/group")?;
    let of_line = |line: &str| {
        let mut words = line.split(':');
        (words.next() == Some(group))
            .then(|| words.nth(1)?.parse().ok())
            .flatten()
    };
    file.lines().find_map(of_line).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no group {group} in /etc/group"),
        )
    })
}
