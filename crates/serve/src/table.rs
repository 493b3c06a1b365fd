//! The open connections, by token.

use std::time::Instant;

use mio::Token;

use crate::connection::Connection;

/// Tokens of connections begin here; those below are of others.
pub(crate) const FIRST_CONNECTION: usize = 1 << 32;

/// Connections in places that are used again.
#[derive(Debug, Default)]
pub(crate) struct Table {
    places: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Bytes in the buffers of all connections.
    pub(crate) buffered: usize,
}

impl Table {
    pub(crate) fn insert(&mut self, connection: Connection) -> Token {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        if let Some(free) = self.places.get_mut(place) {
            *free = Some(connection);
        }
        Token(FIRST_CONNECTION + place)
    }

    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut Connection> {
        self.places.get_mut(place(token)?)?.as_mut()
    }

    pub(crate) fn remove(&mut self, token: Token) -> Option<Connection> {
        let place = place(token)?;
        let connection = self.places.get_mut(place)?.take()?;
        self.free.push(place);
        self.buffered = self.buffered.saturating_sub(connection.buffered());
        Some(connection)
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Those that were silent for too long.
    pub(crate) fn over(&self, now: Instant) -> Vec<Token> {
        let of = |(place, connection): (usize, &Option<Connection>)| {
            let over = connection
                .as_ref()
                .is_some_and(|connection| connection.is_over(now));
            over.then_some(Token(FIRST_CONNECTION + place))
        };
        self.places.iter().enumerate().filter_map(of).collect()
    }
}

fn place(token: Token) -> Option<usize> {
    token.0.checked_sub(FIRST_CONNECTION)
}
